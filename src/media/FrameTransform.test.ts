// Encoded transforms between two peers of one engine on simulated time.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { shareAt, sine } from "../../test/fixtures/tone.ts";
import {
  Engine,
  type EngineFrame,
  type EnginePeer,
  type EngineReceiver,
  type EngineSender,
} from "../native/index.ts";
import { AudioEncryption } from "./AudioEncryption.ts";
import { type EncodedAudioFrame, EncodedAudioTransform } from "./EncodedAudioTransform.ts";
import { type FrameTransform, TransformSlot } from "./FrameTransform.ts";

const opus = { payloadType: 111, name: "opus", clockRate: 48_000, channels: 2 };
const TICK_US = 10_000;
const RATE = 16_000;
const KEY = new Uint8Array(16).fill(7);
const OTHER_KEY = new Uint8Array(32).fill(8);

let engine: Engine;
let nowUs: number;
let near: EnginePeer;
let sender: EngineSender;
let receiver: EngineReceiver;
let outgoing: TransformSlot;
let incoming: TransformSlot;
let heard: { pcm: Int16Array; concealed: boolean }[];
let closing: { close(): void }[];

/** Lets `ms` pass, and gives the PCM that was heard in it. */
function pass(ms: number): { pcm: Int16Array; concealed: number } {
  heard = [];
  for (const end = nowUs + ms * 1000; nowUs < end; nowUs += TICK_US) engine.tick(nowUs);
  const concealed = heard.filter((frame) => frame.concealed).length;
  return { pcm: Int16Array.from(heard.flatMap(({ pcm }) => [...pcm])), concealed };
}

function isTone(pcm: Int16Array): boolean {
  return pcm.length > RATE / 20 && shareAt(500, pcm, RATE) > 0.95;
}

function isSilent(pcm: Int16Array): boolean {
  return pcm.every((sample) => Math.abs(sample) < 30);
}

function own<T extends FrameTransform>(transform: T): T {
  closing.push(transform);
  return transform;
}

/** Puts `transform` on both ways. */
function putOn(transform: FrameTransform): void {
  outgoing.set(transform);
  incoming.set(transform);
}

beforeEach(() => {
  engine = Engine.startManual();
  nowUs = 1_000_000;
  closing = [];
  near = engine.createPeer();
  const far = engine.createPeer();
  near.link(far);
  sender = near.createSender({ kind: "audio", mid: "0", ssrc: 1, cname: "test", codec: opus, nack: true });
  receiver = far.createReceiver({ kind: "audio", mid: "0", ssrcs: [1], codecs: [opus], nack: true });
  outgoing = new TransformSlot("outgoing");
  incoming = new TransformSlot("incoming");
  outgoing.attach(sender);
  incoming.attach(receiver);
  const sink = engine.createSink({ sampleRate: RATE, channels: 1, frameMs: 10 });
  sink.bind(receiver);
  sink.events.on("frame", ({ pcm, concealed }: EngineFrame) => heard.push({ pcm: pcm.slice(), concealed }));
  const frames = engine.encodeOpus(sine(500, 1_000, 48_000), { sampleRate: 48_000 });
  sender.setProducer(engine.createEncodedSource({ frameMs: 20, frames, loop: true }));
});

afterEach(() => {
  for (const one of closing) one.close();
  Engine.stop();
});

describe("an encoded transform", () => {
  it("changes frames both ways: a trailer goes on and comes off", () => {
    const trailer = Uint8Array.of(0xde, 0xad, 0xbe, 0xef);
    const transform = own(new EncodedAudioTransform());
    const seen: EncodedAudioFrame[] = [];
    let strange = 0;
    transform.on("frame", (frame) => {
      seen.push(frame);
      if (frame.direction === "outgoing") frame.data = Buffer.concat([frame.data, trailer]);
      else {
        if (Buffer.compare(frame.data.subarray(-4), trailer) !== 0) strange += 1;
        frame.data = frame.data.subarray(0, -4);
      }
      expect(transform.enqueue(frame)).toBe(true);
    });
    putOn(transform);
    pass(500);
    expect(isTone(pass(500).pcm)).toBe(true);
    expect(strange).toBe(0);
    const sent = seen.filter(({ direction }) => direction === "outgoing");
    const received = seen.filter(({ direction }) => direction === "incoming");
    expect(sent[0]).toMatchObject({ ssrc: 1, payloadType: 111, sequenceNumber: undefined });
    expect(sent[1]!.timestamp - sent[0]!.timestamp).toBe(960);
    expect(received[0]!.timestamp).toBe(sent[0]!.timestamp);
    expect(received[1]!.sequenceNumber).toBe(received[0]!.sequenceNumber! + 1);
    const { stats } = transform;
    expect(stats.outgoing).toMatchObject({ frames: 50, passed: 50, dropped: 0, late: 0, waiting: 0 });
    expect(stats.incoming).toMatchObject({ dropped: 0, late: 0, waiting: 0 });
    expect(stats.incoming.passed).toBeGreaterThanOrEqual(49);
  });

  it("lets nothing pass that nobody enqueues, and counts it", () => {
    const transform = own(new EncodedAudioTransform({ maximumHoldMs: 100 }));
    transform.on("frame", (frame) => {
      if (frame.direction === "outgoing") transform.enqueue(frame);
    });
    putOn(transform);
    expect(isSilent(pass(1_000).pcm)).toBe(true);
    const { incoming: counts } = transform.stats;
    expect(counts.dropped + counts.waiting).toBe(counts.frames);
    expect(counts.dropped).toBeGreaterThan(40);
    expect(counts.passed).toBe(0);
  });

  it("plays on at the same quality when frames come back later, in time", () => {
    const transform = own(new EncodedAudioTransform());
    const held: EncodedAudioFrame[] = [];
    transform.on("frame", (frame) => {
      if (frame.direction === "outgoing") transform.enqueue(frame);
      else held.push(frame);
      if (held.length > 5) transform.enqueue(held.shift()!);
    });
    putOn(transform);
    pass(1_000);
    const { pcm, concealed } = pass(1_000);
    expect(isTone(pcm)).toBe(true);
    expect(concealed).toBe(0);
    expect(transform.stats.incoming).toMatchObject({ dropped: 0, late: 0, waiting: 5 });
  });

  it("drops what comes back too late, twice, or out of order on the way out, and says so", () => {
    const transform = own(new EncodedAudioTransform({ maximumHoldMs: 50 }));
    const held: EncodedAudioFrame[] = [];
    transform.on("frame", (frame) => frame.direction === "outgoing" && held.push(frame));
    outgoing.set(transform);
    pass(200);
    expect(transform.enqueue(held[0]!)).toBe(false);
    const last = held.at(-1)!;
    expect(transform.enqueue(last)).toBe(true);
    expect(transform.enqueue(last)).toBe(false);
    expect(transform.enqueue(held.at(-2)!)).toBe(false);
    expect(transform.stats.outgoing).toMatchObject({ passed: 1, late: 2 });
  });

  it("holds no more than its bound; the oldest make room", () => {
    const transform = own(new EncodedAudioTransform({ maximumFrames: 4, maximumHoldMs: 5_000 }));
    const held: EncodedAudioFrame[] = [];
    transform.on("frame", (frame) => held.push(frame));
    outgoing.set(transform);
    pass(1_000);
    expect(transform.stats.outgoing).toMatchObject({ waiting: 4, frames: held.length });
    expect(held.map((frame) => transform.enqueue(frame)).filter(Boolean)).toHaveLength(4);
  });

  it("leaves frames alone once it is taken off, and none through once it is closed", () => {
    const transform = own(new EncodedAudioTransform());
    putOn(transform);
    expect(isSilent(pass(300).pcm)).toBe(true);
    outgoing.set(null);
    incoming.set(null);
    pass(300);
    expect(isTone(pass(300).pcm)).toBe(true);
    transform.on("frame", (frame) => transform.enqueue(frame));
    putOn(transform);
    pass(300);
    expect(isTone(pass(300).pcm)).toBe(true);
    transform.close();
    pass(500);
    expect(isSilent(pass(300).pcm)).toBe(true);
    const { outgoing: counts } = transform.stats;
    expect(counts.waiting).toBe(0);
    expect(counts.dropped).toBeGreaterThan(0);
  });

  it("stays closed on the next sender, after a reconnect", () => {
    const transform = own(new EncodedAudioTransform());
    outgoing.set(transform);
    transform.close();
    outgoing.attach(null);
    outgoing.attach(sender);
    expect(isSilent(pass(500).pcm)).toBe(true);
  });

  it("refuses frames that fit no packet, and options that are none", () => {
    const transform = own(new EncodedAudioTransform());
    transform.on("frame", (frame) => {
      for (const data of [new Uint8Array(), new Uint8Array(1_101), "frame" as never]) {
        frame.data = data;
        expect(() => transform.enqueue(frame)).toThrow("Expected a Uint8Array of 1 to 1100 bytes");
      }
      frame.data = new Uint8Array(1_100);
      expect(transform.enqueue(frame)).toBe(true);
    });
    outgoing.set(transform);
    pass(20);
    expect(transform.stats.outgoing.frames).toBe(1);
    expect(() => new EncodedAudioTransform({ maximumFrames: 0 })).toThrow("1 to 1024");
    expect(() => new EncodedAudioTransform({ maximumHoldMs: 6_000 })).toThrow("10 to 5000");
  });

  it("leaves no handle behind", () => {
    const transform = own(new EncodedAudioTransform());
    putOn(transform);
    pass(100);
    outgoing.set(null);
    incoming.attach(null);
    expect(engine.stats().handles.frameRelays).toBe(0);
  });
});

describe("audio encryption", () => {
  it("is heard under the same key and not without it", () => {
    const encryption = own(new AudioEncryption());
    encryption.setKey(0, KEY);
    outgoing.set(encryption);
    pass(500);
    // Who has no transform decodes what is not Opus beyond its first byte.
    expect(isTone(pass(500).pcm)).toBe(false);
    incoming.set(encryption);
    pass(500);
    expect(isTone(pass(500).pcm)).toBe(true);
    expect(encryption.stats.outgoing).toMatchObject({ dropped: 0, frames: 100 });
  });

  it("changes keys without a gap", () => {
    const encryption = own(new AudioEncryption());
    encryption.setKey(0, KEY);
    putOn(encryption);
    pass(500);
    encryption.setKey(1, OTHER_KEY);
    pass(100);
    encryption.useKey(1);
    expect(encryption.keyIndex).toBe(1);
    const { pcm, concealed } = pass(500);
    expect(isTone(pcm)).toBe(true);
    expect(concealed).toBe(0);
    expect(encryption.stats.incoming.dropped).toBe(0);
  });

  it("counts and conceals what a wrong key does not open, and goes on with the right one", () => {
    const [ours, theirs] = [own(new AudioEncryption()), own(new AudioEncryption())];
    const states: unknown[] = [];
    theirs.on("state", (...state) => states.push(state));
    for (const one of [ours, theirs]) one.setKey(0, KEY);
    outgoing.set(ours);
    incoming.set(theirs);
    pass(500);
    theirs.setKey(0, OTHER_KEY);
    expect(pass(200).concealed).toBeGreaterThan(5);
    expect(isSilent(pass(500).pcm)).toBe(true);
    expect(theirs.stats.incoming.dropped).toBe(35);
    theirs.setKey(0, KEY);
    pass(300);
    expect(isTone(pass(500).pcm)).toBe(true);
    theirs.setKey(0, null);
    expect(isSilent(pass(500).pcm.subarray(-RATE / 10))).toBe(true);
    expect(states).toEqual([
      ["ok", "incoming", 0],
      ["decryptionFailed", "incoming", 0],
      ["ok", "incoming", 0],
      ["missingKey", "incoming", 0],
    ]);
  });

  it("lets nothing pass once it is closed, on either side", () => {
    const [ours, theirs] = [own(new AudioEncryption()), own(new AudioEncryption())];
    for (const one of [ours, theirs]) one.setKey(0, KEY);
    outgoing.set(ours);
    incoming.set(theirs);
    expect(isTone(pass(500).pcm)).toBe(true);
    theirs.close();
    pass(500);
    expect(isSilent(pass(300).pcm)).toBe(true);
    const { packetsSent } = near.stats().outbound[0]!;
    pass(100);
    expect(near.stats().outbound[0]!.packetsSent).toBe(packetsSent + 5);
    ours.close();
    pass(100);
    expect(near.stats().outbound[0]!.packetsSent).toBe(packetsSent + 5);
  });

  it("may be closed after the engine has stopped", () => {
    const encryption = new AudioEncryption();
    encryption.setKey(0, KEY);
    putOn(encryption);
    pass(100);
    Engine.stop();
    encryption.close();
    expect(encryption.closed).toBe(true);
  });

  it("sends nothing without a key", () => {
    const encryption = own(new AudioEncryption());
    outgoing.set(encryption);
    expect(isSilent(pass(500).pcm)).toBe(true);
    expect(encryption.stats.outgoing).toMatchObject({ passed: 0, dropped: 25 });
  });

  it("refuses keys and indices that are none, and says nothing of a key", () => {
    const encryption = own(new AudioEncryption({ keys: 4 }));
    expect(() => encryption.setKey(4, KEY)).toThrow("a whole number from 0 to 3");
    expect(() => encryption.useKey(-1)).toThrow("a whole number from 0 to 3");
    expect(() => encryption.setKey(0, new Uint8Array(15))).toThrow(
      "16 or 32 bytes for key but received 15 bytes",
    );
    expect(() => encryption.setKey(0, "secret" as never)).toThrow("received a string");
    expect(() => new AudioEncryption({ keys: 0 })).toThrow("1 to 256");
    encryption.close();
    expect(() => encryption.setKey(0, KEY)).toThrow("closed");
  });
});
