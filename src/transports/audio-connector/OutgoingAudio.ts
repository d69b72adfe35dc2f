import { type Clock, parseOptions, TroupeError } from "../../core/index.ts";
import { FarBuffer } from "./FarBuffer.ts";
import { FrameStretcher } from "./FrameStretcher.ts";
import { activeSecondsSchema } from "./options.ts";
import { RecentPeak } from "./RecentPeak.ts";
import { bytesOf, isQuiet } from "./samples.ts";
import { FAR_BUFFER_MESSAGES, FRAME_MS, FRAME_US, frameBytes } from "./wire.ts";

/** What may wait in frames of 20 ms: five minutes. */
const MAXIMUM_QUEUED_FRAMES = 15_000;
/** Frames that are sent in one turn of the event loop. */
const FRAMES_A_TURN = 50;
/** The far side is filled again when it has played this share of what it is given ahead. */
const REFILL_SHARE = 0.5;
const SHORTEST_WAIT_MS = 5;
const LONGEST_WAIT_MS = 1_000;
/** How long a full socket is left alone. */
const FULL_WAIT_MS = 20;
/** What the far side may have beyond the lead until quiet frames are left out, and loud ones made shorter. */
const SPARE_US = 30_000;
/** A frame that comes later than this comes out of a stall of ours. */
const LATE_US = 30_000;
/** What the lead grows to at most where this process stalls, unless it is longer to begin with. */
const LONGEST_GROWN_LEAD_US = 400_000;
/** What comes so soon behind a flush is its rest: silence in front of it would let it stand out. */
const FLUSH_REST_US = 100_000;
/** Room left in the far side's buffer for what our clock does not see. */
const SPARE_MESSAGES = 72;

/** How a buffer of audio is cut and sent; the names are those of Vonage's own server SDK. */
export interface SendAudioOptions {
  /** Length of a message: 20 (when left out) is what the far side plays; 10 for those who ask for it. */
  framesMs?: 10 | 20;
  /** Bytes of a message; what the rate of the call and `framesMs` come to, and an error when it is not that. */
  bytesPerSample?: number;
  /** Fills the last message up with silence; else its part is kept for the next call. False when left out. */
  padLastFrame?: boolean;
  /** Drops what is queued, here and at the far side, first. False when left out. */
  flushBuffer?: boolean;
}

/** What became of our audio. */
export interface OutgoingCounts {
  framesSent: number;
  /** Of these, silence sent ahead so that the far side does not run dry. */
  leadFrames: number;
  /** Times that the far side had nothing left when more came: beginnings, and our own delays. */
  starts: number;
  /** Dropped: the far side did not read. */
  framesDropped: number;
  /** Quiet frames left out, so that the far side has no more than the lead. */
  framesSkipped: number;
  /** Quiet frames sent twice, so that the far side has as much as stalls of ours need. */
  framesRepeated: number;
  /** Frames made longer or shorter by a sample for the same two reasons, or since the far clock drifts. */
  framesStretched: number;
}

interface Chunk {
  data: Buffer;
  at: number;
  frameMs: number;
  done: (outcome: "sent" | "flushed") => void;
}

/**
 * Paces what the far side gets: live frames as the engine makes them, behind a lead of silence at their beginning, and
 * buffers ahead of time, as much as the active window holds.
 */
export class OutgoingAudio {
  readonly counts: OutgoingCounts = {
    framesSent: 0,
    leadFrames: 0,
    starts: 0,
    framesDropped: 0,
    framesSkipped: 0,
    framesRepeated: 0,
    framesStretched: 0,
  };
  readonly #sampleRate: number;
  readonly #leadUs: number;
  readonly #clock: Clock;
  readonly #farAheadUs: () => number;
  readonly #send: (pcm: Uint8Array) => boolean;
  readonly #stretcher = new FrameStretcher();
  readonly #far = new FarBuffer();
  readonly #silence: Buffer;
  /** What the far side needs to have against stalls of ours like those of late. */
  readonly #stalls: RecentPeak;
  #lastLiveUs = 0;
  #flushedUs = Number.NEGATIVE_INFINITY;
  #activeUs: number;
  #queue: Chunk[] = [];
  #rest = Buffer.alloc(0);
  #timer: unknown;
  #waiters: (() => void)[] = [];

  /**
   * `send` gives false when it does not take the frame; it must not keep the buffer of a live frame. `farAheadUs` is how
   * far the far side's clock has run ahead of `clock`.
   */
  constructor(options: {
    sampleRate: number;
    leadMs: number;
    activeSeconds: number;
    clock: Clock;
    farAheadUs: () => number;
    send: (pcm: Uint8Array) => boolean;
  }) {
    this.#sampleRate = options.sampleRate;
    this.#leadUs = options.leadMs * 1_000;
    this.#activeUs = options.activeSeconds * 1_000_000;
    this.#clock = options.clock;
    this.#farAheadUs = options.farAheadUs;
    this.#send = options.send;
    this.#silence = Buffer.alloc(frameBytes(this.#sampleRate));
    this.#stalls = new RecentPeak(this.#clock.nowUs());
  }

  /** Audio of ours that the far side has not played, in ms. */
  get farBufferMs(): number {
    return this.#levelUs(this.#clock.nowUs()) / 1_000;
  }

  /** Audio that waits here, in ms. */
  get queuedMs(): number {
    const bytes = this.#queue.reduce((sum, { data, at }) => sum + data.length - at, 0);
    return (bytes / frameBytes(this.#sampleRate)) * FRAME_MS;
  }

  /** @throws TroupeError INVALID_OPTION */
  setBufferTiming(activeSeconds: number): void {
    this.#activeUs = parseOptions(activeSecondsSchema, activeSeconds, "activeSeconds") * 1_000_000;
    this.#wake();
  }

  /** A frame of 20 ms, which the engine began at `beganUs`. */
  live(pcm: Int16Array, beganUs: number): void {
    const nowUs = this.#clock.nowUs();
    const lateUs = Math.max(0, nowUs - beganUs - FRAME_US);
    const isStalled = lateUs > LATE_US;
    if (isStalled) this.#stalls.note(nowUs - this.#lastLiveUs + FRAME_US, nowUs);
    this.#lastLiveUs = nowUs;
    const levelUs = this.#levelUs(nowUs);
    const wantedUs = this.#wantedLeadUs(nowUs);
    if (levelUs === 0) {
      this.counts.starts += 1;
      this.#stretcher.clear();
      // When it comes late, those behind it are there too: they are a lead by themselves. What is more would be a longer
      // hole in what is said; it comes in the next quiet moment.
      const leadUs = isStalled ? this.#leadUs : wantedUs;
      if (nowUs - this.#flushedUs > FLUSH_REST_US) this.#sendLead(leadUs - lateUs, nowUs);
      this.#sendStretched(pcm, 0, nowUs);
    } else if (levelUs > wantedUs + SPARE_US) {
      if (isQuiet(pcm)) this.counts.framesSkipped += 1;
      else this.#sendStretched(pcm, -1, nowUs);
    } else if (levelUs < wantedUs - FRAME_US && !isStalled) {
      if (!isQuiet(pcm)) this.#sendStretched(pcm, 1, nowUs);
      else if (this.#sendStretched(pcm, 0, nowUs) && this.#sendStretched(pcm, 0, nowUs))
        this.counts.framesRepeated += 1;
    } else this.#sendStretched(pcm, 0, nowUs);
  }

  /**
   * Queues a buffer. Resolves once all of it was handed to the socket, or was flushed.
   *
   * @throws TroupeError INVALID_OPTION, INVALID_AUDIO for half a sample, QUEUE_FULL beyond five minutes.
   */
  async buffer(pcm: Uint8Array | Int16Array, options: SendAudioOptions): Promise<"sent" | "flushed"> {
    const { framesMs = FRAME_MS, padLastFrame = false } = options;
    const size = this.#frameSize(framesMs, options.bytesPerSample);
    const bytes = Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength);
    if (bytes.length % 2 !== 0)
      throw TroupeError.expected("INVALID_AUDIO", "pcm", "whole 16-bit samples", `${bytes.length} bytes`);
    if (this.queuedMs + (bytes.length / size) * framesMs > MAXIMUM_QUEUED_FRAMES * FRAME_MS)
      throw new TroupeError("QUEUE_FULL", "More than five minutes of audio wait to be sent");
    const data = this.#cut(bytes, size, padLastFrame);
    if (data.length === 0) return "sent";
    const { promise, resolve } = Promise.withResolvers<"sent" | "flushed">();
    this.#queue.push({ data, at: 0, frameMs: framesMs, done: resolve });
    if (this.#timer === undefined) this.#pump();
    return await promise;
  }

  /** Drops what is queued here, and counts the far side's buffer as empty: tell it so. */
  flush(): void {
    for (const { done } of this.#queue.splice(0)) done("flushed");
    this.#rest = Buffer.alloc(0);
    this.#stretcher.clear();
    this.#far.clear();
    this.#flushedUs = this.#clock.nowUs();
    this.#wake();
    this.#settle();
  }

  /** Resolves once nothing waits here and the far side has played what it got, by our clock. */
  drained(): Promise<void> {
    if (this.#queue.length === 0 && this.farBufferMs === 0) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiters.push(resolve);
    if (this.#timer === undefined) this.#pump();
    return promise;
  }

  close(): void {
    this.#clock.clearTimeout(this.#timer);
    for (const { done } of this.#queue.splice(0)) done("flushed");
    for (const resolve of this.#waiters.splice(0)) resolve();
  }

  #levelUs(nowUs: number): number {
    return this.#far.levelUs(nowUs + this.#farAheadUs());
  }

  #wantedLeadUs(nowUs: number): number {
    const grownUs = Math.min(LONGEST_GROWN_LEAD_US, this.#stalls.at(nowUs));
    return Math.max(this.#leadUs, grownUs);
  }

  #frameSize(framesMs: number, asked: number | undefined): number {
    if (framesMs !== 10 && framesMs !== 20)
      throw TroupeError.expected("INVALID_OPTION", "framesMs", "10 or 20", framesMs);
    const size = frameBytes(this.#sampleRate, framesMs);
    if (asked !== undefined && asked !== size) {
      const expected = `${size}, which is ${framesMs} ms at ${this.#sampleRate} Hz`;
      throw TroupeError.expected("INVALID_OPTION", "bytesPerSample", expected, asked);
    }
    return size;
  }

  /** Whole frames, with what the call before left; the rest is padded or kept. */
  #cut(bytes: Buffer, size: number, pad: boolean): Buffer {
    const all = Buffer.concat([this.#rest, bytes]);
    const over = all.length % size;
    if (over > 0 && pad) {
      this.#rest = Buffer.alloc(0);
      return Buffer.concat([all, Buffer.alloc(size - over)]);
    }
    this.#rest = all.subarray(all.length - over);
    return all.subarray(0, all.length - over);
  }

  #wake(): void {
    if (this.#timer === undefined) return;
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#pump();
  }

  #pump(): void {
    this.#timer = undefined;
    const nowUs = this.#clock.nowUs();
    const waitMs = this.#fill(nowUs) ?? (this.#waiters.length > 0 ? this.#levelUs(nowUs) / 1_000 : undefined);
    if (waitMs === undefined) return;
    if (waitMs === 0 && this.#queue.length === 0) this.#settle();
    else this.#timer = this.#clock.setTimeout(() => this.#pump(), waitMs);
  }

  /** Sends what the far side may have now; gives how long to wait for the rest, in ms, if there is any. */
  #fill(nowUs: number): number | undefined {
    let turn = 0;
    for (let chunk = this.#queue[0]; chunk; chunk = this.#queue[0]) {
      const frameUs = chunk.frameMs * 1_000;
      if (this.#levelUs(nowUs) + frameUs > this.#windowUs(frameUs)) return this.#refillMs(nowUs);
      if (turn++ === FRAMES_A_TURN) return 0;
      if (!this.#sendChunk(chunk, frameUs, nowUs)) return FULL_WAIT_MS;
    }
    return undefined;
  }

  #windowUs(frameUs: number): number {
    return Math.min(Math.max(this.#activeUs, 2 * frameUs), (FAR_BUFFER_MESSAGES - SPARE_MESSAGES) * frameUs);
  }

  #refillMs(nowUs: number): number {
    const ms = (this.#levelUs(nowUs) * REFILL_SHARE) / 1_000;
    return Math.min(LONGEST_WAIT_MS, Math.max(SHORTEST_WAIT_MS, ms));
  }

  #sendChunk(chunk: Chunk, frameUs: number, nowUs: number): boolean {
    const end = chunk.at + frameBytes(this.#sampleRate, chunk.frameMs);
    if (!this.#send(chunk.data.subarray(chunk.at, end))) return false;
    this.counts.framesSent += 1;
    this.#far.add(nowUs + this.#farAheadUs(), frameUs);
    chunk.at = end;
    if (chunk.at < chunk.data.length) return true;
    this.#queue.shift();
    chunk.done("sent");
    return true;
  }

  #sendLead(leadUs: number, nowUs: number): void {
    for (let sentUs = 0; sentUs < leadUs; sentUs += FRAME_US) {
      if (this.#sendFrame(this.#silence, nowUs)) this.counts.leadFrames += 1;
    }
  }

  /** False when a frame was not taken. */
  #sendStretched(pcm: Int16Array, bySamples: -1 | 0 | 1, nowUs: number): boolean {
    if (bySamples !== 0) this.counts.framesStretched += 1;
    const frames = this.#stretcher.push(pcm, bySamples);
    return frames.map((frame) => this.#sendFrame(bytesOf(frame), nowUs)).every((isSent) => isSent);
  }

  #sendFrame(pcm: Uint8Array, nowUs: number): boolean {
    const isSent = this.#send(pcm);
    if (isSent) {
      this.counts.framesSent += 1;
      this.#far.add(nowUs + this.#farAheadUs(), FRAME_US);
    } else this.counts.framesDropped += 1;
    return isSent;
  }

  #settle(): void {
    if (this.#queue.length > 0 || this.farBufferMs > 0) return;
    for (const resolve of this.#waiters.splice(0)) resolve();
  }
}
