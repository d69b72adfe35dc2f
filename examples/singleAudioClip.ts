// Sends one WAV file to an avatar and counts the frames of the face that speaks it.
// npm run example singleAudioClip clip.wav
// The service is named by AVATAR_CONSOLE_URL, AVATAR_INGRESS_URL, AVATAR_API_KEY, AVATAR_APP_ID and AVATAR_ID;
// without them a local one answers.
import { readFile } from "node:fs/promises";
import { AudioResampler, createFrame, decodeWav, remixFrame } from "troupe";
import { AvatarSession } from "troupe/avatar";
import { AvatarService } from "troupe/stage";

const [path = "clip.wav"] = process.argv.slice(2);
const { AVATAR_CONSOLE_URL, AVATAR_INGRESS_URL, AVATAR_API_KEY, AVATAR_APP_ID, AVATAR_ID } = process.env;
const SAMPLE_RATE = 16_000;
/** About a second of a face. */
const FRAMES_A_LINE = 24;

// The clip, as the service takes it: mono, at a rate that it knows.
const clip = decodeWav(await readFile(path));
const mono = remixFrame(createFrame(clip.pcm, clip), 1);
const resampler = new AudioResampler({ inputRate: clip.sampleRate, outputRate: SAMPLE_RATE });
const pieces = [...resampler.push(mono), ...resampler.flush()];

await using local = AVATAR_CONSOLE_URL ? null : await AvatarService.start();
await using session = new AvatarSession({
  consoleUrl: AVATAR_CONSOLE_URL ?? "",
  ingressUrl: AVATAR_INGRESS_URL ?? "",
  apiKey: AVATAR_API_KEY ?? "",
  appId: AVATAR_APP_ID ?? "",
  ...local?.client,
  avatarId: AVATAR_ID ?? "anybody",
  sampleRate: SAMPLE_RATE,
});
let frames = 0;
let bytes = 0;
const performed = new Promise<void>((resolve, reject) => {
  session.on("frame", ({ raw, last }) => {
    frames += 1;
    bytes += raw.length;
    if (frames % FRAMES_A_LINE === 0) console.log(`speaking: ${frames} frames`);
    if (last) resolve();
  });
  session.on("closed", (error) => reject(error ?? new Error("the session was closed")));
});

console.log(`connected as ${await session.start()}`);
for (const { pcm } of pieces) await session.sendAudio(pcm);
const requestId = await session.sendAudio(new Int16Array(0), { end: true });
console.log(`sent ${path} as ${requestId}`);
await performed;
console.log(`${frames} frames, ${bytes} bytes`);
