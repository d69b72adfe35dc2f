import { type ChildProcess, spawn } from "node:child_process";
import { constants, open } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import PQueue from "p-queue";
import { z } from "zod";
import { parseOptions, TroupeError, TypedEvents, withDeadline } from "../core/index.ts";
import type { AudioFrame } from "../media/index.ts";
import type {
  SpeechStream,
  SpeechStreamEvents,
  SpeechStreamOptions,
  SpeechToText,
  Transcript,
} from "./ports.ts";
import { runTool, toolError } from "./runTool.ts";

const optionsSchema = z.object({
  grammar: z.string({ error: "a JSGF grammar" }).max(100_000, "at most 100000 characters").optional(),
  concurrency: z.number({ error: "1 to 32" }).int("1 to 32").min(1, "1 to 32").max(32, "1 to 32").default(2),
  maximumWaiting: z
    .number({ error: "0 to 1000" })
    .int("0 to 1000")
    .min(0, "0 to 1000")
    .max(1000, "0 to 1000")
    .default(16),
  timeoutMs: z.number({ error: "milliseconds" }).int().min(100).max(600_000).default(10_000),
});

export interface PocketsphinxOptions {
  /** A JSGF grammar. Without one its general model of English is used, which is slower and errs more. */
  grammar?: string;
  /** Programs at once; 2 when left out. */
  concurrency?: number;
  /** Utterances that may wait for a program; one more is refused with QUEUE_FULL. 16 when left out. */
  maximumWaiting?: number;
  /** How long it may take after the end of an utterance, in ms; 10000 when left out. */
  timeoutMs?: number;
}

/** Gives a plain descriptor: the socket around it owns it. */
const openFile = promisify(open);

const COMMAND = "pocketsphinx_continuous";
const DEBIAN_PACKAGE = "pocketsphinx pocketsphinx-en-us";
const SAMPLE_RATE = 16_000;
/** The longest utterance; what comes on top is not heard. */
const MAXIMUM_SAMPLES = 60 * SAMPLE_RATE;
/** The program splits utterances at pauses of this many frames of 10 ms. */
const PAUSE_FRAMES = 100;
/** How often to look whether the program reads already. */
const OPEN_RETRY_MS = 10;

/**
 * Recognition by pocketsphinx (Debian packages pocketsphinx and pocketsphinx-en-us). One program an utterance: it
 * starts with the stream and loads its model while the audio still comes, so the result is there soon after the end.
 *
 * @example
 * const recognizer = new Pocketsphinx({ grammar });
 * const stream = recognizer.open();
 * stream.write(pcm);
 * console.log((await stream.end()).text);
 */
export class Pocketsphinx implements SpeechToText {
  readonly #grammar: string | undefined;
  readonly #queue: PQueue;
  readonly #maximumWaiting: number;
  readonly #timeoutMs: number;

  constructor(options: PocketsphinxOptions = {}) {
    const checked = parseOptions(optionsSchema, options, "Pocketsphinx");
    this.#grammar = checked.grammar;
    this.#queue = new PQueue({ concurrency: checked.concurrency });
    this.#maximumWaiting = checked.maximumWaiting;
    this.#timeoutMs = checked.timeoutMs;
  }

  /** @throws TroupeError INVALID_OPTION for another rate than 16000, QUEUE_FULL. */
  open(options: SpeechStreamOptions = {}): SpeechStream {
    const { sampleRate = SAMPLE_RATE, signal } = options;
    if (sampleRate !== SAMPLE_RATE)
      throw TroupeError.expected("INVALID_OPTION", "sampleRate", "16000", sampleRate);
    if (this.#queue.size >= this.#maximumWaiting && this.#queue.pending >= this.#queue.concurrency)
      throw new TroupeError("QUEUE_FULL", `${this.#queue.size} utterances wait for pocketsphinx already`);
    return new Utterance(this.#queue, { grammar: this.#grammar, timeoutMs: this.#timeoutMs, signal });
  }
}

interface UtteranceOptions {
  grammar: string | undefined;
  timeoutMs: number;
  signal: AbortSignal | undefined;
}

class Utterance implements SpeechStream {
  readonly events = new TypedEvents<SpeechStreamEvents>();
  readonly #options: UtteranceOptions;
  readonly #controller = new AbortController();
  readonly #ended = Promise.withResolvers<void>();
  readonly #result: Promise<Transcript>;
  readonly #unheard: Buffer[] = [];
  readonly #lines: string[] = [];
  #pipe: Socket | undefined;
  #samples = 0;
  #isEnded = false;

  constructor(queue: PQueue, options: UtteranceOptions) {
    this.#options = options;
    const close = () => this.close();
    if (options.signal?.aborted) this.close();
    else options.signal?.addEventListener("abort", close, { once: true });
    const { signal } = this.#controller;
    this.#result = queue
      .add(() => this.#recognize(signal), { signal })
      .then(
        (transcript) => {
          this.events.emit("final", transcript);
          return transcript;
        },
        (error: unknown) => {
          const reason = signal.aborted ? signal.reason : error;
          const failure = TroupeError.from("INTERNAL", reason);
          this.events.emit("error", failure);
          throw failure;
        },
      );
    this.#result.catch(() => {}).finally(() => options.signal?.removeEventListener("abort", close));
  }

  write(audio: AudioFrame | Int16Array): void {
    const pcm = audio instanceof Int16Array ? audio : audio?.pcm;
    if (!(pcm instanceof Int16Array))
      throw TroupeError.expected("INVALID_AUDIO", "audio", "an AudioFrame or Int16Array", audio);
    if (!(audio instanceof Int16Array) && (audio.sampleRate !== SAMPLE_RATE || audio.channels !== 1))
      throw TroupeError.expected("INVALID_AUDIO", "audio.sampleRate", "16000 Hz mono", audio.sampleRate);
    if (this.#isEnded) throw new TroupeError("CLOSED", "The utterance has ended");
    const taken = pcm.slice(0, MAXIMUM_SAMPLES - this.#samples);
    this.#samples += taken.length;
    const bytes = Buffer.from(taken.buffer);
    if (this.#pipe) this.#pipe.write(bytes);
    else this.#unheard.push(bytes);
  }

  end(): Promise<Transcript> {
    this.#isEnded = true;
    this.#ended.resolve();
    return this.#result;
  }

  close(): void {
    this.#isEnded = true;
    this.#ended.resolve();
    this.#controller.abort(new TroupeError("CANCELLED", "The recognition was cancelled"));
  }

  /** The program opens its input by name, so it gets a named pipe in a private folder. */
  async #recognize(signal: AbortSignal): Promise<Transcript> {
    const folder = await mkdtemp(join(tmpdir(), "troupe-sphinx-"));
    try {
      const input = join(folder, "speech.raw");
      await runTool("mkfifo", ["-m", "600", input], { debianPackage: "coreutils", timeoutMs: 5_000, signal });
      const commandArguments = [
        "-infile",
        input,
        "-logfn",
        "/dev/null",
        "-vad_postspeech",
        `${PAUSE_FRAMES}`,
      ];
      if (this.#options.grammar !== undefined) {
        const grammar = join(folder, "grammar.jsgf");
        await writeFile(grammar, this.#options.grammar, { mode: 0o600 });
        commandArguments.push("-jsgf", grammar);
      }
      await this.#run(commandArguments, input, signal);
      return { text: this.#lines.join(" "), durationMs: (this.#samples * 1000) / SAMPLE_RATE };
    } finally {
      this.#pipe?.destroy();
      await rm(folder, { recursive: true, force: true });
    }
  }

  async #run(commandArguments: string[], input: string, signal: AbortSignal): Promise<void> {
    const child = spawn(COMMAND, commandArguments, {
      stdio: ["ignore", "pipe", "ignore"],
      signal,
      killSignal: "SIGKILL",
    });
    const exited = this.#follow(child, signal);
    exited.catch(() => {});
    try {
      await this.#feed(input, exited, signal);
      await withDeadline("pocketsphinx", this.#options.timeoutMs, () => exited, signal);
    } finally {
      child.kill("SIGKILL");
    }
  }

  /** Resolves when the program ended well and all that it printed was read. */
  async #follow(child: ChildProcess, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    child.once("error", (error) => reject(toolError(COMMAND, DEBIAN_PACKAGE, error, signal)));
    child.once("close", (code) => {
      if (code === 0) resolve();
      else reject(new TroupeError("INTERNAL", `${COMMAND} ended with code ${code}; is its grammar right?`));
    });
    createInterface({ input: child.stdout! }).on("line", (line) => {
      const text = line.trim();
      if (!text) return;
      this.#lines.push(text);
      this.events.emit("partial", this.#lines.join(" "));
    });
    await promise;
  }

  /** Writes what came and what comes, until the utterance ends or the program does. */
  async #feed(input: string, exited: Promise<void>, signal: AbortSignal): Promise<void> {
    let over = false;
    exited.then(
      () => (over = true),
      () => (over = true),
    );
    const descriptor = await this.#openInput(input, () => over || signal.aborted);
    if (descriptor === undefined) return;
    const pipe = new Socket({ fd: descriptor, readable: false, writable: true });
    // A program that died is reported by its exit code.
    pipe.on("error", () => {});
    this.#pipe = pipe;
    for (const bytes of this.#unheard.splice(0)) pipe.write(bytes);
    await Promise.race([this.#ended.promise, exited.catch(() => {})]);
    pipe.end();
  }

  /** Opens the named pipe once the program reads it. Opening it blindly would block a thread if it never does. */
  async #openInput(input: string, isOver: () => boolean): Promise<number | undefined> {
    const deadline = performance.now() + this.#options.timeoutMs;
    while (!isOver()) {
      try {
        return await openFile(input, constants.O_WRONLY | constants.O_NONBLOCK);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENXIO") throw error;
      }
      if (performance.now() > deadline)
        throw new TroupeError("TIMEOUT", `${COMMAND} did not start to listen`);
      await pause(OPEN_RETRY_MS);
    }
    return undefined;
  }
}
