import { type Actor, fromCallback } from "xstate";
import { z } from "zod";
import { earsMachine, startActor, type UtteranceEvent, type UtteranceInput } from "../actors/index.ts";
import { logger, parseOptions, type TroupeError, TypedEvents, withDeadline } from "../core/index.ts";
import {
  type AudioFrame,
  type AudioProducer,
  AudioSink,
  copyFrame,
  frameDurationMs,
  type SpeechEdge,
  VoiceActivity,
  type VoiceActivityOptions,
} from "../media/index.ts";
import type { SpeechStream, SpeechToText } from "../speech/index.ts";

/** An utterance that was recognised. */
export interface Utterance {
  /** Counts from 1. */
  id: number;
  /** Empty when nothing was understood. */
  text: string;
  durationMs: number;
}

/** What {@link Ears} report. */
export type EarsEvents = {
  /** A voice may be beginning; `speechStarted` or `speechDismissed` follows within three times the onset. */
  speechSuspected: [edge: SpeechEdge];
  speechDismissed: [edge: SpeechEdge];
  speechStarted: [edge: SpeechEdge];
  speechStopped: [edge: SpeechEdge];
  /** What the running utterance sounds like so far, where the recogniser tells. */
  partial: [text: string];
  heard: [utterance: Utterance];
  /** An utterance was not recognised. */
  failed: [id: number, error: unknown];
  /** Voice activity failed; see VoiceActivity. */
  error: [error: TroupeError];
  ended: [];
};

const milliseconds = (minimum: number, maximum: number) => {
  const what = `milliseconds from ${minimum} to ${maximum}`;
  return z.number({ error: what }).min(minimum, what).max(maximum, what);
};

const optionsSchema = z.object({
  recognizer: z.custom<SpeechToText>((value) => typeof (value as SpeechToText | null)?.open === "function", {
    error: "a SpeechToText",
  }),
  activity: z.custom<VoiceActivityOptions>().optional(),
  preRollMs: milliseconds(0, 2_000).default(300),
  maximumUtteranceMs: milliseconds(500, 60_000).default(20_000),
  recognitionMs: milliseconds(100, 60_000).default(10_000),
  maximumPending: z
    .number({ error: "1 to 100" })
    .int("1 to 100")
    .min(1, "1 to 100")
    .max(100, "1 to 100")
    .default(4),
});

export interface EarsOptions {
  recognizer: SpeechToText;
  /** How speech is told from silence. */
  activity?: VoiceActivityOptions;
  /** What is taken along from before the voice was noticed, in ms; 300 when left out. */
  preRollMs?: number;
  /** A longer utterance is cut; 20000 ms when left out. */
  maximumUtteranceMs?: number;
  /** How long recognition may take after the end of an utterance; 10000 ms when left out. */
  recognitionMs?: number;
  /** Utterances in recognition at once; more are not recognised. 4 when left out. */
  maximumPending?: number;
}

const SAMPLE_RATE = 16_000;
/** What is remembered beyond the pre-roll: the onset and what the model may lag behind, in ms. */
const REMEMBERED_MS = 1_000;

/**
 * Hears what somebody says: cuts a track into utterances by voice activity and has each recognised.
 *
 * @example
 * const ears = new Ears(track, { recognizer: new Pocketsphinx({ grammar }) });
 * ears.on("heard", ({ text }) => console.log(text));
 */
export class Ears extends TypedEvents<EarsEvents> {
  readonly #recognizer: SpeechToText;
  readonly #options: z.output<typeof optionsSchema>;
  readonly #activity: VoiceActivity;
  readonly #sink: AudioSink;
  readonly #actor: Actor<typeof earsMachine>;
  #remembered: AudioFrame[] = [];
  #rememberedMs = 0;
  #stream: SpeechStream | undefined;
  #closed = false;

  constructor(producer: AudioProducer, options: EarsOptions) {
    super();
    this.#options = parseOptions(optionsSchema, options, "Ears");
    this.#recognizer = this.#options.recognizer;
    const recognize = fromCallback<UtteranceEvent, UtteranceInput>(({ input, sendBack, receive }) =>
      this.#recognize(input, sendBack, receive),
    );
    const { maximumUtteranceMs, maximumPending } = this.#options;
    this.#actor = startActor(earsMachine.provide({ actors: { recognize } }), {
      id: "ears",
      input: { maximumUtteranceMs, maximumPending },
    });
    this.#actor.on("heard", ({ id, text, durationMs }) => this.emit("heard", { id, text, durationMs }));
    this.#actor.on("failed", ({ id, error }) => this.#fail(id, error));
    this.#activity = new VoiceActivity(producer, this.#options.activity);
    this.#followActivity();
    this.#sink = new AudioSink(producer, { sampleRate: SAMPLE_RATE, bufferMs: 100 });
    this.#sink.on("frame", (frame) => this.#take(frame));
  }

  /** Whether somebody speaks. */
  get hearing(): boolean {
    return this.#activity.speaking;
  }

  /**
   * Resolves when it hears; what sounded before is lost.
   *
   * @throws TroupeError NOT_INSTALLED when voice activity's optional packages are absent.
   */
  ready(): Promise<void> {
    return this.#activity.ready();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#activity.close();
    this.#sink.close();
    this.#actor.send({ type: "close" });
    this.#stream?.close();
    this.#remembered = [];
    this.emit("ended");
    this.removeAllListeners();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #followActivity(): void {
    const activity = this.#activity;
    activity.on("speechSuspected", (edge) => this.emit("speechSuspected", edge));
    activity.on("speechDismissed", (edge) => this.emit("speechDismissed", edge));
    activity.on("speechStarted", (edge) => {
      this.#actor.send({ type: "speech.started", timestampUs: edge.timestampUs });
      this.emit("speechStarted", edge);
    });
    activity.on("speechStopped", (edge) => {
      this.#actor.send({ type: "speech.stopped", timestampUs: edge.timestampUs });
      this.emit("speechStopped", edge);
    });
    activity.on("error", (error) => {
      logger.error("the ears hear nothing", { error });
      this.emit("error", error);
    });
    activity.on("ended", () => this.close());
  }

  /** One utterance: the actor's effect. */
  #recognize(
    { id, startedAtUs }: UtteranceInput,
    report: (event: { type: string }) => void,
    receive: (listener: (event: UtteranceEvent) => void) => void,
  ): () => void {
    const stream = this.#recognizer.open({ sampleRate: SAMPLE_RATE });
    stream.events.on("partial", (text) => this.emit("partial", text));
    const fromUs = startedAtUs - this.#options.preRollMs * 1000;
    for (const frame of this.#remembered) if (frame.timestampUs >= fromUs) stream.write(frame);
    this.#stream = stream;
    receive(() => {
      this.#letGo(stream);
      withDeadline("recognition", this.#options.recognitionMs, () => stream.end()).then(
        ({ text, durationMs }) => report({ type: "utterance.recognized", id, text, durationMs } as never),
        (error: unknown) => report({ type: "utterance.failed", id, error } as never),
      );
    });
    return () => {
      this.#letGo(stream);
      stream.close();
    };
  }

  #take(frame: AudioFrame): void {
    this.#remembered.push(copyFrame(frame));
    this.#rememberedMs += frameDurationMs(frame);
    while (this.#rememberedMs > this.#options.preRollMs + REMEMBERED_MS)
      this.#rememberedMs -= frameDurationMs(this.#remembered.shift()!);
    this.#stream?.write(frame);
  }

  #letGo(stream: SpeechStream): void {
    if (this.#stream === stream) this.#stream = undefined;
  }

  #fail(id: number, error: unknown): void {
    if (this.#closed) return;
    logger.warn("an utterance was not recognised", { error });
    this.emit("failed", id, error);
  }
}
