// The near end of the network bench, in a network namespace of its own: the bot whose network changes.
import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { TroupeError } from "../../../core/index.ts";
import { Engine } from "../../../native/index.ts";
import { BenchChild, serveBench } from "../childProcess.ts";
import { nowMs, untilAddress } from "./Arrivals.ts";
import { CHANGES, type ChangeKind } from "./changes.ts";
import { FAR_ADDRESS, Links } from "./Links.ts";
import { type Place, Talker } from "./talk.ts";

/** What was under way when the network changed has been received by then. */
const UNDER_WAY_MS = 15;
/** Between audio that came again and the next change. */
const PAUSE_MS = 1_000;

/** How long audio stayed away at one change, and how often the bot lost its connection at it. */
export interface Again {
  inMs: number;
  outMs: number;
  losses: number;
}

/** Where a connect is when the address changes under it. */
const CONNECT_STATES = ["dialing", "negotiating", "securing"];

export interface Measurement {
  kind: ChangeKind;
  changes: number;
}

const far = new BenchChild("network/farProcess", ["unshare", "--net"]);
let links: Links;
let place: Place;
let talker: Talker;

serveBench({
  async open() {
    // The far process answers once it is in its namespace.
    await far.request("close");
    links = new Links(far.pid);
    await untilAddress(links.address);
  },
  async join({ transport }: Pick<Place, "transport">) {
    const secret = randomBytes(16).toString("hex");
    place = await far.request<Place>("open", { transport, address: FAR_ADDRESS, secret });
    talker = await Talker.join(place, "near");
    await bothHear(talker, nowMs());
  },
  async measure({ kind, changes }: Measurement) {
    const again: Again[] = [];
    for (let change = 0; change < changes; change++) {
      await pause(PAUSE_MS);
      const before = talker.losses;
      const began = await CHANGES[kind](links);
      const { inMs, outMs } = await bothHear(talker, nowMs() + UNDER_WAY_MS);
      again.push({ inMs: inMs - began, outMs: outMs - began, losses: talker.losses - before });
      links.settle();
    }
    return again;
  },
  /** Has the address change under a connect in each of its states; gives how long each took, in ms. */
  async connect() {
    const tookMs: number[] = [];
    for (const wanted of CONNECT_STATES) {
      let isMoved = false;
      const began = nowMs();
      const other = await Talker.join(place, "other", (state) => {
        if (isMoved || !state.endsWith(wanted)) return;
        isMoved = true;
        links.moveAddress();
      });
      try {
        await other.arrivals.firstAfter(nowMs());
      } finally {
        await other.leave();
      }
      if (!isMoved) throw new TroupeError("INTERNAL", `The connect was never ${wanted}`);
      tookMs.push(nowMs() - began);
    }
    return tookMs;
  },
  async leave() {
    await talker.leave();
    await far.request("close");
  },
  async close() {
    await far.request("stop");
    far.close();
    Engine.stop();
  },
});

async function bothHear(talker: Talker, ms: number): Promise<{ inMs: number; outMs: number }> {
  const [inMs, outMs] = await Promise.all([
    talker.arrivals.firstAfter(ms),
    far.request<number>("firstAfter", { ms }),
  ]);
  return { inMs, outMs };
}
