// Joins a channel and says back what each other party says.
// npm run example echo ws://127.0.0.1:5000/signaling lobby
import { AudioMixer, connect } from "troupe";
import { sora } from "troupe/sora";

const [signalingUrl = "ws://127.0.0.1:5000/signaling", channelId = "lobby"] = process.argv.slice(2);
const mixer = new AudioMixer({ sampleRate: 48_000, channels: 1 });
const connection = connect(sora({ signalingUrls: [signalingUrl], channelId, role: "sendrecv" }));

connection.on("track", (track) => {
  console.log(`echoing ${track.senderId}`);
  const input = mixer.add(track, { gain: 0.8 });
  track.on("ended", () => input.remove());
});
connection.publish(mixer);
await connection.connected();
connection.on("disconnected", (code, reason) => console.log(`left: ${code} ${reason}`));
console.log(`in ${channelId}; Ctrl-C leaves`);
process.once("SIGINT", async () => {
  await connection.disconnect();
  mixer.close();
});
