import { setTimeout as pause } from "node:timers/promises";
import { SignJWT } from "jose";
import { TroupeError } from "../../../core/index.ts";
import { BenchChild } from "../childProcess.ts";
import { percentile, receivedShare, rounded, roundedAll } from "../figures.ts";
import { environment } from "../party.ts";
import { LiveKitServer } from "./LiveKitServer.ts";
import { type ClickMeasurement, HEARD_RATE, type RoomMeasurement, type Seat } from "./roomBots.ts";

/** The SDK that ours is compared with. */
const RTC_NODE = "@livekit/rtc-node";
/** Of scripts/livekit-server.sh. */
const API_KEY = "devkey";
const API_SECRET = new TextEncoder().encode("secret");

/** Time for jitter buffers, page faults and the optimiser to settle before anything is counted. */
const SETTLE_MS = 3_000;
/** Some thirty clicks from two bots. */
const MINIMUM_CLICK_SECONDS = 10;
const JOIN_WITHIN_MS = 3_000;
const PACKETS_PER_SECOND = 50;

interface Party {
  bots: number;
  seconds: number;
  complexity: number;
}

/** The figures of the voice bench that both clients have. */
interface RoomFigures {
  cpuPercentPerBot: number;
  /** By how much the process grows with a bot, and the whole process in parts for each bot. */
  rssBytesPerBot: number;
  wholeRssBytesPerBot: number;
  receivedShare: number;
  /** The share of the bots' packets, 50 a second of each, that their counterparts received. */
  deliveredShare: number;
  mouthToEarMs: { p50: number; p95: number; clicks: number };
  joinMs: { p50: number; p95: number };
  encoderAlonePercent: number;
  counterpartsCpuPercent: number;
  eventLoopDelayMs: { p99: number; maximum: number };
}

interface LiveKitFigures extends Party {
  receivedShare: number;
  troupe: RoomFigures;
  rtcNode: RoomFigures;
  /** Ours by theirs. */
  ratios: Record<string, number>;
  environment: Record<string, string | number>;
}

/**
 * Our bots and those of LiveKit's SDK for Node, one after the other, on one livekit-server with the same
 * counterparts: each speaks to one counterpart and hears it.
 *
 * @throws TroupeError NOT_INSTALLED without that SDK, or without a livekit-server and Go to build it.
 */
export async function benchLiveKit(party: Party, signal: AbortSignal): Promise<LiveKitFigures> {
  requireRtcNode();
  const server = await LiveKitServer.start();
  const counterparts = new BenchChild("livekit/counterpartsProcess");
  signal.addEventListener("abort", () => counterparts.close(), { once: true });
  try {
    const seats = await seatsIn(server, roomsOf(party), "counterpart", party);
    await counterparts.request("join", { seats }, seats.length * JOIN_WITHIN_MS);
    const troupe = await measureBots("livekit/troupeBotsProcess", party, { server, counterparts, signal });
    const rtcNode = await measureBots("livekit/rtcNodeBotsProcess", party, { server, counterparts, signal });
    const { bots, seconds, complexity } = party;
    return {
      ...{ bots, seconds, complexity },
      receivedShare: Math.min(troupe.receivedShare, rtcNode.receivedShare),
      troupe,
      rtcNode,
      ratios: ratiosOf(troupe, rtcNode),
      environment: environment(),
    };
  } finally {
    if (!signal.aborted) await counterparts.request("stop").catch(() => {});
    counterparts.close();
    await server.kill();
  }
}

interface Around {
  server: LiveKitServer;
  counterparts: BenchChild;
  signal: AbortSignal;
}

async function measureBots(module: string, party: Party, around: Around): Promise<RoomFigures> {
  around.signal.throwIfAborted();
  const { server, counterparts } = around;
  const { complexity } = party;
  const bots = new BenchChild(module);
  const abort = () => bots.close();
  around.signal.addEventListener("abort", abort, { once: true });
  try {
    const joinMs: number[] = [];
    const join = async (rooms: string[]) => {
      const seats = await seatsIn(server, rooms, "bot", party);
      joinMs.push(...(await bots.request<number[]>("join", { seats }, seats.length * JOIN_WITHIN_MS)));
      await pause(SETTLE_MS);
      return bots.request<number>("rss");
    };
    const few = Math.max(1, Math.floor(party.bots / 5));
    const rssFew = await join(roomsOf(party).slice(0, few));
    const rssAll = await join(roomsOf(party).slice(few));
    const alone = await counterparts.request<number>("encoderAlone", { complexity });
    const before = await counterpartsNow(counterparts);
    const measured = await bots.request<RoomMeasurement>(
      "measure",
      { seconds: party.seconds },
      party.seconds * 1000,
    );
    const after = await counterpartsNow(counterparts);
    const { clickMs, eventLoopDelayMs } = await clicksBetween(bots, party, server);
    await bots.request("stop");
    return {
      cpuPercentPerBot: rounded((100 * measured.cpuMs) / measured.wallMs / party.bots, 3),
      rssBytesPerBot: Math.round((rssAll - rssFew) / Math.max(1, party.bots - few)),
      wholeRssBytesPerBot: Math.round(rssAll / party.bots),
      receivedShare: rounded(receivedShare(measured.packets, measured.samplesHeard, HEARD_RATE), 5),
      deliveredShare: deliveredShare(after.packets - before.packets, after.atMs - before.atMs, party.bots),
      mouthToEarMs: { ...quantiles(clickMs), clicks: clickMs.length },
      joinMs: quantiles(joinMs),
      encoderAlonePercent: rounded(alone, 3),
      counterpartsCpuPercent: rounded((100 * (after.cpuMs - before.cpuMs)) / (after.atMs - before.atMs)),
      eventLoopDelayMs: roundedAll(eventLoopDelayMs),
    };
  } finally {
    around.signal.removeEventListener("abort", abort);
    bots.close();
  }
}

async function clicksBetween(
  bots: BenchChild,
  party: Party,
  server: LiveKitServer,
): Promise<ClickMeasurement> {
  const seconds = Math.max(MINIMUM_CLICK_SECONDS, party.seconds / 2);
  const pair = await Promise.all(
    ["one", "other"].map((identity) => seatsIn(server, ["clicks"], identity, party)),
  );
  return bots.request("clicks", { seats: pair.flat(), seconds }, seconds * 1000 + JOIN_WITHIN_MS);
}

async function counterpartsNow(counterparts: BenchChild) {
  const packets = await counterparts.request<number>("packetsReceived");
  const { user, system } = await counterparts.request<NodeJS.CpuUsage>("cpu");
  return { packets, cpuMs: (user + system) / 1000, atMs: performance.now() };
}

function deliveredShare(packets: number, wallMs: number, bots: number): number {
  return rounded(Math.min(1, packets / ((PACKETS_PER_SECOND * bots * wallMs) / 1000)), 5);
}

function quantiles(values: readonly number[]): { p50: number; p95: number } {
  return { p50: rounded(percentile(values, 0.5)), p95: rounded(percentile(values, 0.95)) };
}

function ratiosOf(ours: RoomFigures, theirs: RoomFigures): Record<string, number> {
  return roundedAll(
    {
      cpuPercentPerBot: ours.cpuPercentPerBot / theirs.cpuPercentPerBot,
      rssBytesPerBot: ours.rssBytesPerBot / theirs.rssBytesPerBot,
      wholeRssBytesPerBot: ours.wholeRssBytesPerBot / theirs.wholeRssBytesPerBot,
      mouthToEarP50: ours.mouthToEarMs.p50 / theirs.mouthToEarMs.p50,
      mouthToEarP95: ours.mouthToEarMs.p95 / theirs.mouthToEarMs.p95,
      joinP50: ours.joinMs.p50 / theirs.joinMs.p50,
      joinP95: ours.joinMs.p95 / theirs.joinMs.p95,
    },
    3,
  );
}

function roomsOf({ bots }: Party): string[] {
  return Array.from({ length: bots }, (_, index) => `bench-${index}`);
}

function seatsIn(
  server: LiveKitServer,
  rooms: string[],
  identity: string,
  { complexity }: Party,
): Promise<Seat[]> {
  return Promise.all(
    rooms.map(async (room) => ({ url: server.url, token: await accessToken(identity, room), complexity })),
  );
}

function accessToken(identity: string, room: string): Promise<string> {
  return new SignJWT({ video: { roomJoin: true, room } })
    .setProtectedHeader({ alg: "HS256" })
    .setIssuer(API_KEY)
    .setSubject(identity)
    .setExpirationTime("1h")
    .sign(API_SECRET);
}

function requireRtcNode(): void {
  try {
    import.meta.resolve(RTC_NODE);
  } catch (error) {
    throw new TroupeError("NOT_INSTALLED", `The livekit bench needs ${RTC_NODE}: npm install ${RTC_NODE}`, {
      cause: error,
    });
  }
}
