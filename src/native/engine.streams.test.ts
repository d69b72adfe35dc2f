import { describe, expect, it } from "vitest";
import {
  collect,
  engine,
  joined,
  nowUs,
  opus,
  pass,
  peers,
  receive,
  send,
  source,
  strength,
  tone,
  useManualEngine,
} from "../../test/fixtures/manualEngine.ts";
import { Engine } from "./index.ts";

describe("streams and handles of the engine by hand", () => {
  useManualEngine();

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
    ).toThrow("1116");
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
