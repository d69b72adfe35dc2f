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
import type { CodecParameters, SenderOptions } from "./binding.ts";

describe("audio through the engine by hand", () => {
  useManualEngine();

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
    // The tone, and 100 ms of silence.
    expect(sent).toBeGreaterThanOrEqual(15);
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

  it("reports levels at the interval asked for", () => {
    const speaker = source();
    const levels: number[] = [];
    speaker.levels.on("level", ({ peak }) => levels.push(Math.round(peak)));
    speaker.setLevelInterval(100);
    speaker.write(new Int16Array(4_800).fill(16_384));
    pass(300);
    expect(levels).toEqual([-6, -127, -127]);
  });
});
