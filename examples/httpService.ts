// A small HTTP service: says a text, and gives its PCM and the messages that animate a face with it.
// npm run example httpService 8080
//   GET /audio?text=Hello&sampleRate=24000      the PCM: mono, 16-bit, little-endian
//   GET /animation?text=Hello&sampleRate=24000  { requestId, sampleRate, audio, messages }, audio and messages in base64
// The service behind it is named as for singleAudioClip.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { AudioResampler, concatenateFrames, TroupeError } from "troupe";
import { FliteVoice } from "troupe/agent";
import { AVATAR_SAMPLE_RATES, type AvatarOptions, AvatarSession } from "troupe/avatar";
import { AvatarService } from "troupe/stage";

const [port = "8080"] = process.argv.slice(2);
const MAXIMUM_CHARACTERS = 200;
const MAXIMUM_REQUESTS = 4;
const { AVATAR_CONSOLE_URL, AVATAR_INGRESS_URL, AVATAR_API_KEY, AVATAR_APP_ID, AVATAR_ID } = process.env;
if (!/^\d+$/.test(port) || Number(port) > 65_535)
  throw TroupeError.expected("INVALID_OPTION", "the port", "0 to 65535", port);
const voice = new FliteVoice();
const local = AVATAR_CONSOLE_URL ? null : await AvatarService.start();

function avatar(sampleRate: number): AvatarOptions {
  return {
    consoleUrl: AVATAR_CONSOLE_URL ?? "",
    ingressUrl: AVATAR_INGRESS_URL ?? "",
    apiKey: AVATAR_API_KEY ?? "",
    appId: AVATAR_APP_ID ?? "",
    ...local?.client,
    avatarId: AVATAR_ID ?? "anybody",
    sampleRate,
  };
}

/** Undefined for what the voice has no sounds for: "...", or another script. */
async function speak(text: string, sampleRate: number): Promise<Int16Array | undefined> {
  const frames = [];
  for await (const frame of voice.speak(text)) frames.push(frame);
  if (frames.length === 0) return undefined;
  const speech = concatenateFrames(frames);
  if (sampleRate === voice.sampleRate) return speech.pcm;
  const resampler = new AudioResampler({ inputRate: voice.sampleRate, outputRate: sampleRate });
  return concatenateFrames([...resampler.push(speech), ...resampler.flush()]).pcm;
}

async function animate(
  pcm: Int16Array,
  sampleRate: number,
): Promise<{ requestId: string; messages: string[] }> {
  await using session = new AvatarSession(avatar(sampleRate));
  await session.start();
  const messages: string[] = [];
  const performed = new Promise<void>((resolve, reject) => {
    session.on("frame", ({ raw, last }) => {
      messages.push(Buffer.from(raw).toString("base64"));
      if (last) resolve();
    });
    session.on("closed", (error) => reject(error ?? new Error("the session was closed")));
  });
  const requestId = await session.sendAudio(pcm, { end: true });
  await performed;
  return { requestId, messages };
}

let running = 0;
const server = createServer(async (request, response) => {
  const url = new URL(request.url ?? "/", "http://service.invalid");
  const text = url.searchParams.get("text") ?? "";
  const sampleRate = Number(url.searchParams.get("sampleRate") ?? 16_000);
  const isKnown = request.method === "GET" && ["/audio", "/animation"].includes(url.pathname);
  const isRight =
    text && text.length <= MAXIMUM_CHARACTERS && AVATAR_SAMPLE_RATES.some((rate) => rate === sampleRate);
  if (!isKnown || !isRight || running >= MAXIMUM_REQUESTS) {
    response.writeHead(!isKnown ? 404 : !isRight ? 400 : 503).end();
    return;
  }
  running += 1;
  try {
    const pcm = await speak(text, sampleRate);
    if (!pcm) {
      response.writeHead(400).end();
      return;
    }
    const audio = Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength);
    if (url.pathname === "/audio") {
      response.writeHead(200, { "Content-Type": "application/octet-stream" }).end(audio);
    } else {
      const body = { sampleRate, audio: audio.toString("base64"), ...(await animate(pcm, sampleRate)) };
      response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(body));
    }
  } catch (error) {
    console.error(`httpService: ${(error as Error).message}`);
    response.writeHead(502).end();
  } finally {
    running -= 1;
  }
});
server.listen(Number(port), "127.0.0.1");
await once(server, "listening");
console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}; Ctrl-C ends it`);
process.once("SIGINT", async () => {
  server.close();
  server.closeAllConnections();
  await local?.close();
});
