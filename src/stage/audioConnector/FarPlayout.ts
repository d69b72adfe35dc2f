import type { Clock } from "../../core/index.ts";

const FRAME_MS = 20;
/** Messages that it holds at most: a minute. */
const CAPACITY_MESSAGES = 3_072;
/** A pause that is longer is one, and no underrun. */
const LONGEST_UNDERRUN_FRAMES = 50;

/** What the far side saw of the audio that it was sent. */
export interface FarPlayoutReport {
  /** Messages by their length in bytes. */
  sizes: Record<number, number>;
  /** Messages of more than a frame, of which the rest was let go. */
  truncated: number;
  /** Messages of less than a frame. */
  short: number;
  /** Frames that found the buffer full. */
  overruns: number;
  /** Frames of silence because nothing was there, with more of the same sound within a second. */
  underruns: number;
  framesPlayed: number;
  bufferedMessages: number;
  highestBufferedMessages: number;
  /** How often it was told to drop what it held. */
  cleared: number;
}

/** Plays on a clock of its own what it is sent, as the far side of an Audio Connector call does. */
export class FarPlayout {
  readonly report: FarPlayoutReport = {
    sizes: {},
    truncated: 0,
    short: 0,
    overruns: 0,
    underruns: 0,
    framesPlayed: 0,
    bufferedMessages: 0,
    highestBufferedMessages: 0,
    cleared: 0,
  };
  readonly #frameBytes: number;
  readonly #periodUs: number;
  readonly #clock: Clock;
  readonly #tick: (pcm: Buffer | null) => void;
  readonly #silence: Buffer;
  #buffer: Buffer[] = [];
  #notifyAt: { messages: number; told: () => void }[] = [];
  #dueUs: number;
  #timer: unknown;
  #emptyFrames = LONGEST_UNDERRUN_FRAMES + 1;
  #stopped = false;

  /**
   * @param options.driftPpm how much faster than ours its clock goes.
   * @param options.tick what is played in these 20 ms, null for nothing.
   */
  constructor(options: {
    frameBytes: number;
    driftPpm: number;
    clock: Clock;
    tick: (pcm: Buffer | null) => void;
  }) {
    this.#frameBytes = options.frameBytes;
    this.#periodUs = (FRAME_MS * 1_000) / (1 + options.driftPpm / 1_000_000);
    this.#clock = options.clock;
    this.#tick = options.tick;
    this.#silence = Buffer.alloc(options.frameBytes);
    this.#dueUs = this.#clock.nowUs() + this.#periodUs;
    this.#schedule();
  }

  push(message: Buffer): void {
    const { report } = this;
    report.sizes[message.length] = (report.sizes[message.length] ?? 0) + 1;
    if (message.length > this.#frameBytes) report.truncated += 1;
    if (message.length < this.#frameBytes) report.short += 1;
    if (this.#buffer.length >= CAPACITY_MESSAGES) {
      report.overruns += 1;
      return;
    }
    this.#buffer.push(this.#wholeFrame(message));
    report.bufferedMessages = this.#buffer.length;
    report.highestBufferedMessages = Math.max(report.highestBufferedMessages, this.#buffer.length);
  }

  clear(): void {
    this.#buffer = [];
    this.report.bufferedMessages = 0;
    this.report.cleared += 1;
    // What is cut off is no underrun.
    this.#emptyFrames = LONGEST_UNDERRUN_FRAMES + 1;
    for (const { told } of this.#notifyAt.splice(0)) told();
  }

  /** Calls `told` once all that it holds now has been played. */
  notify(told: () => void): void {
    this.#notifyAt.push({ messages: this.#buffer.length, told });
    this.#tellNotified(0);
  }

  stop(): void {
    this.#stopped = true;
    this.#clock.clearTimeout(this.#timer);
  }

  #wholeFrame(message: Buffer): Buffer {
    if (message.length === this.#frameBytes) return message;
    if (message.length > this.#frameBytes) return message.subarray(0, this.#frameBytes);
    return Buffer.concat([message, this.#silence.subarray(message.length)]);
  }

  #schedule(): void {
    const waitMs = Math.max(0, Math.ceil((this.#dueUs - this.#clock.nowUs()) / 1_000));
    // What the socket has got meanwhile is there before it is played, however late this process is.
    this.#timer = this.#clock.setTimeout(() => setImmediate(() => this.#playDue()), waitMs);
  }

  #playDue(): void {
    if (this.#stopped) return;
    const nowUs = this.#clock.nowUs();
    while (this.#dueUs <= nowUs) {
      this.#dueUs += this.#periodUs;
      this.#play();
    }
    this.#schedule();
  }

  #play(): void {
    const frame = this.#buffer.shift();
    if (frame) {
      if (this.#emptyFrames <= LONGEST_UNDERRUN_FRAMES) this.report.underruns += this.#emptyFrames;
      this.#emptyFrames = 0;
      this.report.framesPlayed += 1;
      this.report.bufferedMessages = this.#buffer.length;
    } else this.#emptyFrames += 1;
    this.#tick(frame ?? null);
    if (frame) this.#tellNotified(1);
  }

  #tellNotified(played: number): void {
    for (const waiting of this.#notifyAt) waiting.messages -= played;
    const due = this.#notifyAt.filter(({ messages }) => messages <= 0);
    this.#notifyAt = this.#notifyAt.filter(({ messages }) => messages > 0);
    for (const { told } of due) told();
  }
}
