import { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { CodecParameters, SenderOptions } from "./binding.ts";
import {
  Engine,
  type EngineFrame,
  type EnginePeer,
  type EngineReceiver,
  type EngineSender,
  type EngineSource,
} from "./index.ts";

const opus = { payloadType: 111, name: "opus", clockRate: 48_000, channels: 2 };
const TICK_US = 10_000;

/** A sine that fits whole periods into a second. */
function tone(frequency: number, samples: number, sampleRate = 48_000, amplitude = 8_000): Int16Array {
  return Int16Array.from({ length: samples }, (_, at) =>
    Math.round(amplitude * Math.sin((2 * Math.PI * frequency * at) / sampleRate)),
  );
}

/** How strong `frequency` is in `pcm`, relative to a full tone of it: 0 to 1 (Goertzel). */
function strength(pcm: Int16Array, frequency: number, sampleRate: number): number {
  let re = 0;
  let im = 0;
  let power = 0;
  for (let at = 0; at < pcm.length; at++) {
    const angle = (2 * Math.PI * frequency * at) / sampleRate;
    re += pcm[at]! * Math.cos(angle);
    im += pcm[at]! * Math.sin(angle);
    power += pcm[at]! ** 2;
  }
  return power === 0 ? 0 : (2 * (re ** 2 + im ** 2)) / (pcm.length * power);
}

function collect(frames: Int16Array[]): (frame: EngineFrame) => void {
  return (frame) => frames.push(frame.pcm.slice());
}

function joined(frames: Int16Array[]): Int16Array {
  return Int16Array.from(frames.flatMap((frame) => [...frame]));
}

describe("the engine by hand", () => {
  let engine: Engine;
  let nowUs: number;

  /** Lets `ms` pass. */
  function pass(ms: number): void {
    for (const end = nowUs + ms * 1000; nowUs < end; nowUs += TICK_US) engine.tick(nowUs);
  }

  function peers(): [EnginePeer, EnginePeer] {
    const pair: [EnginePeer, EnginePeer] = [engine.createPeer(), engine.createPeer()];
    pair[0].link(pair[1]);
    return pair;
  }

  function source(sampleRate = 48_000): EngineSource {
    return engine.createSource({ sampleRate, channels: 1, capacityMs: 2_000 });
  }

  function send(peer: EnginePeer, ssrc = 1): EngineSender {
    return peer.createSender({ kind: "audio", mid: "0", ssrc, cname: "test", codec: opus, nack: true });
  }

  function receive(peer: EnginePeer, ssrcs = [1]): EngineReceiver {
    return peer.createReceiver({ kind: "audio", mid: "0", ssrcs, codecs: [opus], nack: true });
  }

  beforeEach(() => {
    engine = Engine.startManual();
    nowUs = 1_000_000;
  });

  afterEach(() => Engine.stop());

  it("plays RTP packets that it is given by hand", () => {
    const far = engine.createPeer();
    const sink = engine.createSink({ sampleRate: 16_000, channels: 1, frameMs: 20 });
    sink.bind(receive(far));
    const frames: Int16Array[] = [];
    sink.events.on("frame", collect(frames));
    const payloads = engine.encodeOpus(tone(440, 48_000), { sampleRate: 48_000 });
    for (const [index, payload] of payloads.entries()) {
      const header = Buffer.alloc(12);
      header.writeUInt16BE(0x806f, 0);
      header.writeUInt16BE(index, 2);
      header.writeUInt32BE(index * 960, 4);
      header.writeUInt32BE(1, 8);
      far.receive(Buffer.concat([header, payload]), nowUs);
      pass(20);
    }
    expect(strength(joined(frames).subarray(3_200, 14_000), 440, 16_000)).toBeGreaterThan(0.95);
    expect(() => far.receive("packet" as never, 0)).toThrow("Expected a Uint8Array");
  });

  it("carries a tone from a source to the far sink", () => {
    const [near, far] = peers();
    const speaker = source();
    send(near).setProducer(speaker);
    const sink = engine.createSink({ sampleRate: 16_000, channels: 1, frameMs: 20 });
    sink.bind(receive(far));
    const frames: Int16Array[] = [];
    const timestamps: number[] = [];
    sink.events.on("frame", (frame) => {
      collect(frames)(frame);
      timestamps.push(frame.timestampUs);
    });
    expect(speaker.write(tone(440, 48_000))).toBe(48_000);
    pass(1_000);
    const heard = joined(frames);
    expect(heard.length).toBeGreaterThanOrEqual(16_000 * 0.94);
    expect(strength(heard.subarray(3_200), 440, 16_000)).toBeGreaterThan(0.95);
    expect(new Set(frames.map((frame) => frame.length))).toEqual(new Set([320]));
    expect(timestamps.every((at, index) => index === 0 || at - timestamps[index - 1]! === 20_000)).toBe(true);
  });

  it.each([8_000, 12_000, 16_000, 24_000, 44_100])("takes %i Hz and gives any other rate", (sampleRate) => {
    const [near, far] = peers();
    const speaker = source(sampleRate);
    send(near).setProducer(speaker);
    const receiver = receive(far);
    const sinks = [16_000, 44_100, 48_000].map((rate) => {
      const sink = engine.createSink({ sampleRate: rate, channels: 1, frameMs: 10 });
      sink.bind(receiver);
      const frames: Int16Array[] = [];
      sink.events.on("frame", collect(frames));
      return { rate, frames };
    });
    speaker.write(tone(500, sampleRate, sampleRate));
    pass(1_000);
    for (const { rate, frames } of sinks) {
      const heard = joined(frames);
      expect(heard.length).toBeGreaterThan(rate * 0.9);
      expect(strength(heard.subarray(rate / 5), 500, rate)).toBeGreaterThan(0.9);
    }
  });

  it("lets a tap and a sender hear the same samples", () => {
    const [near] = peers();
    const speaker = source();
    send(near).setProducer(speaker);
    const sink = engine.createSink({ sampleRate: 48_000, channels: 1, frameMs: 10 });
    sink.bind(speaker);
    const frames: Int16Array[] = [];
    sink.events.on("frame", collect(frames));
    const pcm = tone(440, 4_800);
    speaker.write(pcm);
    pass(300);
    expect(joined(frames)).toEqual(pcm);
  });

  it.each<[what: string, codecs: CodecParameters[], options: Partial<SenderOptions>]>([
    ["PCMU", [{ payloadType: 0, name: "pcmu", clockRate: 8_000, channels: 1 }], {}],
    [
      "PCMA in long packets",
      [{ payloadType: 8, name: "pcma", clockRate: 8_000, channels: 1 }],
      { opus: { frameMs: 60 } },
    ],
    [
      "redundant Opus",
      [opus, { ...opus, payloadType: 63, name: "red", associatedPayloadType: 111 }],
      { redundancy: { payloadType: 63, distance: 2 } },
    ],
    [
      "narrow stereo at a constant rate",
      [opus],
      { opus: { channels: 2, cbr: true, maxPlaybackRate: 16_000 } },
    ],
  ])("carries a tone as %s", (_, codecs, options) => {
    const [near, far] = peers();
    const line = { kind: "audio", mid: "0", nack: true } as const;
    const speaker = source();
    near
      .createSender({ ...line, ssrc: 1, cname: "test", codec: codecs[0]!, ...options })
      .setProducer(speaker);
    const sink = engine.createSink({ sampleRate: 16_000, channels: 1, frameMs: 20 });
    sink.bind(far.createReceiver({ ...line, ssrcs: [1], codecs }));
    const frames: Int16Array[] = [];
    sink.events.on("frame", collect(frames));
    speaker.write(tone(440, 48_000));
    pass(1_000);
    const heard = joined(frames);
    expect(heard.length).toBeGreaterThan(16_000 * 0.85);
    expect(strength(heard.subarray(3_200), 440, 16_000)).toBeGreaterThan(0.95);
    expect(far.stats().drops).toEqual({});
  });

  it("plays what is written for later at that time", () => {
    const speaker = source();
    const sink = engine.createSink({ sampleRate: 48_000, channels: 1, frameMs: 10 });
    sink.bind(speaker);
    const loud: number[] = [];
    sink.events.on("frame", (frame) => {
      const first = frame.pcm.findIndex((sample) => sample !== 0);
      if (first >= 0) loud.push(frame.timestampUs + (first * 1_000_000) / 48_000);
    });
    const dueUs = nowUs + 155_000;
    expect(speaker.write(new Int16Array(480).fill(7), dueUs)).toBe(480);
    pass(300);
    expect(loud[0]).toBe(dueUs);
    expect(() => speaker.write(new Int16Array(480), -1)).toThrow("dueUs");
  });

  it("counts redundant and repeated packets as what they are, and refuses what it cannot encode", () => {
    const [near] = peers();
    const speaker = source();
    const sender = near.createSender({
      kind: "audio",
      mid: "0",
      ssrc: 1,
      cname: "test",
      codec: opus,
      nack: true,
      opus: { maxPlaybackRate: 16_000, cbr: true, bitRate: 16_000 },
      redundancy: { payloadType: 63, distance: 2 },
      retransmission: { ssrc: 2, payloadType: 112 },
    });
    sender.setProducer(speaker);
    speaker.write(tone(440, 48_000));
    pass(1_000);
    const [stats] = near.stats().outbound;
    expect(stats).toMatchObject({ payloadType: 63, retransmittedBytesSent: 0 });
    // 40 bytes a packet, three times, with headers of 4, 4 and 1.
    expect(stats!.bytesSent / stats!.packetsSent).toBeGreaterThan(3 * 40);
    expect(stats!.lastPacketSentTimestamp).toBeGreaterThan(0);
    const options = { kind: "audio", mid: "0", ssrc: 3, cname: "test", codec: opus, nack: true } as const;
    expect(() => near.createSender({ ...options, codec: { ...opus, name: "g722" } })).toThrow("g722");
    expect(() => near.createSender({ ...options, redundancy: { payloadType: 63, distance: 3 } })).toThrow(
      "distance",
    );
    expect(() => near.createSender({ ...options, opus: { maxPlaybackRate: 4_000 } })).toThrow(
      "maxPlaybackRate",
    );
  });

  it("says when playout begins, reaches a mark, runs dry and is idle", () => {
    const speaker = source();
    const sink = engine.createSink({ sampleRate: 48_000, channels: 1, frameMs: 10 });
    sink.bind(speaker);
    const seen: string[] = [];
    speaker.events.on("state", (state) => seen.push(state));
    speaker.events.on("mark", (mark, outcome) => seen.push(`${outcome} ${mark}`));
    speaker.write(tone(440, 960));
    speaker.mark(7);
    pass(500);
    expect(seen).toEqual(["playing", "reached 7", "drained", "idle"]);
  });

  it("clears what is queued and says which marks went with it", () => {
    const speaker = source();
    const sink = engine.createSink({ sampleRate: 48_000, channels: 1, frameMs: 10 });
    sink.bind(speaker);
    const seen: string[] = [];
    speaker.events.on("mark", (mark, outcome) => seen.push(`${outcome} ${mark}`));
    speaker.write(tone(440, 48_000));
    speaker.mark(1);
    pass(20);
    expect(speaker.clear()).toBe(48_000 - 960);
    expect(speaker.queuedUs).toBe(0);
    pass(10);
    expect(seen).toEqual(["cleared 1"]);
  });

  it("stops sending after the hangover of an empty source, and the receiver says so", () => {
    const [near, far] = peers();
    const speaker = source();
    send(near).setProducer(speaker);
    const receiver = receive(far);
    const sink = engine.createSink({ sampleRate: 16_000, channels: 1, frameMs: 10 });
    sink.bind(receiver);
    const flow: string[] = [];
    receiver.events.on("flow", (state) => flow.push(state));
    speaker.write(tone(440, 9_600));
    pass(1_000);
    const sent = near.stats().outbound[0]!.packetsSent;
    expect(sent).toBeGreaterThanOrEqual(20);
    pass(1_000);
    expect(near.stats().outbound[0]!.packetsSent).toBe(sent);
    expect(flow).toEqual(["flowing", "stalled"]);
    speaker.write(tone(440, 9_600));
    pass(200);
    expect(flow).toEqual(["flowing", "stalled", "flowing"]);
  });

  it("mixes with gains, and leaves an input out of its own mix-minus", () => {
    const mixer = engine.createMixer({ sampleRate: 48_000, channels: 1 });
    const one = source();
    const other = source();
    const input = mixer.addInput(one, 0.5);
    mixer.addInput(other, 1);
    const taps = [mixer, mixer.minus(input)].map((producer) => {
      const sink = engine.createSink({ sampleRate: 48_000, channels: 1, frameMs: 10 });
      sink.bind(producer);
      const frames: Int16Array[] = [];
      sink.events.on("frame", collect(frames));
      return frames;
    });
    one.write(new Int16Array(1_440).fill(1_000));
    other.write(new Int16Array(1_440).fill(300));
    pass(30);
    // The limiter looks ahead by a few ms, which are silent at first.
    for (const [at, level] of [800, 300].entries()) {
      const heard = joined(taps[at]!);
      expect(heard.subarray(heard.findIndex((sample) => sample !== 0)).subarray(0, 960)).toEqual(
        new Int16Array(960).fill(level),
      );
    }
  });

  it("refuses a mixer that would hear itself", () => {
    const first = engine.createMixer({ sampleRate: 48_000, channels: 1 });
    const second = engine.createMixer({ sampleRate: 48_000, channels: 1 });
    second.addInput(first);
    expect(() => first.addInput(second)).toThrow("hear itself");
  });

  it("encodes once for senders that want the same", () => {
    const [near] = peers();
    const speaker = source();
    send(near, 1).setProducer(speaker);
    send(near, 2).setProducer(speaker);
    const loud = send(near, 3);
    loud.update({ bitRate: 64_000 });
    loud.setProducer(speaker);
    pass(20);
    expect(engine.stats().handles.encoders).toBe(2);
    loud.update({ bitRate: 32_000 });
    pass(20);
    expect(engine.stats().handles.encoders).toBe(1);
  });

  it("decodes only while someone listens", () => {
    const [near, far] = peers();
    const speaker = source();
    send(near).setProducer(speaker);
    const receiver = receive(far);
    speaker.write(tone(440, 96_000));
    pass(100);
    expect(engine.stats().handles.decoders).toBe(0);
    const sink = engine.createSink({ sampleRate: 16_000, channels: 1, frameMs: 10 });
    sink.bind(receiver);
    pass(100);
    expect(engine.stats().handles.decoders).toBe(1);
    sink.close();
    pass(20);
    expect(engine.stats().handles.decoders).toBe(0);
    expect(far.stats().inbound[0]!.packetsReceived).toBeGreaterThan(5);
  });

  it("gives the figures of what it hears under their WebRTC names", () => {
    const [near, far] = peers();
    const speaker = source();
    send(near).setProducer(speaker);
    const sink = engine.createSink({ sampleRate: 16_000, channels: 1, frameMs: 10 });
    sink.bind(receive(far));
    speaker.write(tone(440, 96_000));
    pass(1_500);
    const inbound = far.stats().inbound[0]!;
    expect(inbound).toMatchObject({
      packetsLost: 0,
      packetsDiscarded: 0,
      concealedSamples: 0,
      silentConcealedSamples: 0,
      concealmentEvents: 0,
      insertedSamplesForDeceleration: 0,
      removedSamplesForAcceleration: 0,
      retransmittedPacketsReceived: 0,
      retransmittedBytesReceived: 0,
    });
    expect(inbound.jitterBufferEmittedCount).toBeGreaterThan(48_000);
    const perSample = (sum: number) => sum / inbound.jitterBufferEmittedCount;
    expect(perSample(inbound.jitterBufferDelay)).toBeLessThanOrEqual(0.026);
    expect(perSample(inbound.jitterBufferTargetDelay)).toBeCloseTo(0.02);
    expect(perSample(inbound.jitterBufferMinimumDelay)).toBe(0);
    expect(inbound.fecPacketsDiscarded).toBe(inbound.fecPacketsReceived);
    expect(inbound.totalSamplesReceived / 48_000).toBeCloseTo(inbound.totalSamplesDuration);
    // A tone of 8000 of 32768 has a linear level of 0.17, and its square a second of energy.
    expect(inbound.audioLevel).toBeCloseTo(0.17, 1);
    expect(inbound.totalAudioEnergy / inbound.totalSamplesDuration).toBeCloseTo(0.03, 2);
  });

  it("asks about an SSRC that it does not know and plays what it held", () => {
    const [near, far] = peers();
    near.setHeaderExtensions({ mid: 1 });
    far.setHeaderExtensions({ mid: 1 });
    const speaker = source();
    send(near, 99).setProducer(speaker);
    const asked: unknown[] = [];
    far.events.on("unknownSsrc", (...of) => asked.push(of));
    speaker.write(tone(440, 9_600));
    pass(60);
    expect(asked).toEqual([[99, 111, "0"]]);
    const receiver = receive(far, [99]);
    expect(receiver.closed).toBe(false);
    pass(40);
    const inbound = far.stats().inbound[0]!;
    expect(inbound.packetsReceived).toBe(near.stats().outbound[0]!.packetsSent);
    expect(far.stats().drops).toEqual({});
  });

  it("lets go of packets of an SSRC that nobody claims", () => {
    const [near, far] = peers();
    const speaker = source();
    send(near).setProducer(speaker);
    speaker.write(tone(440, 4_800));
    pass(1_500);
    const { drops } = far.stats();
    expect(drops.heldTooLong).toBe(near.stats().outbound[0]!.packetsSent);
  });

  it("forwards to another peer, and passes a BYE on its end", () => {
    const [near, stageIn] = peers();
    const [stageOut, far] = peers();
    const speaker = source();
    send(near).setProducer(speaker);
    const forwarder = stageOut.createForwarder(receive(stageIn), {
      mid: "5",
      ssrc: 777,
      cname: "stage",
      payloadTypes: [[111, 96]],
      nack: true,
    });
    const listener = far.createReceiver({
      kind: "audio",
      mid: "5",
      ssrcs: [777],
      codecs: [{ ...opus, payloadType: 96 }],
      nack: true,
    });
    const sink = engine.createSink({ sampleRate: 16_000, channels: 1, frameMs: 10 });
    sink.bind(listener);
    const frames: Int16Array[] = [];
    sink.events.on("frame", collect(frames));
    const byes: number[] = [];
    far.events.on("bye", (ssrc) => byes.push(ssrc));
    speaker.write(tone(440, 48_000));
    pass(1_000);
    expect(strength(joined(frames).subarray(3_200), 440, 16_000)).toBeGreaterThan(0.95);
    expect(engine.stats().handles.decoders).toBe(1);
    forwarder.close();
    pass(10);
    expect(byes).toEqual([777]);
  });

  it("replays packets that are encoded already", () => {
    const [near, far] = peers();
    // An Opus packet of 20 ms of silence: configuration 15 (hybrid, full band), mono, one frame.
    const silence = Uint8Array.of(0xf8, 0xff, 0xfe);
    const replay = engine.createEncodedSource({ frameMs: 20, frames: [silence], loop: true });
    send(near).setProducer(replay);
    const sink = engine.createSink({ sampleRate: 16_000, channels: 1, frameMs: 10 });
    expect(() => sink.bind(replay)).toThrow("has no PCM");
    sink.bind(receive(far));
    const frames: Int16Array[] = [];
    sink.events.on("frame", collect(frames));
    pass(1_000);
    expect(near.stats().outbound[0]!.packetsSent).toBe(50);
    expect(frames.length).toBeGreaterThan(90);
  });

  it("reports levels at the interval asked for", () => {
    const speaker = source();
    const levels: number[] = [];
    speaker.levels.on("level", ({ peak }) => levels.push(Math.round(peak)));
    speaker.setLevelInterval(100);
    speaker.write(new Int16Array(4_800).fill(16_384));
    pass(300);
    expect(levels).toEqual([-6, -127, -127]);
  });

  it("has the statistics of both ends agree", () => {
    const [near, far] = peers();
    const speaker = source();
    send(near).setProducer(speaker);
    const sink = engine.createSink({ sampleRate: 48_000, channels: 1, frameMs: 10 });
    sink.bind(receive(far));
    for (let second = 0; second < 3; second++) {
      speaker.write(tone(440, 48_000));
      pass(1_000);
    }
    const outbound = near.stats().outbound[0]!;
    const inbound = far.stats().inbound[0]!;
    expect(inbound.packetsReceived).toBe(outbound.packetsSent);
    expect(inbound.bytesReceived).toBe(outbound.bytesSent);
    expect(inbound.packetsLost).toBe(0);
    expect(inbound.concealedSamples).toBe(0);
    expect(outbound.remoteFractionLost).toBe(0);
  });

  it("closes everything in a peer with it", () => {
    const [near, far] = peers();
    send(near).setProducer(source());
    receive(far);
    near.close();
    far.close();
    pass(20);
    const { handles } = engine.stats();
    expect(handles).toMatchObject({
      peers: 0,
      senders: 0,
      receivers: 0,
      encoders: 0,
      decoders: 0,
      sources: 1,
    });
  });

  it("answers bad arguments with an error and goes on", () => {
    const peer = engine.createPeer();
    const { binding } = engine;
    const bad = binding as unknown as Record<string, (...of: unknown[]) => unknown>;
    expect(() => source(22_050)).toThrow("8000, 12000");
    expect(() => engine.createSource({ sampleRate: 48_000, channels: 3 as 1, capacityMs: 100 })).toThrow(
      "channels",
    );
    expect(() => engine.createSource({ sampleRate: 48_000, channels: 1, capacityMs: 0 })).toThrow(
      "capacityMs",
    );
    expect(() => engine.createSink({ sampleRate: 48_000, channels: 1, frameMs: 15 })).toThrow(
      "multiple of 10",
    );
    expect(() => source().write(new Float32Array(10) as unknown as Int16Array)).toThrow("Int16Array");
    expect(() => binding.senderSetProducer(4_000_000, 0)).toThrow("no sender");
    expect(() =>
      binding.sinkBind(engine.createSink({ sampleRate: 8_000, channels: 1, frameMs: 10 }).handle, 4_000_000),
    ).toThrow("no producer");
    expect(() => bad.sinkCreate!()).toThrow(TypeError);
    expect(() => bad.receiverCreate!(peer.handle, { kind: "smell" })).toThrow("audio or video");
    expect(() =>
      bad.receiverCreate!(peer.handle, { kind: "audio", mid: "0", ssrcs: ["x"], codecs: [] }),
    ).toThrow("ssrcs");
    expect(() => bad.mixerSetGain!(1, 1, Number.NaN, 0)).toThrow(RangeError);
    expect(() => bad.peerClose!("first")).toThrow(TypeError);
    expect(() =>
      engine.createEncodedSource({ frameMs: 20, frames: [new Uint8Array(5_000)], loop: false }),
    ).toThrow("1136");
    binding.senderClose(4_000_000);
    binding.producerClose(4_000_000);
    pass(20);
    expect(engine.stats().ticks).toBe(2);
  });

  it("may be stopped by a listener, and ticked by none", () => {
    const speaker = source();
    const outcomes: unknown[] = [];
    speaker.events.on("state", () => {
      try {
        engine.tick(nowUs);
      } catch (error) {
        outcomes.push(String(error));
      }
      engine.stop();
    });
    const sink = engine.createSink({ sampleRate: 48_000, channels: 1, frameMs: 10 });
    sink.bind(speaker);
    speaker.write(tone(440, 960));
    pass(10);
    expect(outcomes).toEqual(["Error: The engine cannot be ticked from a listener of its own"]);
    expect(() => engine.stats()).toThrow("not running");
  });

  it("is one engine an environment", () => {
    expect(() => Engine.startManual()).toThrow("runs already");
    expect(Engine.shared()).toBe(engine);
    engine.stop();
    expect(() => engine.stats()).toThrow("not running");
  });
});

describe("the engine by the clock", () => {
  afterEach(() => Engine.stop());

  it("delivers what a source plays", async () => {
    const engine = Engine.shared();
    const speaker = engine.createSource({ sampleRate: 48_000, channels: 1, capacityMs: 1_000 });
    const sink = engine.createSink({ sampleRate: 48_000, channels: 1, frameMs: 10 });
    sink.bind(speaker);
    const frames: Int16Array[] = [];
    const pcm = tone(440, 4_800);
    const done = new Promise<void>((resolve) => {
      sink.events.on("frame", (frame) => {
        frames.push(frame.pcm.slice());
        if (frames.length === 10) resolve();
      });
    });
    // The clock keeps no process alive; this does.
    const alive = setInterval(() => {}, 1_000);
    speaker.write(pcm);
    await done;
    clearInterval(alive);
    expect(joined(frames)).toEqual(pcm);
  });

  it("drops the oldest audio of a loop that stalls, and keeps the events", async () => {
    const engine = Engine.shared();
    const speaker = engine.createSource({ sampleRate: 48_000, channels: 1, capacityMs: 2_000 });
    const sink = engine.createSink({ sampleRate: 48_000, channels: 1, frameMs: 10 });
    sink.bind(speaker);
    let frames = 0;
    sink.events.on("frame", () => frames++);
    const reached = new Promise<number>((resolve) => speaker.events.on("mark", resolve));
    const alive = setInterval(() => {}, 1_000);
    speaker.write(tone(440, 480));
    speaker.mark(5);
    speaker.write(tone(440, 95_000));
    // Nothing is delivered while this blocks, however long the clock takes to play it all.
    while (speaker.queuedUs > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    expect(await reached).toBe(5);
    clearInterval(alive);
    const stats = engine.stats();
    expect(stats.framesDropped).toBeGreaterThan(100);
    expect(frames + stats.framesDropped).toBeGreaterThanOrEqual(190);
  });

  it("lets the event loop turn while listeners are slower than the clock, and counts what they lose", async () => {
    const engine = Engine.shared();
    const speaker = engine.createSource({ sampleRate: 48_000, channels: 1, capacityMs: 10_000 });
    const sink = engine.createSink({ sampleRate: 48_000, channels: 1, frameMs: 10 });
    sink.bind(speaker);
    let frames = 0;
    const framesAtTurn: number[] = [];
    const turning = setInterval(() => framesAtTurn.push(frames), 1);
    const done = new Promise<void>((resolve) => {
      sink.events.on("frame", () => {
        frames += 1;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 15);
        if (frames === 150) resolve();
      });
    });
    speaker.write(tone(440, 480_000));
    await done;
    clearInterval(turning);
    // Between the first frame and the last, not only before and after.
    expect(new Set(framesAtTurn).size).toBeGreaterThan(50);
    expect(engine.stats().framesDropped).toBeGreaterThan(0);
  });

  it("ends with a worker that is terminated while it plays", async () => {
    const script = `
      import { parentPort } from "node:worker_threads";
      const { Engine } = await import(${JSON.stringify(new URL("./index.ts", import.meta.url).href)});
      const engine = Engine.shared();
      const source = engine.createSource({ sampleRate: 48000, channels: 1, capacityMs: 1000 });
      const sink = engine.createSink({ sampleRate: 48000, channels: 1, frameMs: 10 });
      sink.bind(source);
      sink.events.once("frame", () => parentPort.postMessage("heard"));
      source.write(new Int16Array(48000));
      setInterval(() => {}, 1000);`;
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(script)}`));
    const heard = await new Promise((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    });
    expect(heard).toBe("heard");
    expect(await worker.terminate()).toBe(1);
  });
});
