import { type Clock, TroupeError } from "../../../core/index.ts";
import type { DataPort } from "./DataPort.ts";
import type { DataLimits } from "./limits.ts";

/**
 * What becomes of a packet when the room is joined anew, where sequence numbers cannot tell what arrived:
 * `always` it is sent again when it went out shortly before, `unsent` only when it never went out,
 * `never` it is let go, because what it belongs to ended with the session.
 */
export type Survival = "always" | "unsent" | "never";

interface Entry {
  sequence: number;
  /** The packet without its sequence number. */
  body: Uint8Array;
  survival: Survival;
  /** When it was handed over last, in us; undefined when it never was. */
  sentUs: number | undefined;
  settle: { resolve: () => void; reject: (error: TroupeError) => void } | undefined;
}

/** Field 16 (sequence) as a varint: 16 << 3 | 0. */
const SEQUENCE_TAG = [0x80, 0x01];
/** What went out this long before a loss may not have arrived, in us: the time in which a dead path is noticed. */
const DOUBTFUL_US = 20_000_000;

/**
 * The reliable packets of a room, in order and numbered from 1. What was sent is kept, up to a bound, until the
 * server says after a resume which number it saw last; the rest is sent again. Receivers and server drop
 * what they have had.
 */
export class ReliableQueue {
  readonly #port: DataPort;
  readonly #limits: DataLimits;
  readonly #clock: Clock;
  /** In the order of their numbers; those that wait come after those that were sent. */
  #sent: Entry[] = [];
  #waiting: Entry[] = [];
  #nextSequence = 1;
  #waitingBytes = 0;
  #sentBytes = 0;
  #isPumping = false;
  #closed: TroupeError | undefined;

  constructor(port: DataPort, limits: DataLimits, clock: Clock) {
    this.#port = port;
    this.#limits = limits;
    this.#clock = clock;
  }

  /** Bytes that wait to be sent. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /**
   * Resolves when the data channel took the packet, which may be after a reconnect.
   *
   * @throws TroupeError QUEUE_FULL, CLOSED, or what the data channel says of a packet that it does not take.
   */
  async send(body: Uint8Array, survival: Survival): Promise<void> {
    if (this.#closed) throw this.#closed;
    if (this.#waitingBytes + body.length > this.#limits.waitingBytes) {
      throw new TroupeError("QUEUE_FULL", "Too much reliable data waits to be sent", {
        expected: `at most ${this.#limits.waitingBytes} bytes`,
        received: `${this.#waitingBytes + body.length}`,
      });
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const sequence = this.#nextSequence++;
    this.#waiting.push({ sequence, body, survival, sentUs: undefined, settle: { resolve, reject } });
    this.#waitingBytes += body.length;
    void this.#pump();
    await promise;
  }

  /** The data channels are open, or open again with nothing lost. */
  wake(): void {
    void this.#pump();
  }

  /** The server resumed the session and saw `lastSequence` last: what came after it is sent again. */
  resumed(lastSequence: number): void {
    this.#restart(({ sequence }) => sequence > lastSequence);
  }

  /** The room was joined anew: numbers start at 1, and each packet's survival says what becomes of it. */
  rejoined(): void {
    const doubtful = this.#clock.nowUs() - DOUBTFUL_US;
    const lost = new TroupeError("CLOSED", "The room was joined anew before this was sent");
    for (const { survival, settle } of this.#waiting) if (survival === "never") settle?.reject(lost);
    this.#restart(({ survival, sentUs }) => {
      if (survival === "never") return false;
      return sentUs === undefined || (survival === "always" && sentUs >= doubtful);
    });
    this.#nextSequence = 1;
    for (const entry of this.#waiting) entry.sequence = this.#nextSequence++;
  }

  /** Refuses what waits and what comes. */
  close(error: TroupeError): void {
    if (this.#closed) return;
    this.#closed = error;
    for (const { settle } of this.#waiting) settle?.reject(error);
    this.#sent = [];
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#sentBytes = 0;
  }

  /** Lets everything wait that is still `needed`. The rest arrived, or was rejected before. */
  #restart(needed: (entry: Entry) => boolean): void {
    const all = [...this.#sent, ...this.#waiting];
    for (const entry of all) if (!needed(entry)) entry.settle?.resolve();
    this.#sent = [];
    this.#sentBytes = 0;
    this.#waiting = all.filter(needed);
    this.#waitingBytes = this.#waiting.reduce((sum, { body }) => sum + body.length, 0);
    void this.#pump();
  }

  async #pump(): Promise<void> {
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      // What was called synchronously, such as a rejoin, ends before the first packet is made.
      await undefined;
      while (this.#waiting[0] && this.#port.isConnected) {
        if (!(await this.#hand(this.#waiting[0]))) break;
      }
    } finally {
      this.#isPumping = false;
    }
  }

  /** False when the channel closed under the packet: it stays, and the next wake tries again. */
  async #hand(entry: Entry): Promise<boolean> {
    const { sequence } = entry;
    try {
      await this.#port.send("reliable", withSequence(entry.body, sequence));
    } catch (error) {
      // A resume or a rejoin came meanwhile; then it still waits, for the channels that are open now.
      if (!this.#isNext(entry, sequence)) return true;
      if (!this.#port.isConnected || isClosed(error)) return false;
      this.#refuse(entry, error);
      return true;
    }
    if (this.#isNext(entry, sequence)) this.#markSent(entry);
    return true;
  }

  #isNext(entry: Entry, sequence: number): boolean {
    return this.#waiting[0] === entry && entry.sequence === sequence;
  }

  #refuse(entry: Entry, error: unknown): void {
    this.#waiting.shift();
    this.#waitingBytes -= entry.body.length;
    entry.settle?.reject(TroupeError.from("TRANSPORT_FAILED", error));
  }

  #markSent(entry: Entry): void {
    this.#waiting.shift();
    this.#waitingBytes -= entry.body.length;
    entry.settle?.resolve();
    entry.settle = undefined;
    entry.sentUs = this.#clock.nowUs();
    this.#sent.push(entry);
    this.#sentBytes += entry.body.length;
    while (this.#sentBytes > this.#limits.replayBytes) this.#sentBytes -= this.#sent.shift()!.body.length;
  }
}

function isClosed(error: unknown): boolean {
  return error instanceof TroupeError && error.code === "CLOSED";
}

/** Fields of a protobuf message may come in any order, so the number goes behind a packet that is made already. */
function withSequence(body: Uint8Array, sequence: number): Uint8Array {
  const tail = [...SEQUENCE_TAG];
  let rest = sequence;
  while (rest > 0x7f) {
    tail.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  tail.push(rest);
  const packet = new Uint8Array(body.length + tail.length);
  packet.set(body);
  packet.set(tail, body.length);
  return packet;
}
