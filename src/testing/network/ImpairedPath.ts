import { coin } from "./coin.ts";
import { GilbertElliott } from "./GilbertElliott.ts";
import type { ImpairmentSettings } from "./impairment.ts";
import { type PacketPlace, PacketPlaces } from "./PacketPlaces.ts";

/** What became of the packets of one direction. */
export interface PathCounters {
  /** Packets that came in. */
  packets: number;
  bytes: number;
  /** Packets that went out, duplicates included. */
  delivered: number;
  duplicated: number;
  /** Dropped, by reason. */
  lost: number;
  /** By `bursts`, or in the bad state of `gilbertElliott`. */
  lostInBurst: number;
  lostInOutage: number;
  /** The bottleneck's queue was full. */
  overflowed: number;
  /** Larger than the path takes. */
  oversized: number;
  /** Of all these: RTP packets that came for the first time, and those of them that were dropped for any reason. */
  rtpPackets: number;
  rtpDropped: number;
}

/** Which coin is thrown. */
const Purpose = {
  loss: 1,
  burst: 2,
  jitter: 3,
  reordering: 4,
  duplication: 5,
  state: 6,
  stateLoss: 7,
} as const;

/** The second copy of a duplicate comes so much later. */
const DUPLICATE_AFTER_MS = 1;
const MAXIMUM_DRIFT_MS = 2_000;
const PPM = 1e-6;
/** STUN and DTLS begin below it (RFC 7983). */
const FIRST_MEDIA_BYTE = 64;

/**
 * One direction of a network, as arithmetic: it is told when a packet comes in and says when it comes out, if it
 * does. Time is an argument, so that it runs at any speed.
 *
 * Every decision about an RTP packet depends on the seed, on its stream (the first, second ... SSRC seen) and on how
 * far its sequence number is from the first one seen of that stream; a packet that comes again (a retransmission)
 * has a coin of its own each time. SRTP leaves both in clear. So two paths with one seed, each with a receiver of
 * its own behind it, lose and delay the very same packets, although a server numbers them differently for each.
 * Other packets (STUN, DTLS, RTCP) are numbered as they come.
 */
export class ImpairedPath {
  readonly counters: PathCounters = {
    packets: 0,
    bytes: 0,
    delivered: 0,
    duplicated: 0,
    lost: 0,
    lostInBurst: 0,
    lostInOutage: 0,
    overflowed: 0,
    oversized: 0,
    rtpPackets: 0,
    rtpDropped: 0,
  };
  readonly #settings: ImpairmentSettings;
  readonly #places = new PacketPlaces();
  readonly #chain: GilbertElliott | undefined;
  /** When the first packet came in; outages and drift count from there. */
  #beganMs: number | undefined;
  /** When the last packet that kept its place comes out. */
  #lastOutMs = Number.NEGATIVE_INFINITY;
  /** When the bottleneck has sent everything that it holds. */
  #bottleneckFreeMs = Number.NEGATIVE_INFINITY;

  constructor(settings: ImpairmentSettings) {
    this.#settings = settings;
    const { gilbertElliott, seed } = settings;
    if (gilbertElliott) this.#chain = new GilbertElliott(gilbertElliott, seed, Purpose.state);
  }

  /**
   * Takes a datagram that comes in at `nowMs` (any monotonic clock).
   *
   * @returns when it comes out: no number when it is lost, two when it is duplicated.
   */
  accept(datagram: Uint8Array, nowMs: number): number[] {
    this.#beganMs ??= nowMs;
    this.counters.packets += 1;
    this.counters.bytes += datagram.length;
    const place = this.#places.of(datagram);
    const isFirst = place.stream > 0 && place.attempt === 0;
    if (isFirst) this.counters.rtpPackets += 1;
    const isOversized = datagram.length > this.#settings.maximumPacketBytes;
    if (isOversized) this.counters.oversized += 1;
    const isSpared = this.#settings.spareHandshakes && !(datagram[0]! >= FIRST_MEDIA_BYTE);
    const sentMs =
      isOversized || (!isSpared && this.#isLost(place, nowMs))
        ? undefined
        : this.#passBottleneck(datagram.length, nowMs);
    if (sentMs === undefined) {
      if (isFirst) this.counters.rtpDropped += 1;
      return [];
    }
    const outMs = this.#delay(place, sentMs, nowMs);
    this.counters.delivered += 1;
    if (this.#throw(place, Purpose.duplication) >= this.#settings.duplication) return [outMs];
    this.counters.delivered += 1;
    this.counters.duplicated += 1;
    return [outMs, outMs + DUPLICATE_AFTER_MS];
  }

  #isLost(place: PacketPlace, nowMs: number): boolean {
    if (this.#isOut(nowMs)) this.counters.lostInOutage += 1;
    else if (this.#isInBurst(place)) this.counters.lostInBurst += 1;
    else if (this.#throw(place, Purpose.loss) < this.#settings.loss) this.counters.lost += 1;
    else if (this.#isLostByState(place)) this.#countByState(place);
    else return false;
    return true;
  }

  #isOut(nowMs: number): boolean {
    const { outages } = this.#settings;
    if (!outages) return false;
    return (nowMs - this.#beganMs!) % outages.everyMs >= outages.everyMs - outages.lengthMs;
  }

  /** Whether a burst began at this packet or so shortly before that it is still in it. No state: any order is right. */
  #isInBurst({ stream, index, attempt }: PacketPlace): boolean {
    const { bursts, seed } = this.#settings;
    // A retransmission comes later, when the burst is over; it has the coin of single losses.
    if (!bursts || attempt > 0) return false;
    for (let first = index; first > index - bursts.packets; first--)
      if (coin(seed, Purpose.burst, stream, first) < bursts.probability) return true;
    return false;
  }

  /** A retransmission comes at another time, in whatever state: it has the coin of the long run. */
  #isLostByState(place: PacketPlace): boolean {
    if (!this.#chain) return false;
    const { stream, index, attempt } = place;
    const loss = attempt > 0 ? this.#chain.meanLoss : this.#chain.lossAt(stream, index);
    return this.#throw(place, Purpose.stateLoss) < loss;
  }

  #countByState({ stream, index, attempt }: PacketPlace): void {
    if (attempt === 0 && this.#chain!.isBad(stream, index)) this.counters.lostInBurst += 1;
    else this.counters.lost += 1;
  }

  /** When the bottleneck has sent the packet; undefined when its queue is too long to take it. */
  #passBottleneck(bytes: number, nowMs: number): number | undefined {
    const { bandwidth } = this.#settings;
    if (!bandwidth) return nowMs;
    const beginMs = Math.max(nowMs, this.#bottleneckFreeMs);
    if (beginMs - nowMs > bandwidth.queueMs) {
      this.counters.overflowed += 1;
      return undefined;
    }
    this.#bottleneckFreeMs = beginMs + (bytes * 8 * 1000) / bandwidth.bitRate;
    return this.#bottleneckFreeMs;
  }

  #delay(place: PacketPlace, sentMs: number, nowMs: number): number {
    const { delayMs, jitterMs, reordering } = this.#settings;
    const fixedMs = Math.max(0, delayMs + this.#drift(nowMs));
    const steadyMs = sentMs + fixedMs + jitterMs * this.#throw(place, Purpose.jitter);
    const outMs = Math.max(steadyMs, this.#lastOutMs);
    if (reordering && this.#throw(place, Purpose.reordering) < reordering.probability)
      return outMs + reordering.delayMs;
    this.#lastOutMs = outMs;
    return outMs;
  }

  /** How the time that a packet takes has changed since the first. Nothing arrives before it was sent. */
  #drift(nowMs: number): number {
    const changeMs = -this.#settings.clockDriftPpm * PPM * (nowMs - this.#beganMs!);
    return Math.min(changeMs, MAXIMUM_DRIFT_MS);
  }

  #throw({ stream, index, attempt }: PacketPlace, purpose: number): number {
    return coin(this.#settings.seed, purpose, stream, index, attempt);
  }
}
