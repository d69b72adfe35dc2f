import { AudioSink, AudioSource, type Connection } from "troupe";
import { monotonicMs } from "troupe/testing";

const SAMPLE_RATE = 16_000;
const WRITE_SAMPLES = SAMPLE_RATE / 5;
const TONE_LEAST_AMPLITUDE = 1000;
/** A pause of this length can be noticed. */
export const SILENCE_MS = 200;
const MESSAGE_EVERY_MS = 200;
/** The server may learn a little later than we that messages can pass. */
const SETTLED_MS = 1_000;
/** A message may have been on its way when a connection was lost so soon after it. */
const IN_FLIGHT_MS = 15_000;

export interface SentMessage {
  number: number;
  atMs: number;
}

/** A bot that hums, sends numbered messages, and notes what it hears and gets. */
export class ChaosBot {
  readonly name: string;
  readonly connection: Connection;
  /** From when to when messages could pass, in monotonic ms; the last one has no end while they still can. */
  readonly sessions: { openMs: number; lostMs: number }[] = [];
  /** Messages that the transport took while connected. */
  readonly sent: SentMessage[] = [];
  /** The numbers that came, in the order in which they came. */
  readonly received: number[] = [];
  /** The pauses of over 200 ms in what it heard, in monotonic ms. */
  readonly silences: { fromMs: number; toMs: number }[] = [];
  readonly problems: string[] = [];
  reconnects = 0;
  /** When the outage of its media path began, or the first of several, in which it last fell silent; in monotonic ms. */
  silentSinceMs = Number.POSITIVE_INFINITY;
  #heardAtMs = 0;
  #stateAtMs = monotonicMs();
  /** Since when no media has come, in monotonic ms; infinite while it comes. */
  #stalledAtMs = Number.POSITIVE_INFINITY;
  readonly #source = new AudioSource({ sampleRate: SAMPLE_RATE, channels: 1, capacityMs: 400 });
  readonly #sinks = new Set<AudioSink>();
  readonly #send: (text: string) => Promise<void>;
  readonly #ending = new AbortController();
  readonly #work: Promise<void>[] = [];

  /**
   * @param send gives a text to the others, in order and once.
   * @param resumes whether messages outlive a reconnect, unless `opened` says otherwise.
   */
  constructor(
    name: string,
    connection: Connection,
    { send, resumes }: { send: (text: string) => Promise<void>; resumes: boolean },
  ) {
    this.name = name;
    this.connection = connection;
    this.#send = send;
    // A steady tone counts as noise, which would be sent every 400 ms only.
    connection.publish(this.#source, { dtx: false });
    connection.on("state", () => {
      this.#stateAtMs = monotonicMs();
      if (connection.state.includes("media.flowing")) this.#stalledAtMs = Number.POSITIVE_INFINITY;
      else this.#stalledAtMs = Math.min(this.#stalledAtMs, this.#stateAtMs);
    });
    connection.on("reconnecting", () => {
      this.reconnects += 1;
      // A path that was looked for in vain, for up to 30 s, was lost when it fell silent.
      if (!resumes) this.#endSession(Math.min(this.#stalledAtMs, this.#awaySinceMs, monotonicMs()));
    });
    connection.on("disconnected", (code, reason) => {
      this.#endSession(monotonicMs());
      this.problems.push(`disconnected: ${code} ${reason}`);
    });
    connection.on("track", (track) => this.#hear(new AudioSink(track, { sampleRate: SAMPLE_RATE })));
  }

  /** Begins to hum and to send. */
  start(): void {
    this.#work.push(this.#hum(), this.#talk());
  }

  /** Messages can pass from now on, in both directions; those from before `lostMs` on may be lost. */
  opened(lostMs = monotonicMs()): void {
    this.#endSession(lostMs);
    this.sessions.push({ openMs: monotonicMs(), lostMs: Number.POSITIVE_INFINITY });
  }

  /** Takes a text that came from the other. */
  take(text: string): void {
    this.received.push(Number(text));
  }

  get isConnected(): boolean {
    return this.connection.state.startsWith("connected");
  }

  /** When audio of the other was heard last, in monotonic ms; 0 for never. */
  get heardAtMs(): number {
    return this.#heardAtMs;
  }

  /** How long it has been in its state, in ms. */
  get stateMs(): number {
    return monotonicMs() - this.#stateAtMs;
  }

  /** What of `sent` must have come to `other`: what was sent while both could, and went on to for long enough. */
  owedTo(other: ChaosBot, untilMs: number): number[] {
    const could = (bot: ChaosBot, atMs: number) =>
      bot.sessions.some(({ openMs, lostMs }) => openMs + SETTLED_MS < atMs && lostMs > atMs + IN_FLIGHT_MS);
    return this.sent
      .filter(({ atMs }) => atMs < untilMs && could(this, atMs) && could(other, atMs))
      .map(({ number }) => number);
  }

  /** When the message of this number was sent, in monotonic ms. */
  sentAt(number: number): number {
    return this.sent.find((message) => message.number === number)?.atMs ?? Number.NaN;
  }

  async close(): Promise<void> {
    this.#ending.abort();
    this.#source.close();
    for (const sink of this.#sinks) sink.close();
    await this.connection.disconnect();
    await Promise.allSettled(this.#work);
  }

  /** Since when its media path has been away; infinite once something came again. */
  get #awaySinceMs(): number {
    const isBack = this.#heardAtMs > this.silentSinceMs + SETTLED_MS;
    return isBack ? Number.POSITIVE_INFINITY : this.silentSinceMs;
  }

  #endSession(lostMs: number): void {
    const last = this.sessions.at(-1);
    if (last) last.lostMs = Math.min(last.lostMs, lostMs);
  }

  #hear(sink: AudioSink): void {
    this.#sinks.add(sink);
    sink.on("frame", ({ pcm, concealed, timestampUs }) => {
      if (concealed || !pcm.some((sample) => Math.abs(sample) > TONE_LEAST_AMPLITUDE)) return;
      // The engine's time, not the event loop's.
      const atMs = timestampUs / 1000;
      if (this.#heardAtMs > 0 && atMs - this.#heardAtMs > SILENCE_MS)
        this.silences.push({ fromMs: this.#heardAtMs, toMs: atMs });
      this.#heardAtMs = atMs;
    });
  }

  async #hum(): Promise<void> {
    const pcm = Int16Array.from({ length: WRITE_SAMPLES }, (_, at) =>
      Math.round(8000 * Math.sin((2 * Math.PI * 440 * at) / SAMPLE_RATE)),
    );
    while (!this.#ending.signal.aborted)
      await this.#source
        .write(pcm, { signal: this.#ending.signal })
        .catch(() => this.#pause(MESSAGE_EVERY_MS));
  }

  async #talk(): Promise<void> {
    for (let number = 0; !this.#ending.signal.aborted; await this.#pause(MESSAGE_EVERY_MS)) {
      const atMs = monotonicMs();
      if (!this.isConnected) continue;
      try {
        await this.#send(String(number));
        this.sent.push({ number, atMs });
      } catch {
        // Refused: it was never sent, and the number is not used again.
      }
      number += 1;
    }
  }

  #pause(ms: number): Promise<void> {
    const { signal } = this.#ending;
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(done, ms);
      signal.addEventListener("abort", done, { once: true });
      function done() {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      }
    });
  }
}
