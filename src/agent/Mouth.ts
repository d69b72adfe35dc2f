import { type Actor, fromCallback, type SnapshotFrom } from "xstate";
import { z } from "zod";
import {
  type MouthEvent,
  mouthMachine,
  type Saying,
  startActor,
  stateName,
  watchActor,
} from "../actors/index.ts";
import { logger, parseOptions, TroupeError, TypedEvents } from "../core/index.ts";
import { AudioSource } from "../media/index.ts";
import type { TextToSpeech } from "../speech/index.ts";
import type { SpeechOutput } from "./SpeechOutput.ts";

/** What a {@link Mouth} reports. */
export type MouthEvents = {
  /** The first sample of it is being played. */
  started: [saying: Saying];
  finished: [saying: Saying];
  /** `spokenMs` of it were heard; 0 when it had not begun. */
  interrupted: [saying: Saying, spokenMs: number];
  /** The voice failed; the next in the queue is said. */
  failed: [saying: Saying, error: unknown];
  /** `silent`, `talking.preparing`, `talking.speaking`, `interrupting`, `closed`. */
  state: [state: string];
};

const optionsSchema = z.object({
  voice: z.custom<TextToSpeech>((value) => typeof (value as TextToSpeech | null)?.speak === "function", {
    error: "a TextToSpeech",
  }),
  source: z
    .custom<SpeechOutput>((value) => typeof (value as SpeechOutput | null)?.waitForPlayout === "function", {
      error: "what speech goes through: an AudioSource or an AvatarSource",
    })
    .optional(),
  maximumQueued: z
    .number({ error: "1 to 1000" })
    .int("1 to 1000")
    .min(1, "1 to 1000")
    .max(1000, "1 to 1000")
    .default(16),
});

export interface MouthOptions<Source extends SpeechOutput = AudioSource> {
  voice: TextToSpeech;
  /**
   * What it speaks through, at the voice's sample rate; a source of its own when left out. It stays the caller's, who
   * writes nothing else to it.
   */
  source?: Source;
  /** Sayings that may wait; 16 when left out. */
  maximumQueued?: number;
}

/** What the source holds, so that a busy event loop is not heard. An interruption throws it away at once. */
const CAPACITY_MS = 10_000;

/**
 * Says things one after another, aloud.
 *
 * @example
 * const mouth = new Mouth({ voice: new FliteVoice() });
 * connection.publish(mouth.source);
 * await mouth.say("Good morning.");
 */
export class Mouth<Source extends SpeechOutput = AudioSource> extends TypedEvents<MouthEvents> {
  /** What it says: for a connection or a mixer. */
  readonly source: Source;
  /** Its own, if it has one. */
  readonly #ownSource: AudioSource | undefined;
  readonly #voice: TextToSpeech;
  readonly #maximumQueued: number;
  readonly #actor: Actor<typeof mouthMachine>;
  readonly #outcomes = new Map<number, PromiseWithResolvers<"finished" | "interrupted">>();
  #state = "silent";
  #startedAt: number | undefined;
  #sayings = 0;

  constructor(options: MouthOptions<Source>) {
    super();
    const { voice, maximumQueued } = parseOptions(optionsSchema, options, "Mouth");
    const { sampleRate } = voice;
    if (options.source && options.source.sampleRate !== sampleRate)
      throw TroupeError.expected(
        "INVALID_OPTION",
        "Mouth.source",
        `one of ${sampleRate} Hz`,
        options.source.sampleRate,
      );
    this.#voice = voice;
    this.#maximumQueued = maximumQueued;
    if (!options.source)
      this.#ownSource = new AudioSource({ sampleRate, channels: 1, capacityMs: CAPACITY_MS });
    this.source = options.source ?? (this.#ownSource as unknown as Source);
    const speak = fromCallback<MouthEvent, Saying>(({ input, sendBack }) => this.#speak(input, sendBack));
    this.#actor = startActor(mouthMachine.provide({ actors: { speak } }), {
      id: "mouth",
      input: { maximumQueued },
    });
    this.#actor.on("started", ({ saying }) => this.#start(saying));
    this.#actor.on("finished", ({ saying }) => this.#settle(saying, "finished"));
    this.#actor.on("interrupted", ({ sayings }) => {
      for (const saying of sayings) this.#settle(saying, "interrupted");
    });
    this.#actor.on("failed", ({ saying, error }) => this.#fail(saying, error));
    watchActor<SnapshotFrom<typeof mouthMachine>>(this.#actor, ({ value }) => this.#follow(stateName(value)));
  }

  get state(): string {
    return this.#state;
  }

  /** Whether there is anything to be said or being said. */
  get talking(): boolean {
    return this.#state.startsWith("talking");
  }

  /**
   * Says `text` after what waits already. Resolves when it has been heard to its end, or was interrupted.
   *
   * @throws TroupeError QUEUE_FULL, CLOSED, or what the voice threw.
   */
  say(text: string): Promise<"finished" | "interrupted"> {
    if (this.#state === "closed") return Promise.reject(new TroupeError("CLOSED", "The mouth is closed"));
    if (this.#outcomes.size > this.#maximumQueued)
      return Promise.reject(new TroupeError("QUEUE_FULL", `${this.#maximumQueued} sayings wait already`));
    const saying = { id: ++this.#sayings, text };
    const outcome = Promise.withResolvers<"finished" | "interrupted">();
    // Whoever does not wait for it is told by `failed`.
    outcome.promise.catch(() => {});
    this.#outcomes.set(saying.id, outcome);
    this.#actor.send({ type: "say", saying });
    return outcome.promise;
  }

  /** Falls silent within a tick of the engine (10 ms) and drops all that waits. */
  interrupt(): void {
    this.#actor.send({ type: "interrupt" });
  }

  close(): void {
    if (this.#state === "closed") return;
    this.#actor.send({ type: "close" });
    this.#ownSource?.close();
    this.removeAllListeners();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** One saying: the actor's effect. Stopping it silences the voice at once. */
  #speak(saying: Saying, report: (event: MouthEvent) => void): () => void {
    const controller = new AbortController();
    let isDone = false;
    const finish = (event: MouthEvent) => {
      isDone = true;
      report(event);
    };
    let isStarted = false;
    const start = () => {
      if (!isStarted) report({ type: "audio.started" });
      isStarted = true;
    };
    const offPlaying = this.source.once("playing", start);
    this.#utter(saying.text, controller.signal, start).then(
      () => finish({ type: "audio.finished" }),
      (error: unknown) => finish({ type: "audio.failed", error }),
    );
    return () => {
      offPlaying();
      if (isDone) return;
      controller.abort();
      this.source.clear();
      queueMicrotask(
        () => this.#actor.getSnapshot().status === "active" && this.#actor.send({ type: "audio.cleared" }),
      );
    };
  }

  async #utter(text: string, signal: AbortSignal, start: () => void): Promise<void> {
    for await (const frame of this.#voice.speak(text, signal)) {
      if (signal.aborted) return;
      // A voice may follow so closely that the source never falls silent; it says nothing of a beginning then.
      const isPlaying = this.source.state === "playing";
      await this.source.write(frame);
      if (isPlaying) start();
    }
    if (!signal.aborted) await this.source.waitForPlayout();
  }

  #start(saying: Saying): void {
    this.#startedAt = performance.now();
    this.emit("started", saying);
  }

  #settle(saying: Saying, outcome: "finished" | "interrupted"): void {
    const spokenMs = this.#startedAt === undefined ? 0 : performance.now() - this.#startedAt;
    this.#startedAt = undefined;
    this.#outcomes.get(saying.id)?.resolve(outcome);
    this.#outcomes.delete(saying.id);
    if (outcome === "finished") this.emit("finished", saying);
    else this.emit("interrupted", saying, spokenMs);
  }

  #fail(saying: Saying, error: unknown): void {
    this.#startedAt = undefined;
    this.#outcomes.get(saying.id)?.reject(TroupeError.from("INTERNAL", error));
    this.#outcomes.delete(saying.id);
    logger.warn("a saying failed", { error });
    this.emit("failed", saying, error);
  }

  #follow(state: string): void {
    if (state === this.#state) return;
    this.#state = state;
    this.emit("state", state);
  }
}
