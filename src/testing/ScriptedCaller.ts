import { setTimeout as pause } from "node:timers/promises";
import { Ears, FliteVoice, Pocketsphinx, type SpeechToText, type TextToSpeech } from "../agent/index.ts";
import { AudioSource, Recorder, TroupeError } from "../index.ts";
import { type CallerLine, type OpenLine, soraLine } from "./CallerLine.ts";
import { Timeline } from "./Timeline.ts";
import { within } from "./within.ts";

/** Where a scripted caller calls: a Sora channel, or by any line. */
export type CallerPlace =
  | { signalingUrl: string; channelId: string; metadata?: unknown; line?: undefined }
  | { line: OpenLine };

export type ScriptedCallerOptions = CallerPlace & {
  /** Where the two-channel WAV goes: caller left, bot right. */
  recordingPath: string;
  timeline?: Timeline;
  /** flite's rms when left out. */
  voice?: TextToSpeech;
  /** What recognises the bot's answers; pocketsphinx with its general model when left out. */
  recognizer?: SpeechToText;
  signal?: AbortSignal;
};

/** What came back for a line. */
export interface Answer {
  /** What the caller recognised of the bot's voice. */
  text: string;
  /** What the bot said that it recognised of the line, if it tells. */
  heardByBot: string;
}

const JOIN_MS = 20_000;
const ANSWER_MS = 20_000;
/** The bot's pauses between sentences are shorter, so that an answer is one utterance. */
const BOT_HANGOVER_MS = 700;
/** What is shorter than this beyond the hangover and was not understood is no answer. */
const SHORTEST_ANSWER_MS = 500;
/** Left in front of each line, as people leave it. */
const BREATH_MS = 250;
/** Recorded behind the last sound. */
const TAIL_MS = 600;
/** What a caller sends as soon as it hears: like an open microphone, it tells the bot that somebody is there. */
const HELLO_MS = 100;

/**
 * A caller that speaks lines, waits for the answers, recognises them, and records both sides.
 *
 * @example
 * await using caller = await ScriptedCaller.join({ signalingUrl, channelId, recordingPath: "call.wav" });
 * const { text } = await caller.ask("What are your opening hours?");
 */
export class ScriptedCaller {
  readonly timeline: Timeline;
  readonly line: CallerLine;
  readonly #voice: TextToSpeech;
  readonly #source: AudioSource;
  readonly #recorder: Recorder;
  readonly #ears: Ears;
  readonly #signal: AbortSignal | undefined;
  readonly #answers: string[] = [];
  readonly #speeches: number[] = [];
  readonly #waiting = new Set<() => void>();
  #heardByBot: string[] = [];
  /** Utterances of the bot since the last interruption, understood or not. */
  #utterances = 0;
  #closing: Promise<void> | undefined;

  private constructor(options: ScriptedCallerOptions, line: CallerLine, source: AudioSource) {
    const { track } = line;
    this.line = line;
    this.timeline = options.timeline ?? new Timeline();
    this.#voice = voiceOf(options);
    this.#source = source;
    this.#signal = options.signal;
    this.#recorder = new Recorder({
      path: options.recordingPath,
      tracks: [source, track],
      sampleRate: 16_000,
    });
    this.timeline.startedAtMs = this.#recorder.startedAtUs / 1000;
    this.#ears = new Ears(track, {
      recognizer: options.recognizer ?? new Pocketsphinx(),
      activity: { hangoverMs: BOT_HANGOVER_MS },
    });
    this.#listen();
  }

  /**
   * Joins the channel and resolves when it hears somebody there.
   *
   * @throws TroupeError TIMEOUT when nobody is there, and what joining throws.
   */
  static async join(options: ScriptedCallerOptions): Promise<ScriptedCaller> {
    const { signal } = options;
    const source = new AudioSource({ sampleRate: voiceOf(options).sampleRate, capacityMs: 10_000 });
    const giveUp = new AbortController();
    const opening = (options.line ?? soraLine(options))(source, giveUp.signal);
    let caller: ScriptedCaller | undefined;
    try {
      const line = await within("joining", JOIN_MS, signal, () => opening);
      const joined = new ScriptedCaller(options, line, source);
      caller = joined;
      await within("the caller's ears", JOIN_MS, signal, () => joined.#ears.ready());
      source.tryWrite(new Int16Array((source.sampleRate * HELLO_MS) / 1000));
      return joined;
    } catch (error) {
      // The first error is the one to tell of.
      await caller?.endRecording().catch(() => {});
      giveUp.abort();
      await opening.then((line) => line.disconnect()).catch(() => {});
      source.close();
      throw error;
    }
  }

  /** Waits until the bot has said something to its end. */
  async listen(): Promise<string> {
    await this.#until("an answer", () => this.#answers.length > 0);
    return this.#answers.shift()!;
  }

  /** Says `line`, once the bot is silent, and waits for the answer to it. */
  async ask(line: string): Promise<Answer> {
    await this.#until("the bot's silence", () => !this.#ears.hearing);
    this.#heardByBot = [];
    await this.say(line);
    // What was understood while the line was said is the rest of what came before.
    this.#answers.length = 0;
    const text = await this.listen();
    return { text, heardByBot: this.#heardByBot.join(" ") };
  }

  /**
   * Says `line`, lets the bot answer for `afterMs`, and speaks `interruption` into it.
   *
   * @returns the answer to the interruption.
   */
  async askAndInterrupt(line: string, interruption: string, afterMs: number): Promise<Answer> {
    const speeches = this.#speeches.length;
    await this.say(line);
    await this.#until("the beginning of an answer", () => this.#speeches.length > speeches);
    await pause(afterMs, undefined, { signal: this.#signal });
    this.timeline.note("caller", "interrupts");
    this.#answers.length = 0;
    this.#utterances = 0;
    this.#heardByBot = [];
    await this.#speak(interruption);
    // What the bot was saying when it fell silent is an utterance too, and comes first.
    await this.#until("the bot's silence", () => this.#utterances > 0);
    const cut = this.#answers.shift() ?? "";
    const text = await this.listen();
    this.timeline.note("caller", "cut off", { text: cut });
    return { text, heardByBot: this.#heardByBot.join(" ") };
  }

  /** Says `line` and resolves when it has been sent. */
  async say(line: string): Promise<void> {
    await pause(BREATH_MS, undefined, { signal: this.#signal });
    await this.#speak(line);
  }

  /** Sends a command to the bot: stop, repeat, say. */
  command(name: string, text?: string): Promise<void> {
    return this.line.send(JSON.stringify({ type: "command", name, text }));
  }

  /** Leaves and ends the recording. */
  leave(): Promise<void> {
    this.#closing ??= this.#leave();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.leave();
  }

  async #leave(): Promise<void> {
    await pause(TAIL_MS);
    try {
      await this.endRecording();
    } finally {
      await this.line.disconnect();
      this.#source.close();
    }
  }

  private async endRecording(): Promise<void> {
    this.#ears.close();
    await this.#recorder.close();
  }

  async #speak(line: string): Promise<void> {
    this.timeline.note("caller", "says", { text: line });
    for await (const frame of this.#voice.speak(line, this.#signal)) await this.#source.write(frame);
    await this.#source.waitForPlayout();
    this.timeline.note("caller", "said", { text: line });
  }

  #listen(): void {
    this.#ears.on("speechStarted", ({ timestampUs }) => {
      this.#speeches.push(timestampUs);
      this.timeline.note("bot", "speech started", {}, timestampUs / 1000);
      this.#wake();
    });
    this.#ears.on("speechStopped", ({ timestampUs }) =>
      this.timeline.note("bot", "speech stopped", {}, timestampUs / 1000),
    );
    this.#ears.on("heard", ({ text, durationMs }) => this.#hear(text, durationMs));
    this.#ears.on("failed", () => this.#hear("", Number.POSITIVE_INFINITY));
    this.line.onMessage((message) => this.#read(message));
  }

  #hear(text: string, durationMs: number): void {
    this.timeline.note("caller", "recognised", { text });
    this.#utterances += 1;
    // A breath or a click that is no word is not an answer; a sentence that was not understood is one.
    if (text || durationMs >= BOT_HANGOVER_MS + SHORTEST_ANSWER_MS) this.#answers.push(text);
    this.#wake();
  }

  /** What the bot tells about itself. */
  #read(data: Uint8Array | string): void {
    const message = parse(data);
    if (message?.type === "transcript" && message.final === true && typeof message.text === "string") {
      const { who, text } = message;
      if (who === "caller") this.#heardByBot.push(text);
      this.timeline.note("bot", who === "caller" ? "recognised" : "says", { text });
    } else if (message?.type === "state") this.timeline.note("bot", "state", { value: message.value });
  }

  #wake(): void {
    for (const check of [...this.#waiting]) check();
  }

  async #until(what: string, condition: () => boolean): Promise<void> {
    const over = this.line.disconnected().then(() => {
      throw new TroupeError("CLOSED", `The call ended before ${what}`);
    });
    over.catch(() => {});
    const met = Promise.withResolvers<void>();
    const check = () => condition() && met.resolve();
    this.#waiting.add(check);
    check();
    try {
      await within(what, ANSWER_MS, this.#signal, () => Promise.race([met.promise, over]));
    } finally {
      this.#waiting.delete(check);
    }
  }
}

function voiceOf({ voice }: ScriptedCallerOptions): TextToSpeech {
  return voice ?? new FliteVoice({ voice: "rms" });
}

function parse(data: Uint8Array | string): { type?: unknown; [field: string]: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(data).toString());
    return typeof value === "object" && value !== null ? (value as { type?: unknown }) : undefined;
  } catch {
    return undefined;
  }
}
