import { setImmediate } from "node:timers/promises";
import { TroupeError } from "../../core/index.ts";
import {
  Engine,
  type EnginePeer,
  type EngineProducer,
  type EngineReceiver,
  type EngineSender,
} from "../../native/index.ts";
import { rounded } from "./figures.ts";
import { speech } from "./offline.ts";

const TICK_US = 10_000;
const SAMPLE_RATE = 48_000;
const TICK_SAMPLES = SAMPLE_RATE / 100;
const SECOND_TICKS = 100;
/** Of each minute so much is spoken; the rest is silence, in which the sources run dry. */
const SPOKEN_SECONDS = 40;
const LOSS_PERCENT = 5;
const PACKETS_LATE = 3;
const READINGS = 30;
/** From the first tenth to the end. The allocator's and the optimiser's moods are below it. */
const GROWTH_LIMIT_BYTES = 8 << 20;

const OPUS = { payloadType: 111, name: "opus", clockRate: 48_000, channels: 2 };
const RTX = { payloadType: 112, name: "rtx", clockRate: 48_000, channels: 2, associatedPayloadType: 111 };

export interface SoakFigures {
  bench: "soak";
  simulatedHours: number;
  /** How many times as fast as the clock. */
  speed: number;
  packetsSent: number;
  packetsLost: number;
  packetsRepaired: number;
  concealedPercent: number;
  /** Of what was spoken, what was heard and not made up. */
  receivedShare: number;
  /** Resident memory at even distances. */
  residentMiB: number[];
  growthMiB: number;
  /** Whether it grew by less than 8 MiB after the first tenth. */
  flat: boolean;
}

/**
 * Hours of a call on simulated time: two sources in a mixer, sent as Opus with FEC and RTX over a wire that loses and
 * delays, heard by a sink, while memory is read again and again. Sequence numbers wrap 2.7 times an hour, timestamps
 * once in 25 hours.
 */
export async function benchSoak(
  { seconds, complexity }: { seconds: number; complexity: number },
  signal: AbortSignal,
): Promise<SoakFigures> {
  const engine = Engine.startManual();
  const call = startCall(engine, complexity);
  try {
    const ticks = seconds * SECOND_TICKS;
    const residentMiB: number[] = [];
    const beganMs = performance.now();
    for (let tick = 0; tick < ticks; tick += 1) {
      call.run(tick);
      if (tick % Math.ceil(ticks / READINGS) === 0 || tick === ticks - 1) residentMiB.push(readResident());
      if (tick % SECOND_TICKS !== 0) continue;
      await setImmediate();
      if (signal.aborted)
        throw new TroupeError("CANCELLED", "The bench was cancelled", { cause: signal.reason });
    }
    const wallSeconds = (performance.now() - beganMs) / 1000;
    const settled = residentMiB[Math.floor(residentMiB.length / 10)] ?? 0;
    const growthMiB = (residentMiB.at(-1) ?? 0) - settled;
    return {
      bench: "soak",
      simulatedHours: rounded(seconds / 3600),
      speed: rounded(seconds / wallSeconds, 0),
      ...call.figures(),
      residentMiB: residentMiB.map((value) => rounded(value, 1)),
      growthMiB: rounded(growthMiB, 1),
      flat: growthMiB * 2 ** 20 < GROWTH_LIMIT_BYTES,
    };
  } finally {
    call.close();
    Engine.stop();
  }
}

function startCall(engine: Engine, complexity: number) {
  const [near, far] = [engine.createPeer(), engine.createPeer()];
  near.link(far, { lossPercent: LOSS_PERCENT, maximumPacketsLate: PACKETS_LATE });
  const sources = [0, 1].map(() =>
    engine.createSource({ sampleRate: SAMPLE_RATE, channels: 1, capacityMs: 100 }),
  );
  const mixer = engine.createMixer({ sampleRate: SAMPLE_RATE, channels: 1 });
  for (const source of sources) mixer.addInput(source, 0.7);
  const sender = send(near, mixer, complexity);
  const sink = engine.createSink({ sampleRate: 16_000, channels: 1, frameMs: 10 });
  const receiver = receive(far);
  sink.bind(receiver);
  let heard = 0;
  sink.events.on("frame", ({ samplesPerChannel, concealed }) => {
    if (!concealed) heard += samplesPerChannel;
  });
  const voice = speech(10, SAMPLE_RATE);
  let written = 0;
  return {
    close(): void {
      for (const handle of [sink, sender, mixer, ...sources, receiver, near, far]) handle.close();
    },
    run(tick: number): void {
      if (Math.floor(tick / SECOND_TICKS) % 60 < SPOKEN_SECONDS) {
        const at = (tick * TICK_SAMPLES) % voice.length;
        for (const source of sources) source.write(voice.subarray(at, at + TICK_SAMPLES));
        written += TICK_SAMPLES;
      }
      engine.tick((tick + 1) * TICK_US);
    },
    figures() {
      const inbound = far.stats().inbound[0]!;
      return {
        packetsSent: near.stats().outbound[0]!.packetsSent,
        packetsLost: inbound.packetsLost,
        packetsRepaired: inbound.retransmittedPacketsReceived,
        concealedPercent: rounded((100 * inbound.concealedSamples) / inbound.totalSamplesReceived),
        receivedShare: rounded(Math.min(1, (heard * 3) / written), 3),
      };
    },
  };
}

function send(peer: EnginePeer, producer: EngineProducer, complexity: number): EngineSender {
  const sender = peer.createSender({
    kind: "audio",
    mid: "0",
    ssrc: 1,
    cname: "soak",
    codec: OPUS,
    opus: { complexity, fec: true },
    nack: true,
    retransmission: { ssrc: 2, payloadType: RTX.payloadType },
  });
  sender.setProducer(producer);
  return sender;
}

function receive(peer: EnginePeer): EngineReceiver {
  return peer.createReceiver({
    kind: "audio",
    mid: "0",
    ssrcs: [1],
    codecs: [OPUS, RTX],
    nack: true,
    retransmissionSsrcs: [[1, 2]],
  });
}

function readResident(): number {
  (globalThis as { gc?: () => void }).gc?.();
  return process.memoryUsage.rss() / 2 ** 20;
}
