// A client on Sora's own JavaScript SDK in a browser. The test drives it through `window.party`.
import Sora from "sora-js-sdk";

const SAMPLE_RATE = 16000;
const MAXIMUM_HEARD_SAMPLES = 60 * SAMPLE_RATE;

const context = new AudioContext({ sampleRate: SAMPLE_RATE });
const events = [];
let heard = [];
let heardSamples = 0;
let ear;
let connection;
const watched = [];
let pictures;

function note(event, fields) {
  events.push({ event, ...fields });
}

/** Records what all streams play together. */
async function openEar() {
  await context.audioWorklet.addModule(URL.createObjectURL(new Blob([EAR], { type: "text/javascript" })));
  await context.resume();
  ear = new AudioWorkletNode(context, "ear", { channelCount: 1, channelCountMode: "explicit" });
  ear.port.onmessage = ({ data }) => {
    heard.push(data);
    heardSamples += data.length;
    while (heardSamples > MAXIMUM_HEARD_SAMPLES) heardSamples -= heard.shift().length;
  };
  ear.connect(context.destination);
}

/** Lets the ear hear `stream`: Chromium lets audio through only where an element plays it too. */
async function listen(stream) {
  const element = new Audio();
  element.srcObject = stream;
  element.muted = true;
  await element.play();
  context.createMediaStreamSource(stream).connect(ear);
}

const EAR = `registerProcessor("ear", class extends AudioWorkletProcessor {
  process([input]) {
    if (input[0]) this.port.postMessage(Int16Array.from(input[0], (sample) => Math.max(-1, Math.min(1, sample)) * 32767));
    return true;
  }
});`;

/** A stream of pictures of one colour, given as blue, green and red, with a square that changes. */
function openCamera({ width, height, fps, color: [blue, green, red] }) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const paint = canvas.getContext("2d");
  let turn = 0;
  setInterval(() => {
    paint.fillStyle = `rgb(${red} ${green} ${blue})`;
    paint.fillRect(0, 0, width, height);
    paint.fillStyle = `hsl(${(turn * 37) % 360} 80% 50%)`;
    turn += 1;
    paint.fillRect(width / 2, height / 2, width / 4, height / 4);
  }, 1000 / fps);
  return canvas.captureStream(fps);
}

/** Plays a video track, so that it can be looked at. */
function watch(stream) {
  const element = Object.assign(document.createElement("video"), { muted: true, srcObject: stream });
  const seen = { stream_id: stream.id, element, frames: 0 };
  const count = () => {
    seen.frames += 1;
    element.requestVideoFrameCallback(count);
  };
  element.requestVideoFrameCallback(count);
  watched.push(seen);
  return element.play();
}

/** The mean colour of the first corner of what an element shows, as blue, green and red. */
function cornerOf(element) {
  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
  const paint = canvas.getContext("2d");
  paint.drawImage(element, 0, 0, element.videoWidth / 4, element.videoHeight / 4, 0, 0, 1, 1);
  const [red, green, blue] = paint.getImageData(0, 0, 1, 1).data;
  return [blue, green, red];
}

function toBase64(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192)
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}

async function connect() {
  if (connection.role === "recvonly") await connection.connect();
  else {
    const raw = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    const media = await navigator.mediaDevices.getUserMedia({ audio: raw });
    for (const track of pictures?.getVideoTracks() ?? []) media.addTrack(track);
    await connection.connect(media);
  }
  return connection.connectionId;
}

window.party = {
  async join({ url, role, channel, options, camera }) {
    await openEar();
    if (camera) pictures = openCamera(camera);
    const sora = Sora.connection(url, false);
    connection = sora[role](channel, null, { audio: true, video: false, ...options });
    connection.on("notify", (message) =>
      note("notify", { message, own: message.connection_id === connection.connectionId }),
    );
    connection.on("push", (message) => note("push", { message }));
    connection.on("track", ({ track, streams: [stream] }) => {
      note("track", { kind: track.kind, stream_id: stream?.id });
      if (track.kind === "audio" && stream)
        listen(stream).catch((error) => note("error", { message: String(error) }));
      if (track.kind === "video" && stream)
        watch(stream).catch((error) => note("error", { message: String(error) }));
    });
    connection.on("disconnect", ({ type, title, code, reason }) =>
      note("disconnect", { type, title, code, reason }),
    );
    connection.on("switched", (message) => note("switched", { message }));
    connection.on("datachannel", ({ datachannel }) => note("data_channel", { label: datachannel.label }));
    connection.on("message", ({ label, data }) =>
      note("message", { label, data: toBase64(new Uint8Array(data)) }),
    );
    return await connect();
  },
  /** Joins again, with the same connection of the SDK. */
  connect,
  /** Takes the events since the last call. */
  events: () => events.splice(0),
  clear() {
    heard = [];
    heardSamples = 0;
  },
  heard() {
    const all = new Int16Array(heardSamples);
    let at = 0;
    for (const part of heard) {
      all.set(part, at);
      at += part.length;
    }
    return toBase64(new Uint8Array(all.buffer));
  },
  async send(label, base64) {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    await connection.sendMessage(label, bytes);
  },
  /** The video tracks so far. */
  seen: () =>
    watched.map(({ element, ...seen }) => ({
      ...seen,
      width: element.videoWidth,
      height: element.videoHeight,
      color: element.videoWidth > 0 ? cornerOf(element) : [],
    })),
  rpc: (method, params) => connection.rpc(method, params),
  disconnect: () => connection.disconnect(),
};
note("loaded", {});
