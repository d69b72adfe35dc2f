import { Engine, type EngineSink } from "../../src/native/index.ts";
import { NativePeerTransport } from "../../src/webrtc/index.ts";
import { MachineStalls } from "../chaos/MachineStalls.ts";
import { type HostileCounts, HostileProcess, type HostileRound } from "./HostileProcess.ts";
import { HeldOverTime } from "./Resources.ts";
import { SoakPair } from "./SoakPair.ts";
import { Tone } from "./Tone.ts";

const PULSE_MS = 20;
const ROUND_MS = 3_000;
/** Every so many rounds the handshake is damaged too; then the victim is seldom connected. */
const HANDSHAKE_EVERY = 4;
const GROWTH_LIMIT_MIB = 24;
const EXCUSING_STALL_MS = 5_000;
/** What the hostile peer says that it sends. */
const SSRC = 0x1234;
const OPUS = { payloadType: 111, name: "opus", clockRate: 48_000, channels: 2 };

interface Victims {
  rounds: number;
  connected: number;
  /** How many ended before their round did, by reason. */
  ended: Record<string, number>;
  messages: number;
  drops: Record<string, number>;
}

/**
 * One victim after another meets a hostile peer in another process, beside a good pair with audio and messages on the
 * same I/O thread and engine. The good pair must lose nothing.
 */
export async function sufferHostilePeer({
  minutes,
  seed,
}: {
  minutes: number;
  seed: number;
}): Promise<object> {
  const hostile = new HostileProcess();
  const tone = new Tone();
  const sink = Engine.shared().createSink({ sampleRate: 16_000, channels: 1, frameMs: 20 });
  const held = new HeldOverTime();
  const stalls = new MachineStalls();
  const victims: Victims = { rounds: 0, connected: 0, ended: {}, messages: 0, drops: {} };
  const good = await SoakPair.connect(tone.source);
  const pulse = setInterval(() => good.pulse(), PULSE_MS);
  let sent: HostileCounts = {};
  try {
    const endMs = performance.now() + minutes * 60_000;
    while (performance.now() < endMs) {
      sent = await meet(hostile, victims, sink, {
        seed: seed + victims.rounds,
        forMs: Math.min(ROUND_MS, Math.max(100, endMs - performance.now())),
        setup: victims.rounds % 2 === 0 ? "active" : "passive",
        damagesHandshake: victims.rounds % HANDSHAKE_EVERY === HANDSHAKE_EVERY - 1,
      });
      held.read();
    }
    clearInterval(pulse);
    await good.drain();
    const { failures: troubles, ...counts } = good.counts();
    const longestStallMs = Math.round(Math.max(0, ...stalls.all.map(({ fromMs, toMs }) => toMs - fromMs)));
    const unsent = Object.values(sent)
      .flatMap((kinds) => Object.values(kinds))
      .filter((count) => count === 0);
    return {
      minutes,
      seed,
      sent,
      victims,
      good: counts,
      longestStallMs,
      troubles,
      settled: held.settled,
      last: held.last,
      failures: [
        ...(longestStallMs < EXCUSING_STALL_MS ? troubles : []),
        ...(counts.packets === 0 ? ["the good pair heard nothing"] : []),
        ...(counts.packetsLost > 0 ? ["the good pair lost packets"] : []),
        ...(counts.messagesLost > 0 ? ["the good pair lost messages"] : []),
        ...(unsent.length > 0 ? [`${unsent.length} kinds were never sent`] : []),
        ...held.growth(GROWTH_LIMIT_MIB),
      ],
    };
  } finally {
    clearInterval(pulse);
    stalls.close();
    hostile.close();
    good.close();
    sink.close();
    tone.close();
    Engine.stop();
  }
}

/** One round; gives what the hostile peer has sent in all of them. */
async function meet(
  hostile: HostileProcess,
  victims: Victims,
  sink: EngineSink,
  round: HostileRound,
): Promise<HostileCounts> {
  victims.rounds += 1;
  const transport = new NativePeerTransport({ controlling: true });
  const peer = Engine.shared().createPeer();
  const receiver = peer.createReceiver({
    kind: "audio",
    mid: "0",
    ssrcs: [SSRC],
    codecs: [OPUS],
    nack: true,
  });
  try {
    sink.bind(receiver);
    transport.attach(peer);
    transport.openChannel("victim");
    transport.events.on("channel", (channel) => {
      channel.events.on("message", () => {
        victims.messages += 1;
      });
    });
    transport.events.on("state", (state, reason) => {
      if (state === "connected") victims.connected += 1;
      if (state === "failed" || state === "closed") victims.ended[reason] = (victims.ended[reason] ?? 0) + 1;
    });
    transport.setRemoteParameters(await hostile.begin(round, transport.localParameters()));
    return await hostile.end(round.forMs);
  } finally {
    for (const [reason, count] of Object.entries(transport.stats().drops)) {
      victims.drops[reason] = (victims.drops[reason] ?? 0) + count;
    }
    // What is said of an end that we bring about is of no interest.
    transport.events.removeAllListeners();
    transport.close();
    receiver.close();
    peer.close();
  }
}
