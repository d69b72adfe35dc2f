import { describe, expect, it, vi } from "vitest";
import { SimulatedClock } from "xstate";
import { TypedEvents } from "../core/index.ts";
import type { EngineProducer } from "../native/index.ts";
import { type AudioFrame, copyFrame } from "./AudioFrame.ts";
import { AudioSink } from "./AudioSink.ts";
import type { AudioProducer, ProducerEvents } from "./producer.ts";
import { ScriptedEngine } from "./testing/ScriptedEngine.ts";

/** Stands for a remote track: its receiver comes and goes with the connection. */
class Track implements AudioProducer {
  readonly producerEvents = new TypedEvents<ProducerEvents>();
  producer: EngineProducer | null;

  constructor(producer: EngineProducer) {
    this.producer = producer;
  }

  change(producer: EngineProducer | null): void {
    this.producer = producer;
    this.producerEvents.emit("changed", producer);
  }
}

function create() {
  const engine = new ScriptedEngine();
  const receiver = engine.createSource({ sampleRate: 8_000, channels: 1, capacityMs: 100 });
  const track = new Track(receiver);
  const clock = new SimulatedClock();
  const options = { sampleRate: 8_000, bufferMs: 50, detachedMs: 1_000 };
  const sink = new AudioSink(track, options, { engine, clock });
  const handle = engine.sinks[0]!;
  let frames = 0;
  /** 10 ms of a value that tells the frames apart. */
  const frame = (concealed = false) => {
    frames += 1;
    engine.frame(handle, new Int16Array(80).fill(frames), frames * 10_000, concealed);
  };
  const pass = (ms: number) => {
    for (let at = 0; at < ms; at += 10) clock.increment(10);
  };
  return { engine, receiver, track, sink, frame, pass };
}

const firsts = (frames: AudioFrame[]) => frames.map(({ pcm }) => pcm[0]);

describe("AudioSink", () => {
  it("passes frames to listeners; one that throws does not keep the others from hearing", () => {
    const { sink, frame } = create();
    const heard: AudioFrame[] = [];
    sink.on("frame", () => {
      throw new Error("listener broke");
    });
    sink.on("frame", (it) => heard.push(copyFrame(it)));
    frame();
    frame();
    expect(firsts(heard)).toEqual([1, 2]);
    expect(heard[1]).toMatchObject({
      sampleRate: 8_000,
      channels: 1,
      samplesPerChannel: 80,
      timestampUs: 20_000,
    });
    sink.close();
  });

  it("flows with the first frame and starves with its track, whatever loss concealment makes up", () => {
    const { sink, track, frame } = create();
    expect(sink.state).toBe("waiting");
    frame();
    expect(sink.state).toBe("flowing");
    track.producerEvents.emit("flow", "stalled");
    frame(true);
    expect(sink.state).toBe("starved");
    frame();
    expect(sink.state).toBe("flowing");
    sink.close();
  });

  it("follows its track over a reconnect", () => {
    const { engine, sink, track, frame, pass } = create();
    frame();
    track.change(null);
    expect(sink.state).toBe("detached");
    pass(900);
    const next = engine.createSource({ sampleRate: 8_000, channels: 1, capacityMs: 100 });
    track.change(next);
    pass(5_000);
    expect(sink.state).toBe("waiting");
    expect(engine.calls.at(-1)).toBe(`sinkBind ${engine.sinks[0]} ${next.handle}`);
    sink.close();
  });

  it("closes when its track stays away, and when it ends", () => {
    const away = create();
    const reasons: string[] = [];
    away.sink.on("closed", (reason) => reasons.push(reason));
    away.track.change(null);
    away.pass(1_000);
    const ended = create();
    ended.sink.on("closed", (reason) => reasons.push(reason));
    ended.track.producerEvents.emit("ended");
    expect(reasons).toEqual(["its producer stayed away", "its producer ended"]);
    expect(away.sink.closed && ended.sink.closed).toBe(true);
    expect(away.track.producerEvents.listenerCount("changed")).toBe(0);
  });

  it("reads exactly what was asked for, across frames", async () => {
    const { sink, frame } = create();
    frame();
    frame();
    const first = await sink.read(100);
    expect(first).toMatchObject({ samplesPerChannel: 100, timestampUs: 10_000 });
    expect(first!.pcm[79]).toBe(1);
    expect(first!.pcm[80]).toBe(2);
    expect(await sink.read(60)).toMatchObject({ samplesPerChannel: 60, timestampUs: 22_500 });
    sink.close();
  });

  it("gives all there is when asked for 0", async () => {
    const { sink, frame } = create();
    frame();
    frame();
    expect((await sink.read(0))?.samplesPerChannel).toBe(160);
    const waiting = sink.read(0);
    frame();
    expect((await waiting)?.samplesPerChannel).toBe(80);
    sink.close();
  });

  it("consumes nothing when the samples do not come in time", async () => {
    vi.useFakeTimers();
    try {
      const { sink, frame } = create();
      frame();
      const reading = sink.read(100, { timeoutMs: 30 });
      await vi.advanceTimersByTimeAsync(30);
      expect(await reading).toBeNull();
      expect(sink.bufferedMs).toBe(10);
      sink.close();
    } finally {
      vi.useRealTimers();
    }
  });

  it("serves readers in order", async () => {
    const { sink, frame } = create();
    const reads = [sink.read(120), sink.read(40)];
    frame();
    frame();
    const [first, second] = await Promise.all(reads);
    expect([first?.timestampUs, second?.timestampUs]).toEqual([10_000, 25_000]);
    sink.close();
  });

  it("refuses to read more than it buffers", async () => {
    const { sink } = create();
    await expect(sink.read(401)).rejects.toMatchObject({
      code: "INVALID_OPTION",
      field: "samplesPerChannel",
    });
    await expect(sink.read(-1)).rejects.toMatchObject({ code: "INVALID_OPTION" });
    sink.close();
  });

  it("drops the oldest audio that nobody reads and counts it", async () => {
    const { sink, frame } = create();
    for (let count = 0; count < 8; count++) frame();
    expect(sink.droppedMs).toBe(30);
    expect((await sink.read(80))?.pcm[0]).toBe(4);
    sink.close();
  });

  it("iterates over frames of its own; a slow reader loses the oldest", async () => {
    const { sink, frame } = create();
    const stream = sink.stream();
    for (let count = 0; count < 7; count++) frame();
    sink.close();
    const heard: AudioFrame[] = [];
    for await (const it of stream) heard.push(it);
    expect(firsts(heard)).toEqual([3, 4, 5, 6, 7]);
    expect(stream.dropped).toBe(2);
  });

  it("wakes an iterator that waits, and ends it with the sink", async () => {
    const { sink, frame } = create();
    const stream = sink[Symbol.asyncIterator]();
    const next = stream.next();
    frame();
    expect((await next).value?.pcm[0]).toBe(1);
    const last = stream.next();
    sink.close();
    expect(await last).toEqual({ value: undefined, done: true });
  });

  it("rejects readers with CLOSED when it closes", async () => {
    const { sink } = create();
    const reading = sink.read(80);
    sink.close();
    await expect(reading).rejects.toMatchObject({ code: "CLOSED" });
    await expect(sink.read(80)).rejects.toMatchObject({ code: "CLOSED" });
  });

  it("refuses times that are none", async () => {
    const { sink } = create();
    const invalid = expect.objectContaining({ code: "INVALID_OPTION" });
    expect(() => sink.stream({ bufferMs: Number.NaN })).toThrow(invalid);
    expect(() => sink.stream({ bufferMs: Number.POSITIVE_INFINITY })).toThrow(invalid);
    await expect(sink.read(80, { timeoutMs: Number.NaN })).rejects.toMatchObject({ field: "timeoutMs" });
    sink.close();
  });

  it("refuses what is no producer", () => {
    const engine = new ScriptedEngine();
    expect(() => new AudioSink({} as AudioProducer, {}, { engine })).toThrow(
      expect.objectContaining({ code: "INVALID_OPTION", field: "producer" }),
    );
    expect(() => new AudioSink(new Track(null as never), { frameMs: 15 }, { engine })).toThrow(
      expect.objectContaining({ code: "INVALID_OPTION", field: "AudioSink.frameMs" }),
    );
  });
});
