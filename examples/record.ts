// Joins a channel, records the first track that it hears to a WAV file for some seconds, and leaves.
// npm run example record ws://127.0.0.1:5000/signaling lobby heard.wav 10
import { open } from "node:fs/promises";
import { connect, Recorder, type RemoteTrack, TroupeError } from "troupe";
import { sora } from "troupe/sora";

const LONGEST_SECONDS = 86_400;
const [
  signalingUrl = "ws://127.0.0.1:5000/signaling",
  channelId = "lobby",
  path = "heard.wav",
  seconds = "10",
] = process.argv.slice(2);
if (!(Number(seconds) > 0 && Number(seconds) <= LONGEST_SECONDS)) {
  throw TroupeError.expected("INVALID_OPTION", "the seconds", `above 0, at most ${LONGEST_SECONDS}`, seconds);
}
// A path that cannot be written is to be told of now, and not when there is something to lose.
await (await open(path, "a")).close();
const connection = connect(sora({ signalingUrls: [signalingUrl], channelId, role: "recvonly" }));
const firstTrack = new Promise<RemoteTrack>((resolve) => connection.once("track", resolve));
process.once("SIGINT", () => connection.disconnect());

await connection.connected();
connection.on("disconnected", (code, reason) => console.log(`left: ${code} ${reason}`));
console.log(`in ${channelId}; waiting for somebody to record`);
const track = await Promise.race([firstTrack, connection.disconnected()]);
if (track) {
  const recorder = new Recorder({ path, tracks: [track] });
  const leaving = setTimeout(() => connection.disconnect(), Number(seconds) * 1000);
  await connection.disconnected();
  clearTimeout(leaving);
  await recorder.close();
  console.log(`wrote ${path}`);
}
