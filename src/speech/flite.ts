import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import PQueue from "p-queue";
import { z } from "zod";
import { parseOptions, TroupeError } from "../core/index.ts";
import type { AudioFrame } from "../media/index.ts";
import type { TextToSpeech } from "./ports.ts";
import { runTool } from "./runTool.ts";
import { readableText, splitSentences } from "./text.ts";
import { voiceFrames } from "./voiceFrames.ts";

/** Voices that Debian's flite has, with their rates in Hz. */
const VOICES = { slt: 16_000, rms: 16_000, awb: 16_000, kal16: 16_000, kal: 8_000 } as const;

const optionsSchema = z.object({
  voice: z
    .enum(["slt", "rms", "awb", "kal16", "kal"], { error: "slt, rms, awb, kal16 or kal" })
    .default("slt"),
  speed: z.number({ error: "a number from 0.5 to 2" }).min(0.5, "0.5 to 2").max(2, "0.5 to 2").default(1),
  timeoutMs: z.number({ error: "milliseconds" }).int().min(100).max(600_000).default(15_000),
});

export interface FliteOptions {
  /** slt, rms, awb, kal16 or kal; slt when left out. */
  voice?: keyof typeof VOICES;
  /** 1 is the voice's own; 0.5 to 2. */
  speed?: number;
  /** For one sentence, in ms; 15000 when left out. */
  timeoutMs?: number;
}

/** Programs at once in this process; more wait. */
const programs = new PQueue({ concurrency: 2 });

/**
 * A voice of flite (Debian package flite), one run of the program a sentence.
 *
 * @example
 * for await (const frame of new FliteVoice({ voice: "slt" }).speak("Good morning.")) await source.write(frame);
 */
export class FliteVoice implements TextToSpeech {
  readonly sampleRate: number;
  readonly #voice: string;
  readonly #speed: number;
  readonly #timeoutMs: number;

  constructor(options: FliteOptions = {}) {
    const { voice, speed, timeoutMs } = parseOptions(optionsSchema, options, "FliteVoice");
    this.#voice = voice;
    this.#speed = speed;
    this.#timeoutMs = timeoutMs;
    this.sampleRate = VOICES[voice];
  }

  /** @throws TroupeError NOT_INSTALLED, TIMEOUT, CANCELLED, or INVALID_OPTION for an unreadable text. */
  async *speak(text: string, signal?: AbortSignal): AsyncGenerator<AudioFrame> {
    let isFirst = true;
    for (const sentence of splitSentences(readableText(text))) {
      const wav = await programs
        .add(() => this.#synthesize(sentence, signal), { signal })
        .catch((error) => {
          if (signal?.aborted)
            throw new TroupeError("CANCELLED", "The speech was cancelled", { cause: signal.reason });
          throw error;
        });
      yield* voiceFrames(wav, this.sampleRate, isFirst);
      isFirst = false;
    }
  }

  /** flite opens its output by name, which neither pipes nor sockets of ours allow: so a private folder. */
  async #synthesize(sentence: string, signal?: AbortSignal): Promise<Buffer> {
    const folder = await mkdtemp(join(tmpdir(), "troupe-flite-"));
    try {
      const path = join(folder, "voice.wav");
      const stretch = `duration_stretch=${(1 / this.#speed).toFixed(3)}`;
      const commandArguments = ["-voice", this.#voice, "--setf", stretch, "-t", sentence, "-o", path];
      await runTool("flite", commandArguments, {
        debianPackage: "flite",
        timeoutMs: this.#timeoutMs,
        signal,
      });
      return await readFile(path);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
}
