// Joins a channel and sounds a 440 Hz tone until Ctrl-C.
// npm run example tone ws://127.0.0.1:5000/signaling lobby
import { AudioSource, connect } from "troupe";
import { sora } from "troupe/sora";

const [signalingUrl = "ws://127.0.0.1:5000/signaling", channelId = "lobby"] = process.argv.slice(2);
const sampleRate = 48_000;
const source = new AudioSource({ sampleRate, channels: 1 });
const connection = connect(
  sora({ signalingUrls: [signalingUrl], channelId, role: "sendonly", audioSource: source }),
);
process.once("SIGINT", () => connection.disconnect());

await connection.connected();
connection.on("disconnected", (code, reason) => console.log(`left: ${code} ${reason}`));
console.log(`sounding in ${channelId}`);
// 100 ms hold 44 whole periods, so the pieces join without a click.
const piece = Int16Array.from({ length: sampleRate / 10 }, (_, at) =>
  Math.round(8_000 * Math.sin((2 * Math.PI * 440 * at) / sampleRate)),
);
const sound = async () => {
  for (;;) await source.write(piece); // waits while the queue is full
};
await Promise.race([sound(), connection.disconnected()]);
source.close();
