import { setTimeout as pause } from "node:timers/promises";
import { nowMs } from "./Arrivals.ts";
import type { Links } from "./Links.ts";

/** How long nothing is there, in ms. */
const GONE_MS = 1_000;
/** Longer than ICE's consent is asked for in vain (RFC 7675): libnice gives a path up after 10 s. */
const OUTAGE_MS = 12_000;
/** After so long without a packet a path counts as dead, in ms. */
const DEAD_MS = 2_500;
const FLAPS = 6;
const BETWEEN_FLAPS_MS = 150;

/**
 * What can become of a machine's network. Each gives the moment, in ms, from which audio could come again: at least a
 * path is there from then on.
 */
export const CHANGES = {
  /** The address is taken away and another one added. */
  address: async (links) => {
    const began = nowMs();
    links.moveAddress();
    return began;
  },
  /** The address is taken away with nothing left, and another one comes a second later. */
  gap: async (links) => {
    links.removeAddress();
    await pause(GONE_MS);
    return links.addAddress();
  },
  /** The link goes down and comes up again with the same address. */
  link: async (links) => {
    links.down();
    await pause(GONE_MS);
    return links.up();
  },
  /** Of two links the one that media takes goes down. */
  otherLink: async (links) => {
    links.addOther({ isPreferred: false });
    await pause(GONE_MS);
    const began = nowMs();
    links.down();
    links.exchange();
    return began;
  },
  /** The path is dead without a word of the kernel's, and then another link comes, such as a cable. */
  deadPath: async (links) => {
    links.loseEverything();
    await pause(DEAD_MS);
    const began = links.addOther({ isPreferred: true });
    links.exchange();
    return began;
  },
  /** The default route leads to the other link, and nothing that comes from the first link's address is let through. */
  route: async (links) => {
    links.addOther({ isPreferred: false });
    await pause(GONE_MS);
    const began = nowMs();
    links.preferOther();
    links.loseEverything();
    links.exchange();
    return began;
  },
  /** Nothing comes through for so long that ICE gives the path up, and then everything does again. */
  outage: async (links) => {
    links.loseEverything();
    await pause(OUTAGE_MS);
    const began = nowMs();
    links.loseNothing();
    return began;
  },
  /** The interface is taken away and made anew under another name. */
  interface: async (links) => {
    const began = links.renew();
    return began;
  },
  /** The address changes many times within a second; timed is from the last one. */
  flapping: async (links) => {
    for (let flap = 1; flap < FLAPS; flap++) {
      links.moveAddress();
      await pause(BETWEEN_FLAPS_MS);
    }
    const began = nowMs();
    links.moveAddress();
    return began;
  },
} satisfies Record<string, (links: Links) => Promise<number>>;

export type ChangeKind = keyof typeof CHANGES;
