// Opens a LiveKit room, joins it as a bot, and tells what happens there until Ctrl-C or the room's end.
// npm run example livekit http://127.0.0.1:7880 devkey secret lobby
// Tokens and the room itself are matters of the server's API: see livekit-server-sdk (npm i livekit-server-sdk).
import { AccessToken, RoomServiceClient } from "livekit-server-sdk";
import { AudioSource, connect, TroupeError } from "troupe";
import { livekit } from "troupe/livekit";

const [url = "http://127.0.0.1:7880", apiKey = "devkey", apiSecret = "secret", room = "lobby"] =
  process.argv.slice(2);
if (!/^(wss?|https?):$/.test(URL.parse(url)?.protocol ?? ""))
  throw TroupeError.expected("INVALID_OPTION", "the server", "a ws://, wss://, http:// or https:// URL", url);

// On your server: make the room, and a token that lets one identity into it.
const rooms = new RoomServiceClient(url, apiKey, apiSecret);
await rooms.createRoom({ name: room, emptyTimeout: 60, metadata: "made by an example" });
const token = new AccessToken(apiKey, apiSecret, { identity: "bot", name: "A bot", ttl: "10m" });
token.addGrant({ roomJoin: true, room, canPublish: true, canSubscribe: true, canUpdateOwnMetadata: true });

// In the bot: join with the token.
const connection = connect(livekit({ url, token: await token.toJwt() }));
connection.on("participantConnected", ({ identity }) => console.log(`${identity} came`));
connection.on("participantDisconnected", ({ identity }) => console.log(`${identity} went`));
connection.on("trackSubscribed", (_track, publication, participant) =>
  console.log(`hears the ${publication.source} of ${participant.identity}`),
);
connection.on("roomMetadataChanged", (_old, metadata) => console.log(`the room is now "${metadata}"`));
process.once("SIGINT", () => connection.disconnect());

await connection.connected();
connection.on("disconnected", () => console.log(`left: ${connection.disconnectReason}`));
using source = new AudioSource();
const publication = await connection.publishTrack(source, { name: "voice", source: "microphone" });
await connection.localParticipant.setAttributes({ mood: "calm" });
console.log(`in ${connection.name} (${connection.metadata}) with track ${publication.sid}`);

// On your server again: what RoomService sees of the bot.
for (const { identity, attributes, tracks } of await rooms.listParticipants(room)) {
  console.log(`RoomService sees ${identity}, ${attributes.mood}, with ${tracks.length} track`);
}
await rooms.updateRoomMetadata(room, "open");
await connection.disconnected();
