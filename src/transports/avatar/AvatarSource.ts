import { z } from "zod";
import { type Clock, logger, parseOptions, systemClock, TroupeError, TypedEvents } from "../../core/index.ts";
import { type AudioFrame, type AudioProducer, AudioSource, type ProducerEvents } from "../../media/index.ts";
import { AvatarSession } from "./AvatarSession.ts";
import type { AvatarError } from "./errors.ts";
import { Pacer } from "./Pacer.ts";
import { Speech } from "./Speech.ts";
import { SpokenUtterance } from "./SpokenUtterance.ts";
import type { AvatarFrame } from "./wire/AvatarLink.ts";

/** What an {@link AvatarSource} reports. */
export type AvatarSourceEvents = {
  /** The voice begins to be heard: with the face's first frame, if that comes in time. */
  playing: [];
  /** What is being said, or its rest, is said without the face. */
  faceless: [error: AvatarError];
  closed: [];
};

/** What shows frames: a function, such as one that sends them over a data channel. It may be asynchronous. */
export type AvatarRenderer = (frame: AvatarFrame) => unknown;

const range = (least: number, most: number) => {
  const what = `${least} to ${most} (ms)`;
  return z.number({ error: what }).min(least, what).max(most, what);
};

const optionsSchema = z.object({
  session: z.instanceof(AvatarSession, { error: "an AvatarSession" }),
  render: z
    .custom<AvatarRenderer>((value) => typeof value === "function", { error: "a function" })
    .optional(),
  sampleRate: z.union(
    [8_000, 12_000, 16_000, 24_000, 44_100, 48_000].map((rate) => z.literal(rate)),
    { error: "8000, 12000, 16000, 24000, 44100 or 48000" },
  ),
  leadMs: range(40, 10_000).default(400),
  firstFrameMs: range(0, 60_000).default(1_500),
  pauseMs: range(20, 60_000).default(500),
});

/** How an {@link AvatarSource} is made. */
export interface AvatarSourceOptions {
  /** The face; this source alone sends audio to it. It stays the caller's, who starts and closes it. */
  session: AvatarSession;
  /** Shows the frames. Without it they are the session's `frame` events alone. */
  render?: AvatarRenderer;
  /** Hz of what is written; the session's when left out. It is converted for the session. */
  sampleRate?: number;
  /** How far the audio that is sent may be ahead of real time, in ms; 400 when left out. */
  leadMs?: number;
  /** How long the voice waits for the face's first frame, in ms; 1500 when left out. */
  firstFrameMs?: number;
  /** After so long without audio an utterance counts as ended, in ms; 500 when left out. */
  pauseMs?: number;
}

/** What may wait to be heard; writes wait for room. */
const CAPACITY_MS = 10_000;
/** Frames that may be on their way to whoever shows them. */
const MAXIMUM_RENDERING = 32;
/** Requests that were cut and whose frames may still come. */
const MAXIMUM_CUT = 64;

/**
 * Speech through a face, to be used where an AudioSource is: what is written goes to the avatar at its pace, and is heard
 * as the frames come. A mouth speaks through it, a mixer or a connection plays it. While there is no face the voice is
 * heard without. With an egress the avatar speaks in its room by itself, and nothing is heard here.
 *
 * @example
 * const face = new AvatarSource({ session, render: ({ raw }) => connection.send("#avatar", raw) });
 * const mouth = new Mouth({ voice, source: face });
 * connection.publish(face);
 */
export class AvatarSource extends TypedEvents<AvatarSourceEvents> implements AudioProducer {
  /** Hz */
  readonly sampleRate: number;
  readonly channels = 1;
  readonly session: AvatarSession;
  readonly #voice: AudioSource;
  readonly #line = { writtenMs: 0 };
  readonly #options: z.output<typeof optionsSchema>;
  readonly #clock: Clock;
  readonly #pacer: Pacer;
  readonly #offs: (() => void)[];
  /** What is being said and waits to be, oldest first. */
  readonly #speeches: Speech[] = [];
  /** The last of them while more of it may come. */
  #current: Speech | undefined;
  /** What was said to its end over there and cut here: the session knows the last request alone. */
  readonly #cut: string[] = [];
  /** When the one before is sent to its end. */
  #performed: Promise<void> = Promise.resolve();
  #pause: unknown;
  #rendering = 0;
  #closed = false;
  /** Frames that whoever shows them was too slow for. */
  droppedFrames = 0;

  /** @throws TroupeError INVALID_OPTION */
  constructor(options: AvatarSourceOptions, { clock = systemClock }: { clock?: Clock } = {}) {
    super();
    const sampleRate = options?.sampleRate ?? options?.session?.config?.sampleRate;
    this.#options = parseOptions(optionsSchema, { ...options, sampleRate }, "AvatarSource");
    this.session = options.session;
    this.sampleRate = this.#options.sampleRate;
    this.#clock = clock;
    this.#pacer = new Pacer(this.#options.leadMs, clock);
    this.#voice = new AudioSource({ sampleRate: this.sampleRate, channels: 1, capacityMs: CAPACITY_MS });
    this.#offs = [
      this.session.on("frame", (frame) => this.#show(frame)),
      this.session.on("reconnecting", (error) => this.#lose(error)),
      this.session.on("closed", (error) => this.#lose(error ?? undefined)),
    ];
  }

  get producer(): AudioProducer["producer"] {
    return this.#voice.producer;
  }

  get producerEnded(): boolean {
    return this.#closed;
  }

  get producerEvents(): TypedEvents<ProducerEvents> {
    return this.#voice.producerEvents;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** What is being said and how much of it was heard, in ms; null when nothing is. */
  get playback(): { requestId: string | undefined; positionMs: number } | null {
    const speech = this.#speeches[0];
    if (!speech) return null;
    return { requestId: speech.requestId, positionMs: speech.positionMs };
  }

  addConsumer(): () => void {
    return this.#voice.addConsumer();
  }

  /**
   * Says more of an utterance, or begins one. Resolves once there is room for it.
   *
   * @throws TroupeError INVALID_AUDIO for another rate or channel count; CLOSED; CANCELLED when it is cleared first.
   */
  async write(audio: Int16Array | AudioFrame): Promise<void> {
    this.#requireOpen();
    const pcm = this.#samplesOf(audio);
    this.#clock.clearTimeout(this.#pause);
    this.#current ??= this.#begin();
    const speech = this.#current;
    await speech.write(pcm);
    if (this.#current !== speech) return;
    this.#clock.clearTimeout(this.#pause);
    const end = () => {
      this.#endAfterPause().catch((error) => logger.debug("an avatar's utterance ended early", { error }));
    };
    this.#pause = this.#clock.setTimeout(end, this.#options.pauseMs);
  }

  /** Says nothing more: the voice falls silent within 10 ms, the face with its next frame. Gives what was cut, in ms. */
  clear(): number {
    this.#clock.clearTimeout(this.#pause);
    this.#current = undefined;
    const speeches = this.#speeches.splice(0);
    const cutMs = speeches.reduce((sum, speech) => sum + speech.cancel(), 0);
    this.#pacer.reset();
    this.#cut.push(...speeches.flatMap(({ requestId }) => requestId ?? []));
    this.#cut.splice(0, this.#cut.length - MAXIMUM_CUT);
    const { lastRequestId } = this.session;
    if (this.session.ready && speeches.some(({ requestId }) => requestId && requestId === lastRequestId))
      this.session.interrupt();
    return cutMs + this.#voice.clear();
  }

  /**
   * Ends the utterance and waits until it was heard, or thrown away by {@link AvatarSource.clear}. With an egress it
   * counts as heard when its time has passed.
   *
   * @throws TroupeError CLOSED
   */
  async waitForPlayout(): Promise<"played" | "cleared"> {
    this.#requireOpen();
    this.#clock.clearTimeout(this.#pause);
    const speech = this.#current ?? this.#speeches.at(-1);
    if (!speech) return this.#voice.waitForPlayout();
    this.#current = undefined;
    const outcome = await speech.finish();
    const at = this.#speeches.indexOf(speech);
    if (at >= 0) this.#speeches.splice(at, 1);
    return outcome;
  }

  /** Ends it. The session stays open. */
  close(): void {
    if (this.#closed) return;
    this.clear();
    this.#closed = true;
    for (const off of this.#offs.splice(0)) off();
    this.#voice.close();
    this.emit("closed");
    this.removeAllListeners();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #begin(): Speech {
    const { session, sampleRate } = this;
    const pacer = this.#pacer;
    const before = this.#speeches.at(-1);
    const onFaceless = (error: AvatarError) => this.emit("faceless", error);
    const speech: Speech = new Speech({
      utterance: new SpokenUtterance({
        session,
        pacer,
        sampleRate,
        onFaceless: (error) => speech.release(error),
      }),
      voice: session.hasEgress ? null : this.#voice,
      line: this.#line,
      sampleRate,
      pacer,
      clock: this.#clock,
      firstFrameMs: this.#options.firstFrameMs,
      capacityMs: CAPACITY_MS,
      turn: before?.released ?? Promise.resolve(),
      onFaceless,
      onPlaying: () => this.emit("playing"),
    });
    this.#speeches.push(speech);
    this.#performed = this.#performed.then(() => speech.perform());
    return speech;
  }

  async #endAfterPause(): Promise<void> {
    const speech = this.#current;
    if (!speech) return;
    await speech.heard();
    // More may have come meanwhile.
    if (this.#current === speech && !this.#closed) await this.waitForPlayout();
  }

  #show(frame: AvatarFrame): void {
    if (this.#cut.includes(frame.requestId)) return;
    this.#speeches.find(({ requestId }) => requestId === frame.requestId)?.release();
    const { render } = this.#options;
    if (!render) return;
    if (this.#rendering >= MAXIMUM_RENDERING) {
      this.droppedFrames += 1;
      return;
    }
    this.#rendering += 1;
    const shown = async () => render(frame);
    shown()
      .catch((error) => {
        this.droppedFrames += 1;
        logger.debug("a frame of an avatar was not shown", { error });
      })
      .finally(() => {
        this.#rendering -= 1;
      });
  }

  /** What the face was saying is heard without it. */
  #lose(error: AvatarError | undefined): void {
    for (const speech of this.#speeches) if (speech.requestId !== undefined) speech.release(error);
  }

  #samplesOf(audio: Int16Array | AudioFrame): Int16Array {
    if (audio instanceof Int16Array) return audio;
    if (audio?.sampleRate !== this.sampleRate || audio.channels !== 1)
      throw TroupeError.expected("INVALID_AUDIO", "audio", `mono at ${this.sampleRate} Hz`, audio);
    return audio.pcm;
  }

  #requireOpen(): void {
    if (this.#closed) throw new TroupeError("CLOSED", "The avatar's source is closed");
  }
}
