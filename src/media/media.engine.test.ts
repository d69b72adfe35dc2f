import { afterAll, describe, expect, it } from "vitest";
import { Engine, type Level } from "../native/index.ts";
import { type AudioFrame, concatenateFrames } from "./AudioFrame.ts";
import { AudioMixer } from "./AudioMixer.ts";
import { AudioSink } from "./AudioSink.ts";
import { AudioSource } from "./AudioSource.ts";
import { LevelMeter } from "./LevelMeter.ts";
import type { AudioProducer } from "./producer.ts";

const SAMPLE_RATE = 48_000;

afterAll(() => Engine.stop());

/** Samples that tell where they are: no two in a row are equal, and none is 0. */
function ramp(length: number, from = 1): Int16Array {
  return Int16Array.from({ length }, (_, at) => ((from + at * 7) % 12_000) + 1);
}

function tone(length: number, hertz: number, amplitude: number): Int16Array {
  return Int16Array.from({ length }, (_, at) =>
    Math.round(amplitude * Math.sin((2 * Math.PI * hertz * at) / SAMPLE_RATE)),
  );
}

/** Hears at least `samples`, from the first one that is not 0. */
async function hear(sink: AudioSink, samples: number): Promise<Int16Array> {
  const frames: AudioFrame[] = [];
  let heard = 0;
  for await (const frame of sink) {
    if (frames.length === 0 && frame.pcm.every((sample) => sample === 0)) continue;
    frames.push(frame);
    heard += frame.pcm.length;
    if (heard >= samples + frame.pcm.length) break;
  }
  const { pcm } = concatenateFrames(frames);
  const start = pcm.findIndex((sample) => sample !== 0);
  return pcm.subarray(start, start + samples);
}

/** Writes one value without end, until the source is closed. */
async function feed(source: AudioSource, value: number): Promise<void> {
  const piece = new Int16Array(SAMPLE_RATE / 10).fill(value);
  try {
    for (;;) await source.write(piece);
  } catch (error) {
    if (!source.closed) throw error;
  }
}

function rms(pcm: Int16Array): number {
  return Math.sqrt(pcm.reduce((sum, sample) => sum + sample * sample, 0) / pcm.length);
}

describe("audio on the engine", () => {
  it("gives a sink the very samples that were written", async () => {
    using source = new AudioSource({ sampleRate: SAMPLE_RATE });
    using sink = new AudioSink(source);
    const written = ramp(SAMPLE_RATE / 5);
    const hearing = hear(sink, written.length - 480);
    await source.write(written);
    expect(await hearing).toEqual(written.subarray(0, written.length - 480));
  });

  it("keeps the two channels of stereo apart", async () => {
    using source = new AudioSource({ sampleRate: SAMPLE_RATE, channels: 2 });
    using sink = new AudioSink(source, { channels: 2 });
    const written = Int16Array.from({ length: SAMPLE_RATE / 5 }, (_, at) => (at % 2 === 0 ? 1_000 : -2_000));
    const hearing = hear(sink, written.length - 960);
    await source.write(written);
    expect(await hearing).toEqual(written.subarray(0, written.length - 960));
  });

  it("converts to the rate of the sink and keeps a tone's strength", async () => {
    using source = new AudioSource({ sampleRate: SAMPLE_RATE });
    using sink = new AudioSink(source, { sampleRate: 16_000, frameMs: 20 });
    const hearing = hear(sink, 4_000);
    await source.write(tone(SAMPLE_RATE / 2, 440, 8_000));
    const heard = (await hearing).subarray(800);
    expect(rms(heard)).toBeGreaterThan((8_000 / Math.SQRT2) * 0.95);
    expect(rms(heard)).toBeLessThan((8_000 / Math.SQRT2) * 1.05);
  });

  it("plays all of what waits for room, in order, and says when it is over", async () => {
    using source = new AudioSource({ sampleRate: 16_000, capacityMs: 60 });
    using sink = new AudioSink(source, { sampleRate: 16_000 });
    const states: string[] = [];
    source.on("state", (state) => states.push(state));
    const stream = sink.stream({ bufferMs: 5_000 });
    const written = ramp(16_000 / 4);
    for (let at = 0; at < written.length; at += 800) await source.write(written.subarray(at, at + 800));
    const idle = Promise.withResolvers<void>();
    source.on("idle", idle.resolve);
    expect(await source.waitForPlayout()).toBe("played");
    expect(source.queuedDurationMs).toBe(0);
    await idle.promise;
    expect(source.state).toBe("idle");
    sink.close();
    const frames: AudioFrame[] = [];
    for await (const frame of stream) frames.push(frame);
    const heard = concatenateFrames(frames).pcm.filter((sample) => sample !== 0);
    expect(heard).toEqual(written);
    expect(states[0]).toBe("buffering");
    expect(states).toContain("playing");
  });

  it("keeps what is queued while nobody plays it", async () => {
    using source = new AudioSource({ sampleRate: SAMPLE_RATE });
    const written = ramp(SAMPLE_RATE / 10);
    await source.write(written);
    const detached = Promise.withResolvers<void>();
    source.on("state", (state) => state === "detached" && detached.resolve());
    await detached.promise;
    expect(source.queuedDurationMs).toBe(100);
    using sink = new AudioSink(source);
    expect(await hear(sink, 4_000)).toEqual(written.subarray(0, 4_000));
  });

  it("falls silent at once when it is cleared", async () => {
    using source = new AudioSource({ sampleRate: SAMPLE_RATE, capacityMs: 10_000 });
    using sink = new AudioSink(source);
    const flowing = Promise.withResolvers<void>();
    sink.once("frame", () => flowing.resolve());
    await source.write(tone(10 * SAMPLE_RATE, 440, 8_000));
    const playout = source.waitForPlayout();
    await flowing.promise;
    expect(source.clear()).toBeGreaterThan(1_000);
    expect(await playout).toBe("cleared");
    expect(source.queuedDurationMs).toBe(0);
  });

  it("mixes with gains, ducks over a ramp, and gives each the mix without itself", async () => {
    using voice = new AudioSource({ sampleRate: SAMPLE_RATE });
    using music = new AudioSource({ sampleRate: SAMPLE_RATE });
    using mixer = new AudioMixer({ sampleRate: SAMPLE_RATE });
    const input = mixer.add(music, { gain: 0.5 });
    const minus = mixer.add(voice).minus();
    const feeding = [feed(voice, 1_000), feed(music, 2_000)];
    using all = new AudioSink(mixer);
    using withoutVoice = new AudioSink(minus);
    const [whole, ducked] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const heard = new Set<number>();
    all.on("frame", ({ pcm }) => {
      const last = pcm.at(-1)!;
      heard.add(last);
      if (last === 2_000) whole.resolve();
      if (Math.abs(last - 1_200) <= 2) ducked.resolve();
    });
    const rest = Promise.withResolvers<void>();
    withoutVoice.on("frame", ({ pcm }) => pcm[0] === 1_000 && rest.resolve());
    await Promise.all([whole.promise, rest.promise]);
    // Long enough for a busy event loop to hear something of it.
    input.setGain(0.1, { rampMs: 500 });
    await ducked.promise;
    // The ramp passed between the two levels instead of jumping.
    expect([...heard].some((sample) => sample > 1_250 && sample < 1_950)).toBe(true);
    voice.close();
    music.close();
    await Promise.all(feeding);
  });

  it("measures levels", async () => {
    using source = new AudioSource({ sampleRate: SAMPLE_RATE });
    using meter = new LevelMeter(source, { intervalMs: 50 });
    const loud = Promise.withResolvers<Level>();
    meter.on("level", (level) => level.rms > -127 && level.peak > -20 && loud.resolve(level));
    await source.write(tone(SAMPLE_RATE / 2, 1_000, 16_384));
    const { rms: level, peak } = await loud.promise;
    expect(peak).toBeGreaterThan(-7);
    expect(peak).toBeLessThan(-5.5);
    expect(level).toBeLessThan(peak);
  });

  it("frees every handle", async () => {
    const before = Engine.shared().stats().handles;
    const source = new AudioSource();
    const mixer = new AudioMixer();
    const input = mixer.add(source);
    const sink = new AudioSink(input.minus());
    const meter = new LevelMeter(mixer as AudioProducer);
    meter.close();
    sink.close();
    mixer.close();
    source.close();
    expect(Engine.shared().stats().handles).toEqual(before);
  });
});
