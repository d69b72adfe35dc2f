import { setTimeout as pause } from "node:timers/promises";
import { TroupeError } from "../../../core/index.ts";
import { percentile, rounded, roundedAll } from "../figures.ts";
import { environment } from "../party.ts";
import { PACKET_MS, PAYLOAD_BYTES, type Spread } from "./ends.ts";
import { type TransportLibrary, TransportPairs } from "./TransportPairs.ts";

/** The library that ours is compared with. */
const NODE_DATACHANNEL = "node-datachannel";
/** Time for the optimiser and the first RTCP reports. */
const SETTLE_MS = 2_000;
/** How many connections are opened at once for `connects`, beside those that are measured. */
const CONNECTS = 200;

interface LibraryFigures {
  /** Of a core, an end: all threads of both processes over all their ends. */
  cpuPercentPerEnd: number;
  cpuPercentPerEndStaggered: number;
  /** By how much the processes grow with an end that sends and receives. */
  rssBytesPerEnd: number;
  /** From a pair's offer until both its ends can be used, all pairs at once. */
  connectMs: { p50: number; p95: number };
  connects: { count: number; totalMs: number; perSecond: number };
  /** Of the packets that were due. */
  receivedShare: number;
}

export interface TransportFigures {
  pairs: number;
  seconds: number;
  packetsPerSecond: number;
  payloadBytes: number;
  receivedShare: number;
  troupe: LibraryFigures;
  nodeDatachannel: LibraryFigures;
  /** Ours by theirs. */
  ratios: Record<string, number>;
  environment: Record<string, string | number>;
}

/**
 * Pairs of ends in two processes that send audio-sized packets to each other over loopback: our transport, then
 * node-datachannel's.
 *
 * @throws TroupeError NOT_INSTALLED without node-datachannel.
 */
export async function benchTransport(
  { bots: pairs, seconds }: { bots: number; seconds: number },
  signal: AbortSignal,
): Promise<TransportFigures> {
  requireNodeDatachannel();
  const troupe = await measureLibrary("troupe", pairs, seconds, signal);
  const nodeDatachannel = await measureLibrary("nodeDatachannel", pairs, seconds, signal);
  return {
    pairs,
    seconds,
    packetsPerSecond: 1000 / PACKET_MS,
    payloadBytes: PAYLOAD_BYTES,
    receivedShare: Math.min(troupe.receivedShare, nodeDatachannel.receivedShare),
    troupe,
    nodeDatachannel,
    ratios: roundedAll(
      {
        cpu: troupe.cpuPercentPerEnd / nodeDatachannel.cpuPercentPerEnd,
        cpuStaggered: troupe.cpuPercentPerEndStaggered / nodeDatachannel.cpuPercentPerEndStaggered,
        memory: troupe.rssBytesPerEnd / nodeDatachannel.rssBytesPerEnd,
        connects: troupe.connects.totalMs / nodeDatachannel.connects.totalMs,
      },
      3,
    ),
    environment: environment(),
  };
}

async function measureLibrary(
  library: TransportLibrary,
  pairs: number,
  seconds: number,
  signal: AbortSignal,
): Promise<LibraryFigures> {
  const parties = new TransportPairs(library);
  const kill = () => parties.kill();
  signal.addEventListener("abort", kill, { once: true });
  try {
    // What a library takes once (certificate, threads, tables) is no end's.
    await parties.connect(1);
    await parties.closeAll();
    const emptyBytes = await parties.rssBytes();
    const connectMs = await parties.connect(pairs);
    const bursty = await measureSpread(parties, "bursty", seconds);
    const fullBytes = await parties.rssBytes();
    const staggered = await measureSpread(parties, "staggered", seconds);
    await parties.closeAll();
    const began = performance.now();
    await parties.connect(CONNECTS);
    const totalMs = performance.now() - began;
    return {
      cpuPercentPerEnd: rounded(bursty.cpuPercentPerEnd, 4),
      cpuPercentPerEndStaggered: rounded(staggered.cpuPercentPerEnd, 4),
      rssBytesPerEnd: Math.round((fullBytes - emptyBytes) / (2 * pairs)),
      connectMs: roundedAll({ p50: percentile(connectMs, 0.5), p95: percentile(connectMs, 0.95) }),
      connects: { count: CONNECTS, ...roundedAll({ totalMs, perSecond: (1000 * CONNECTS) / totalMs }) },
      receivedShare: rounded(Math.min(bursty.receivedShare, staggered.receivedShare), 5),
    };
  } finally {
    signal.removeEventListener("abort", kill);
    await parties.close();
  }
}

async function measureSpread(parties: TransportPairs, spread: Spread, seconds: number) {
  await parties.send(spread);
  await pause(SETTLE_MS);
  const sides = await parties.measure(seconds);
  await parties.fallSilent();
  const due = sides.reduce((sum, { wallMs }) => sum + (parties.count * wallMs) / PACKET_MS, 0);
  const received = sides.reduce((sum, side) => sum + side.received, 0);
  const cpuShare = sides.reduce((sum, { cpuMs, wallMs }) => sum + cpuMs / wallMs, 0);
  return {
    cpuPercentPerEnd: (cpuShare * 100) / (2 * parties.count),
    receivedShare: Math.min(1, received / due),
  };
}

function requireNodeDatachannel(): void {
  try {
    import.meta.resolve(NODE_DATACHANNEL);
  } catch (error) {
    throw new TroupeError(
      "NOT_INSTALLED",
      `The transport bench needs ${NODE_DATACHANNEL}: npm install ${NODE_DATACHANNEL}`,
      { cause: error },
    );
  }
}
