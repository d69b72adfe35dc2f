import { BenchChild } from "./childProcess.ts";
import { OPUS } from "./opus.ts";
import { environment } from "./party.ts";

const CHANNELS = 20;
const SPEAKERS_PER_CHANNEL = 2;
const HALF_OPEN_HANDSHAKES = 1000;

export interface StageLoadFigures {
  connections: number;
  seconds: number;
  /** Packets received of those that were sent, once for each who listens, and those not; in peace and under attack. */
  receivedShare: number;
  packetsMissing: number;
  receivedShareUnderAttack: number;
  packetsMissingUnderAttack: number;
  /** Packets that were sent of those that were due: less where the machine is too busy for the speakers' own clock. */
  sentShare: number;
  sentShareUnderAttack: number;
  connectedAtEnd: number;
  /** Of one core, by the stage's process, for each connection. */
  cpuPercentPerConnection: number;
  cpuPercentPerConnectionUnderAttack: number;
  /** Resident bytes of the stage's process for each connection. */
  rssBytesPerConnection: number;
  /** Sockets of the flood that came in and were thrown out again. */
  floodSockets: { opened: number; refused: number };
  environment: Record<string, string | number>;
}

interface Totals {
  connected: number;
  received: number;
  sent: number;
}

interface StageUsage {
  cpuMs: number;
  rssBytes: number;
}

/**
 * The stage with `bots` connections in 20 channels, two speakers in each: half of the time in peace, half under
 * a flood of broken and oversized messages, a thousand handshakes that never end, and one who never reads.
 */
export async function benchStage(
  { bots: connections, seconds }: { bots: number; seconds: number },
  signal: AbortSignal,
): Promise<StageLoadFigures> {
  const [stage, crowd, hostile] = ["stageProcess", "crowdProcess", "hostileProcess"].map(
    (module) => new BenchChild(module),
  ) as [BenchChild, BenchChild, BenchChild];
  const kill = () => {
    for (const child of [stage, crowd, hostile]) child.close();
  };
  signal.addEventListener("abort", kill, { once: true });
  try {
    const { signalingUrl } = await stage.request<{ signalingUrl: string }>("start");
    const empty = await stage.request<StageUsage>("usage");
    const membersPerChannel = Math.max(SPEAKERS_PER_CHANNEL, Math.round(connections / CHANNELS));
    const seats = {
      signalingUrl,
      channels: CHANNELS,
      membersPerChannel,
      speakersPerChannel: SPEAKERS_PER_CHANNEL,
    };
    await crowd.request("join", seats, connections * 500);
    const listeners = membersPerChannel - 1;
    const peace = await measure(stage, crowd, seconds / 2, listeners);
    const full = await stage.request<StageUsage>("usage");
    await hostile.request("attack", { signalingUrl, halfOpen: HALF_OPEN_HANDSHAKES });
    const attack = await measure(stage, crowd, seconds / 2, listeners);
    const floodSockets = await hostile.request<{ opened: number; refused: number }>("stop");
    await crowd.request("stop");
    await stage.request("stop");
    const count = CHANNELS * membersPerChannel;
    return {
      connections: count,
      seconds,
      receivedShare: peace.receivedShare,
      packetsMissing: peace.missing,
      receivedShareUnderAttack: attack.receivedShare,
      packetsMissingUnderAttack: attack.missing,
      sentShare: peace.sentShare,
      sentShareUnderAttack: attack.sentShare,
      connectedAtEnd: attack.connected,
      cpuPercentPerConnection: peace.cpuPercent / count,
      cpuPercentPerConnectionUnderAttack: attack.cpuPercent / count,
      rssBytesPerConnection: Math.round((full.rssBytes - empty.rssBytes) / count),
      floodSockets,
      environment: environment(),
    };
  } finally {
    signal.removeEventListener("abort", kill);
    kill();
  }
}

/**
 * Lets the speakers speak, and counts when nothing is under way any more: what each sent, and what came of it at each
 * of the `listeners` that a speaker has.
 */
async function measure(stage: BenchChild, crowd: BenchChild, seconds: number, listeners: number) {
  const before = await crowd.request<Totals>("totals");
  const usedBefore = await stage.request<StageUsage>("usage");
  const beganMs = performance.now();
  await crowd.request("speak", { seconds }, seconds * 1000);
  const usedAfter = await stage.request<StageUsage>("usage");
  const wallMs = performance.now() - beganMs;
  const after = await crowd.request<Totals>("totals");
  const sent = after.sent - before.sent;
  const missing = sent * listeners - (after.received - before.received);
  const due = (CHANNELS * SPEAKERS_PER_CHANNEL * (seconds * 1000)) / OPUS.frameMs;
  return {
    receivedShare: 1 - missing / Math.max(1, sent * listeners),
    missing,
    sentShare: sent / due,
    connected: after.connected,
    cpuPercent: ((usedAfter.cpuMs - usedBefore.cpuMs) / wallMs) * 100,
  };
}
