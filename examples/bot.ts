// A bot that repeats what it understands, and falls silent when you speak.
// npm run example bot ws://127.0.0.1:5000/signaling lobby
import { AudioMixer, connect } from "troupe";
import { Ears, FliteVoice, Mouth, Pocketsphinx } from "troupe/agent";
import { sora } from "troupe/sora";

const [signalingUrl = "ws://127.0.0.1:5000/signaling", channelId = "lobby"] = process.argv.slice(2);
const mouth = new Mouth({ voice: new FliteVoice() });
const mixer = new AudioMixer({ sampleRate: 48_000, channels: 1 });
mixer.add(mouth.source, { gain: 0.9 });

const connection = connect(sora({ signalingUrls: [signalingUrl], channelId, role: "sendrecv" }));
connection.publish(mixer);
connection.on("track", (track) => {
  const ears = new Ears(track, { recognizer: new Pocketsphinx() });
  ears.on("speechStarted", () => mouth.interrupt());
  ears.on("heard", ({ text }) => {
    console.log(`${track.senderId}: ${text}`);
    if (text) mouth.say(`You said: ${text}.`).catch(console.error);
  });
});
connection.on("reconnecting", (reason) => console.log(`reconnecting: ${reason}`));

await connection.connected();
connection.on("disconnected", (code, reason) => console.log(`left: ${code} ${reason}`));
console.log(`in ${channelId}; Ctrl-C leaves`);
process.once("SIGINT", async () => {
  await connection.disconnect();
  mouth.close();
  mixer.close();
});
