// Lists the names of LiveKit's Python SDK from the text of its reference: node livekitNames.mjs REFERENCE > LIST
import { readFileSync } from "node:fs";

/** Messages of the protocol, whose fields the reference does not show. */
const MESSAGE_FIELDS = {
  IceServer: ["urls", "username", "password"],
  ParticipantTrackPermission: ["participant_identity", "allow_all", "allowed_track_sids"],
  TrackPublishOptions: [
    "audio_encoding",
    "video_encoding",
    "video_codec",
    "dtx",
    "red",
    "simulcast",
    "source",
    "stream",
    "preconnect_buffer",
  ],
  VideoEncoding: ["max_bitrate", "max_framerate"],
};

const lines = readFileSync(process.argv[2], "utf8").split("\n");
const names = new Set();

/** The parameters of the signature that begins at a line, with `isOption` for those that can be left out. */
function parametersAt(start) {
  const end = lines.indexOf("Expand source code", start);
  const text = lines.slice(start, end).join(" ").split("‑>")[0].trim();
  const parts = [];
  let depth = 0;
  let part = "";
  for (const letter of text.slice(1, text.lastIndexOf(")"))) {
    if ("([{".includes(letter)) depth++;
    if (")]}".includes(letter)) depth--;
    if (letter === "," && depth === 0) {
      parts.push(part);
      part = "";
    } else part += letter;
  }
  parts.push(part);
  let isKeyword = false;
  return parts.flatMap((one) => {
    const name = one.trim().match(/^\w+/)?.[0];
    if (one.trim() === "*") isKeyword = true;
    if (!name || name === "self" || name === "cls") return [];
    return [{ name, isOption: isKeyword || one.includes("=") }];
  });
}

let owner = "";
for (const [index, line] of lines.entries()) {
  const name = lines[index + 1] ?? "";
  if (line === "class" && /^[A-Z]\w*$/.test(name)) {
    owner = name;
    names.add(owner);
    for (const field of MESSAGE_FIELDS[owner] ?? []) names.add(`${owner}.${field}`);
    if (lines[index + 2] !== "(" || MESSAGE_FIELDS[owner]) continue;
    for (const { name: parameter } of parametersAt(index + 2)) {
      if (
        !["room_handle", "room_queue", "owned_info", "header", "local_participant", "info", "args"].includes(
          parameter,
        )
      )
        names.add(`${owner}.${parameter}`);
    }
  } else if (["def", "async def", "prop", "var"].includes(line) && /^\w+$/.test(name)) {
    if (name === "DESCRIPTOR") continue;
    const full = owner ? `${owner}.${name}` : name;
    names.add(full);
    if (!line.endsWith("def")) continue;
    for (const { name: parameter, isOption } of parametersAt(index + 2)) {
      if (isOption) names.add(`${full}(${parameter})`);
    }
  }
  const event = line.match(/^- \*\*"(\w+)"\*\*/)?.[1];
  if (event) names.add(`Room.on("${event}")`);
  const code = line.match(/^([A-Z_]+) = (1[45]0\d)$/)?.[1];
  if (code) names.add(`RpcError.ErrorCode.${code}`);
}
names.add("jupyter.display_room");
console.log([...names].join("\n"));
