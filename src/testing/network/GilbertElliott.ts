import { coin } from "./coin.ts";

/** A chain of two states that each lose packets in a way of their own. */
export interface GilbertElliottSettings {
  /** Chance that a packet in the good state is followed by the bad one. */
  p: number;
  /** Chance that a packet in the bad state is followed by the good one. */
  r: number;
  lossInGood: number;
  lossInBad: number;
}

/**
 * The model of Gilbert and Elliott: a stream is in a good or in a bad state, and goes from one to the other by chance
 * before each packet. In the long run it is in the bad one for p / (p + r) of the packets, for 1 / r of them at a time.
 * Every stream begins in the good state.
 *
 * A packet's number alone decides what it does to the state: below p it leads to the bad one, from 1 - r on to the
 * good one, and where it would be both, out of either into the other. So the state of a packet is that after the
 * nearest one before it that knows no doubt, in whatever order packets are asked for.
 */
export class GilbertElliott {
  readonly #settings: GilbertElliottSettings;
  readonly #throw: (stream: number, index: number) => number;
  /** The last one asked for, of each stream: where to stop looking back. */
  readonly #known = new Map<number, { index: number; isBad: boolean }>();

  /** `purpose` keeps its coins apart from others of the same seed. */
  constructor(settings: GilbertElliottSettings, seed: number, purpose: number) {
    this.#settings = settings;
    this.#throw = (stream, index) => coin(seed, purpose, stream, index);
  }

  /** The chance that the packet of a place is lost. */
  lossAt(stream: number, index: number): number {
    return this.isBad(stream, index) ? this.#settings.lossInBad : this.#settings.lossInGood;
  }

  /** The share of packets that is lost in the long run. */
  get meanLoss(): number {
    const { p, r, lossInGood, lossInBad } = this.#settings;
    return p === 0 ? lossInGood : (p * lossInBad + r * lossInGood) / (p + r);
  }

  isBad(stream: number, index: number): boolean {
    const { p, r } = this.#settings;
    const known = this.#known.get(stream);
    let isBad = false;
    let isOther = false;
    for (let at = index; at > 0; at--) {
      if (known?.index === at) {
        isBad = known.isBad;
        break;
      }
      const thrown = this.#throw(stream, at);
      const leadsToBad = thrown < p;
      const leadsToGood = thrown >= 1 - r;
      if (leadsToBad && leadsToGood) isOther = !isOther;
      else if (leadsToBad || leadsToGood) {
        isBad = leadsToBad;
        break;
      }
    }
    isBad = isBad !== isOther;
    this.#known.set(stream, { index, isBad });
    return isBad;
  }
}
