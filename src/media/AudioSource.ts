import type { Actor } from "xstate";
import { z } from "zod";
import {
  type SourceEvent,
  type SourceState,
  sourceMachine,
  startActor,
  watchActor,
} from "../actors/index.ts";
import { parseOptions, TroupeError, TypedEvents } from "../core/index.ts";
import { Engine, type EngineSource } from "../native/index.ts";
import { type AudioFrame, requireFormat, requirePcm } from "./AudioFrame.ts";
import { CaptureQueue } from "./CaptureQueue.ts";
import { channelsSchema, durationSchema, sampleRateSchema } from "./format.ts";
import type { AudioProducer, ProducerEvents } from "./producer.ts";
import { type SourceWrites, WriteQueue } from "./WriteQueue.ts";

/** What a {@link AudioSource} reports. */
export type AudioSourceEvents = {
  state: [state: SourceState];
  /** Playout began. */
  playing: [];
  /** All that was written has been played. */
  drained: [];
  /** It has been silent for a while: it is not encoded any more. */
  idle: [];
  /** Playout reached a mark, or the queue was cleared before. */
  mark: [mark: number, outcome: "reached" | "cleared"];
  closed: [];
};

const QUEUE_SIZE = "a multiple of 10 from 0 to 30000, without capacityMs beside it";

const optionsSchema = z
  .object({
    sampleRate: sampleRateSchema.default(48_000),
    channels: channelsSchema.default(1),
    capacityMs: durationSchema(20, 60_000).optional(),
    queueSizeMs: z
      .number({ error: QUEUE_SIZE })
      .multipleOf(10, QUEUE_SIZE)
      .min(0, QUEUE_SIZE)
      .max(30_000, QUEUE_SIZE)
      .optional(),
  })
  .refine(({ capacityMs, queueSizeMs }) => capacityMs === undefined || queueSizeMs === undefined, {
    path: ["queueSizeMs"],
    error: QUEUE_SIZE,
  });

const DEFAULT_CAPACITY_MS = 1_000;

/** Any length will do: the timer is there to be there. */
const KEEP_ALIVE_MS = 60_000;

/** How a source is made. */
export interface AudioSourceOptions {
  /** Hz: 8000, 12000, 16000, 24000, 44100 or 48000; 48000 when left out. */
  sampleRate?: number;
  /** 1 or 2; 1 when left out. */
  channels?: number;
  /** What its queue holds at most, in ms, 20 to 60000; 1000 when left out. */
  capacityMs?: number;
  /**
   * In place of `capacityMs`: writes behave as `capture_frame` of the LiveKit SDK does with this queue size, a multiple
   * of 10 up to 30000 ms. A frame is taken whole (the queue holds twice the size) and the write lasts until no more
   * than the size is queued; {@link AudioSource.clear} ends it well; a second write while one waits fails with
   * INVALID_STATE; an empty frame, or a closed source, is passed over in silence. 0 means no queue: frames of 10 ms,
   * never a wait, and what comes faster than it plays is dropped.
   */
  queueSizeMs?: number;
}

/** How one write is done. */
export interface AudioWriteOptions {
  signal?: AbortSignal;
  /**
   * When its first sample is to sound, in microseconds of the clock that stamps the frames of sinks (`process.hrtime`).
   * There is silence until then. Right after what is queued when left out or past.
   */
  timestampUs?: number;
}

/**
 * Audio that you write and that connections, mixers and sinks play. Writes wait while its queue is full; playout
 * goes on by itself while JavaScript is busy.
 *
 * @example
 * const source = new AudioSource({ sampleRate: 48_000 });
 * connection.publish(source);
 * await source.write(pcm);
 * await source.waitForPlayout();
 */
export class AudioSource extends TypedEvents<AudioSourceEvents> implements AudioProducer {
  readonly sampleRate: number;
  readonly channels: number;
  readonly capacityMs: number;
  readonly producerEvents = new TypedEvents<ProducerEvents>();
  readonly #source: EngineSource;
  readonly #actor: Actor<typeof sourceMachine>;
  readonly #writes: SourceWrites;
  /** As the LiveKit SDK has it: null when writes wait for room instead. */
  readonly #queueSizeMs: number | null;
  readonly #playouts = new Map<number, PromiseWithResolvers<"played" | "cleared">>();
  /** Those of them whose audio was thrown away. */
  readonly #cutOff = new WeakSet<object>();
  #state: SourceState = "idle";
  #closed = false;
  #marks = 0;

  constructor(options: AudioSourceOptions = {}, engine: Pick<Engine, "createSource"> = Engine.shared()) {
    super();
    const parsed = parseOptions(optionsSchema, options, "AudioSource");
    const { sampleRate, channels, queueSizeMs } = parsed;
    const capacityMs =
      queueSizeMs === undefined
        ? (parsed.capacityMs ?? DEFAULT_CAPACITY_MS)
        : CaptureQueue.capacityFor(queueSizeMs);
    this.sampleRate = sampleRate;
    this.channels = channels;
    this.capacityMs = capacityMs;
    this.#source = engine.createSource({ sampleRate, channels: channels as 1 | 2, capacityMs });
    this.#queueSizeMs = queueSizeMs ?? null;
    this.#writes =
      queueSizeMs === undefined ? new WriteQueue(this.#source) : new CaptureQueue(this.#source, queueSizeMs);
    this.#actor = startActor(sourceMachine, { id: "source", input: { capacityMs } });
    watchActor<{ value: SourceState }>(
      this.#actor,
      ({ value }) => this.#follow(value),
      () => this.close(),
    );
    this.#source.events.on("state", (state) => this.#onPlayout(state));
    this.#source.events.on("mark", (mark, outcome) => this.#onMark(mark, outcome));
    this.#source.events.on("lost", () => this.#onLost());
  }

  get producer(): EngineSource | null {
    return this.#closed ? null : this.#source;
  }

  get producerEnded(): boolean {
    return this.#closed;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get state(): SourceState {
    return this.#state;
  }

  /** How long what is queued will sound, in seconds, as the LiveKit SDK counts it. */
  get queuedDuration(): number {
    return this.queuedDurationMs / 1000;
  }

  /** Of a source without a queue: what came faster than it plays and was dropped, in milliseconds. */
  get droppedDurationMs(): number {
    return this.#writes.droppedMs;
  }

  /** How long what is queued will sound, in milliseconds. */
  get queuedDurationMs(): number {
    return this.#closed ? 0 : this.#source.queuedUs / 1000;
  }

  /**
   * Queues samples; resolves once all of them found room: leave them alone until then. Writes are played in the
   * order of the calls. A source with `queueSizeMs` differs as that option says.
   *
   * @throws TroupeError INVALID_AUDIO for a wrong type, length, rate or channel count; CLOSED; CANCELLED when
   * `signal` aborts or the queue is cleared first; QUEUE_FULL when too many writes wait.
   */
  async write(audio: Int16Array | AudioFrame, options: AudioWriteOptions = {}): Promise<void> {
    if (this.#isPassedOver(audio)) return;
    const { signal, timestampUs: dueUs } = options;
    const written = this.#writes.write(this.#check(audio), {
      ...(signal ? { signal } : {}),
      ...(dueUs === undefined ? {} : { dueUs: Math.max(0, dueUs) }),
    });
    this.#noteWrite();
    await written;
  }

  /** Queues what finds room now and gives the samples per channel that did. */
  tryWrite(audio: Int16Array | AudioFrame, options: Pick<AudioWriteOptions, "timestampUs"> = {}): number {
    if (this.#isPassedOver(audio)) return 0;
    const taken = this.#writes.tryWrite(this.#check(audio), options.timestampUs);
    if (taken > 0) this.#noteWrite();
    return taken;
  }

  /**
   * Throws away what is queued; writes that wait are cancelled. It takes effect with the engine's next tick, within
   * 10 ms: what was sounding fades out over 2.5 ms, and 20 ms later nothing audible goes out any more (in packets of 20
   * ms). Gives the milliseconds thrown away.
   */
  clear(): number {
    if (this.#closed) return 0;
    this.#writes.cancel(new TroupeError("CANCELLED", "The source's queue was cleared"));
    const samples = this.#source.clear();
    if (samples > 0) for (const playout of this.#playouts.values()) this.#cutOff.add(playout);
    this.#send({ type: "cleared" });
    return (samples * 1000) / this.sampleRate;
  }

  /** Puts a mark behind what is queued now; gives the number that the `mark` event will carry. */
  mark(): number {
    this.#requireOpen();
    this.#marks += 1;
    this.#source.mark(this.#marks);
    return this.#marks;
  }

  /**
   * Waits until all that was written so far has been played, or thrown away by {@link clear}.
   *
   * @throws TroupeError CLOSED when the source closes first, CANCELLED when `signal` aborts first.
   */
  async waitForPlayout(options: { signal?: AbortSignal } = {}): Promise<"played" | "cleared"> {
    this.#requireOpen();
    while (this.#writes.isWaiting) await this.#writes.settled();
    this.#requireOpen();
    if (options.signal?.aborted) throw waitCancelled(options.signal);
    if (this.#source.queuedUs === 0) return "played";
    const playout = Promise.withResolvers<"played" | "cleared">();
    const mark = this.mark();
    this.#playouts.set(mark, playout);
    this.#send({ type: "finished" });
    const abort = () => playout.reject(waitCancelled(options.signal));
    options.signal?.addEventListener("abort", abort, { once: true });
    // The engine alone does not keep the process alive; one that waits for its last words must live until then.
    const alive = setInterval(() => {}, KEEP_ALIVE_MS);
    return playout.promise.finally(() => {
      clearInterval(alive);
      this.#playouts.delete(mark);
      options.signal?.removeEventListener("abort", abort);
    });
  }

  addConsumer(): () => void {
    let isConsuming = true;
    this.#send({ type: "consumer.added" });
    return () => {
      if (isConsuming) this.#send({ type: "consumer.removed" });
      isConsuming = false;
    };
  }

  /** Ends it: waiting writes are rejected, and everything that plays it goes on without it. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const error = new TroupeError("CLOSED", "The source was closed");
    this.#writes.close(error);
    for (const playout of this.#playouts.values()) playout.reject(error);
    this.#playouts.clear();
    this.producerEvents.emit("changed", null);
    this.producerEvents.emit("ended");
    this.producerEvents.removeAllListeners();
    this.#source.close();
    this.#source.events.removeAllListeners();
    this.#actor.send({ type: "close" });
    this.emit("closed");
    this.removeAllListeners();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  #check(audio: Int16Array | AudioFrame): Int16Array {
    this.#requireOpen();
    const pcm = this.#samplesOf(audio);
    const length = pcm.length / this.channels;
    if (this.#queueSizeMs === 0 && length !== this.sampleRate / 100) {
      throw TroupeError.expected(
        "INVALID_AUDIO",
        "frame",
        `${this.sampleRate / 100} samples (10 ms)`,
        length,
      );
    }
    return pcm;
  }

  #samplesOf(audio: Int16Array | AudioFrame): Int16Array {
    if (audio instanceof Int16Array || typeof audio !== "object" || audio === null || !("pcm" in audio)) {
      requirePcm(audio, this.channels);
      return audio;
    }
    requireFormat(audio, this.sampleRate, this.channels);
    return audio.pcm;
  }

  /** What the LiveKit SDK takes without a word and without effect. */
  #isPassedOver(audio: Int16Array | AudioFrame): boolean {
    if (this.#queueSizeMs === null) return false;
    if (this.#closed) return true;
    return (audio instanceof Int16Array ? audio : audio?.pcm)?.length === 0;
  }

  #requireOpen(): void {
    if (this.#closed) throw new TroupeError("CLOSED", "The source is closed");
  }

  /** The actor hears of writes only while it does not play: they are many. */
  #noteWrite(): void {
    if (this.#state !== "playing") this.#send({ type: "written" });
  }

  #send(event: SourceEvent): void {
    if (!this.#closed) this.#actor.send(event);
  }

  #follow(state: SourceState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.emit("state", state);
  }

  #onPlayout(state: "idle" | "playing" | "drained"): void {
    this.#send({ type: state === "playing" ? "playout.started" : "playout.drained" });
    this.producerEvents.emit("flow", state === "playing" ? "flowing" : "stalled");
    this.emit(state);
  }

  /** No mark is left in an empty queue: waits whose mark was lost end after the events that are still on their way. */
  #onLost(): void {
    if (this.#playouts.size === 0 || this.#source.queuedUs > 0) return;
    const waiting = [...this.#playouts.values()];
    setImmediate(() => {
      for (const playout of waiting) playout.resolve(this.#cutOff.has(playout) ? "cleared" : "played");
    });
  }

  #onMark(mark: number, outcome: "reached" | "cleared"): void {
    this.#playouts.get(mark)?.resolve(outcome === "reached" ? "played" : "cleared");
    this.emit("mark", mark, outcome);
  }
}

function waitCancelled(signal: AbortSignal | undefined): TroupeError {
  return new TroupeError("CANCELLED", "The wait for playout was cancelled", { cause: signal?.reason });
}
