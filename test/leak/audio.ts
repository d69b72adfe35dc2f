import { loadBinding, type NativeBinding } from "../../src/native/index.ts";

const TICK_US = 10_000;
const FRAME_SAMPLES = 480;
const FRAME_RECORD = 1;
const OPUS = { payloadType: 111, name: "opus", clockRate: 48_000, channels: 2 };

export interface AudioResult {
  wallSeconds: number;
  /** Audio time over wall time. */
  speed: number;
  framesHeard: number;
  /** Resident bytes after a tenth of it and at the end. */
  residentEarly: number;
  residentLate: number;
  handles: Record<string, number>;
}

/**
 * Sends a tone from one peer to another for `minutes`, on an engine whose time is passed in, as fast as it goes.
 * The shared engine must be stopped.
 */
export function runAudio(minutes: number): AudioResult {
  const binding = loadBinding();
  let framesHeard = 0;
  binding.engineStart({ codecThreads: 1, manual: true }, (records) => {
    for (let at = 0; at < records.length; at += 6) if (records[at] === FRAME_RECORD) framesHeard += 1;
  });
  const party = wire(binding);
  const frame = Int16Array.from(
    { length: FRAME_SAMPLES },
    (_, at) => 8_000 * Math.sin((2 * Math.PI * at) / 96),
  );
  const ticks = minutes * 60 * 100;
  const began = performance.now();
  let nowUs = 1_000_000;
  let residentEarly = 0;
  for (let tick = 0; tick < ticks; tick++) {
    binding.sourceWrite(party.source, frame);
    binding.engineTick(nowUs);
    nowUs += TICK_US;
    if (tick === Math.floor(ticks / 10)) residentEarly = residentBytes();
  }
  const wallSeconds = (performance.now() - began) / 1000;
  const residentLate = residentBytes();
  party.close();
  // Streams that are closed are let go of at the next tick.
  binding.engineTick(nowUs);
  const { handles } = binding.engineStats();
  binding.engineStop();
  return {
    wallSeconds,
    speed: (minutes * 60) / wallSeconds,
    framesHeard,
    residentEarly,
    residentLate,
    handles,
  };
}

function wire(binding: NativeBinding): { source: number; close(): void } {
  const near = binding.peerCreate();
  const far = binding.peerCreate();
  binding.peerLink(near, far);
  const source = binding.sourceCreate({ sampleRate: 48_000, channels: 1, capacityMs: 200 });
  const sender = binding.senderCreate(near, {
    kind: "audio",
    mid: "0",
    ssrc: 1,
    cname: "leak",
    codec: OPUS,
    nack: false,
  });
  binding.senderSetProducer(sender, source);
  const receiver = binding.receiverCreate(far, {
    kind: "audio",
    mid: "0",
    ssrcs: [1],
    codecs: [OPUS],
    nack: false,
  });
  const sink = binding.sinkCreate({ sampleRate: 16_000, channels: 1, frameMs: 10 });
  binding.sinkBind(sink, receiver);
  return {
    source,
    close() {
      binding.sinkClose(sink);
      binding.receiverClose(receiver);
      binding.senderClose(sender);
      binding.sourceClose(source);
      binding.peerClose(near);
      binding.peerClose(far);
    },
  };
}

function residentBytes(): number {
  globalThis.gc?.();
  return process.memoryUsage.rss();
}
