import { BenchChild } from "./childProcess.ts";
import { environment } from "./party.ts";

const CHANNELS = 20;
const SPEAKERS_PER_CHANNEL = 2;
const HALF_OPEN_HANDSHAKES = 1000;
/** Packets that a speaker sends a second, with frames of 20 ms. */
const PACKETS_PER_SECOND = 50;

export interface StageLoadFigures {
  connections: number;
  seconds: number;
  /** Packets received of those that could be, and those known to be lost; in peace and under attack. */
  receivedShare: number;
  packetsLost: number;
  receivedShareUnderAttack: number;
  packetsLostUnderAttack: number;
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
  streams: number;
  received: number;
  lost: number;
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
    const peace = await measure(stage, crowd, seconds / 2);
    const full = await stage.request<StageUsage>("usage");
    await hostile.request("attack", { signalingUrl, halfOpen: HALF_OPEN_HANDSHAKES });
    const attack = await measure(stage, crowd, seconds / 2);
    const floodSockets = await hostile.request<{ opened: number; refused: number }>("stop");
    await crowd.request("stop");
    await stage.request("stop");
    const count = CHANNELS * membersPerChannel;
    return {
      connections: count,
      seconds,
      receivedShare: peace.receivedShare,
      packetsLost: peace.lost,
      receivedShareUnderAttack: attack.receivedShare,
      packetsLostUnderAttack: attack.lost,
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

async function measure(stage: BenchChild, crowd: BenchChild, seconds: number) {
  const [before, usedBefore] = [
    await crowd.request<Totals>("totals"),
    await stage.request<StageUsage>("usage"),
  ];
  const beganMs = performance.now();
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const [after, usedAfter] = [
    await crowd.request<Totals>("totals"),
    await stage.request<StageUsage>("usage"),
  ];
  const wallMs = performance.now() - beganMs;
  const expected = (after.streams * PACKETS_PER_SECOND * wallMs) / 1000;
  return {
    receivedShare: (after.received - before.received) / expected,
    lost: after.lost - before.lost,
    connected: after.connected,
    cpuPercent: ((usedAfter.cpuMs - usedBefore.cpuMs) / wallMs) * 100,
  };
}
