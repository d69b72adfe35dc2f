import { createCipheriv, randomBytes, webcrypto } from "node:crypto";
import { AudioEncryption, EncodedAudioTransform, type FrameTransform } from "../../media/index.ts";
import { Engine, type EngineSender } from "../../native/index.ts";
import { rounded } from "./figures.ts";
import { OPUS } from "./opus.ts";
import { environment } from "./party.ts";
import { synthesizeVoice } from "./voiceSignal.ts";

const TICK_US = 10_000;
const SSRC = 1;

/** What one encoded frame costs on its way out, in microseconds of CPU time, beyond one that passes nothing. */
export interface TransformFigures {
  streams: number;
  seconds: number;
  frames: number;
  /** AudioEncryption: AES-GCM in the engine. */
  encryptionUs: number;
  /** EncodedAudioTransform that lets frames pass. */
  javaScriptUs: number;
  /** EncodedAudioTransform with AES-GCM by node:crypto, on the event loop. */
  javaScriptCipherUs: number;
  /** EncodedAudioTransform with AES-GCM by Web Crypto, which goes through a thread pool. */
  javaScriptWebCryptoUs: number;
  environment: Record<string, string | number>;
}

/** Encryption in the engine beside the same in JavaScript: `bots` streams of encoded speech, on simulated time. */
export async function benchTransform({
  bots: streams,
  seconds,
}: {
  bots: number;
  seconds: number;
}): Promise<TransformFigures> {
  const engine = Engine.startManual();
  const bench = new Streams(engine, streams, seconds);
  try {
    await bench.run(null);
    const plain = await bench.run(null);
    const perFrame = async (transform: FrameTransform) => {
      const cpuUs = await bench.run(transform);
      transform.close();
      return rounded((cpuUs - plain) / bench.frames);
    };
    return {
      streams,
      seconds,
      encryptionUs: await perFrame(encryption()),
      javaScriptUs: await perFrame(hook((frame) => frame)),
      javaScriptCipherUs: await perFrame(hook(cipher(randomBytes(16)))),
      javaScriptWebCryptoUs: await perFrame(hook(await webCipher(randomBytes(16)))),
      frames: bench.frames,
      environment: environment(),
    };
  } finally {
    bench.close();
    Engine.stop();
  }
}

class Streams {
  readonly frames: number;
  readonly #engine: Engine;
  readonly #seconds: number;
  readonly #senders: EngineSender[];
  readonly #handles: { close(): void }[] = [];
  #nowUs = TICK_US;

  constructor(engine: Engine, streams: number, seconds: number) {
    this.#engine = engine;
    this.#seconds = seconds;
    this.frames = (streams * seconds * 1000) / OPUS.frameMs;
    const frames = engine.encodeOpus(synthesizeVoice(48_000, 2), { sampleRate: 48_000, ...OPUS });
    this.#senders = Array.from({ length: streams }, () => {
      const [near, far] = [engine.createPeer(), engine.createPeer()];
      const voice = engine.createEncodedSource({ frameMs: OPUS.frameMs, frames, loop: true });
      near.link(far);
      const codec = { payloadType: 111, name: "opus", clockRate: 48_000, channels: 2 };
      const sender = near.createSender({
        ...{ kind: "audio", mid: "0", ssrc: SSRC, cname: "bench", codec, opus: OPUS, nack: false },
      });
      sender.setProducer(voice);
      this.#handles.push(sender, voice, near, far);
      return sender;
    });
  }

  close(): void {
    for (const handle of this.#handles) handle.close();
  }

  /** CPU time of `seconds` with this transform on every stream, in microseconds. */
  async run(transform: FrameTransform | null): Promise<number> {
    const opened = this.#senders.map((sender) => {
      const stream = transform?.open("outgoing") ?? null;
      sender.setTransform(stream);
      return stream;
    });
    const began = process.cpuUsage();
    for (const end = this.#nowUs + this.#seconds * 1_000_000; this.#nowUs < end; this.#nowUs += TICK_US) {
      this.#engine.tick(this.#nowUs);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const { user, system } = process.cpuUsage(began);
    for (const sender of this.#senders) sender.setTransform(null);
    for (const stream of opened) if (stream) transform?.release(stream);
    return user + system;
  }
}

function encryption(): AudioEncryption {
  const encryption = new AudioEncryption();
  encryption.setKey(0, randomBytes(16));
  return encryption;
}

type Change = (frame: Uint8Array) => Uint8Array | Promise<Uint8Array>;

function hook(change: Change): EncodedAudioTransform {
  const transform = new EncodedAudioTransform();
  transform.on("frame", async (frame) => {
    const changed = change(frame.data);
    frame.data = changed instanceof Promise ? await changed : changed;
    transform.enqueue(frame);
  });
  return transform;
}

function cipher(key: Uint8Array): Change {
  return (frame) => {
    const iv = randomBytes(12);
    const cipher = createCipheriv("aes-128-gcm", key, iv);
    return Buffer.concat([cipher.update(frame), cipher.final(), cipher.getAuthTag(), iv]);
  };
}

async function webCipher(raw: Uint8Array<ArrayBuffer>): Promise<Change> {
  const key = await webcrypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt"]);
  return async (frame) => {
    const iv = randomBytes(12);
    const sealed = await webcrypto.subtle.encrypt(
      { name: "AES-GCM", iv },
      key,
      frame as Uint8Array<ArrayBuffer>,
    );
    return Buffer.concat([Buffer.from(sealed), iv]);
  };
}
