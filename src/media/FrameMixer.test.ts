import { describe, expect, it, vi } from "vitest";
import { type AudioFrame, combineAudioFrames, createFrame } from "./AudioFrame.ts";
import { FrameMixer } from "./FrameMixer.ts";

const SAMPLE_RATE = 8_000;
const BLOCK = SAMPLE_RATE / 10;

/** Frames of one value, as a file gives them: at once. */
async function* constant(value: number, count: number, length = BLOCK, sampleRate = SAMPLE_RATE) {
  for (let at = 0; at < count; at++) yield createFrame(new Int16Array(length).fill(value), { sampleRate });
}

/** A stream that gives what the test pushes, when it does. */
class Pushed implements AsyncIterator<AudioFrame> {
  #frames: AudioFrame[] = [];
  #reader: ((result: IteratorResult<AudioFrame>) => void) | undefined;

  push(value: number, length = BLOCK): void {
    const frame = createFrame(new Int16Array(length).fill(value), { sampleRate: SAMPLE_RATE });
    if (this.#reader) this.#reader({ value: frame, done: false });
    else this.#frames.push(frame);
    this.#reader = undefined;
  }

  next(): Promise<IteratorResult<AudioFrame>> {
    const frame = this.#frames.shift();
    if (frame) return Promise.resolve({ value: frame, done: false });
    return new Promise((resolve) => {
      this.#reader = resolve;
    });
  }
}

async function all(mixer: FrameMixer): Promise<AudioFrame[]> {
  const frames: AudioFrame[] = [];
  for await (const frame of mixer) frames.push(frame);
  return frames;
}

describe("FrameMixer", () => {
  it("leaves no timer behind when it is closed, or a stream taken out, while a stream gives nothing", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const options = { sampleRate: SAMPLE_RATE, streamTimeoutMs: 3_600_000 };
      for (const end of ["close", "removeStream"] as const) {
        const mixer = new FrameMixer(options);
        const silent = new Pushed();
        mixer.addStream(silent);
        await vi.waitUntil(() => vi.getTimerCount() === 1);
        mixer[end](silent);
        await vi.waitUntil(() => vi.getTimerCount() === 0);
        mixer.close();
      }
    } finally {
      vi.useRealTimers();
    }
  });

  it("mixes files at the pace of its reader, at gains of their own", async () => {
    const mixer = new FrameMixer({ sampleRate: SAMPLE_RATE });
    mixer.addStream(constant(1_000, 3));
    mixer.addStream(constant(2_000, 2), { gain: 0.5 });
    mixer.endInput();
    const frames = await all(mixer);
    expect(frames.map(({ pcm }) => [pcm.length, pcm[0]])).toEqual([
      [BLOCK, 2_000],
      [BLOCK, 2_000],
      [BLOCK, 1_000],
    ]);
    expect(frames.map(({ timestampUs }) => timestampUs)).toEqual([0, 100_000, 200_000]);
  });

  it("converts streams of other rates and channels", async () => {
    const mixer = new FrameMixer({ sampleRate: SAMPLE_RATE, channels: 2 });
    mixer.addStream(constant(1_000, 10, 4_800, 48_000));
    mixer.endInput();
    const { pcm, channels } = combineAudioFrames(await all(mixer));
    expect(channels).toBe(2);
    expect(pcm.length).toBe(2 * SAMPLE_RATE);
    const middle = pcm.subarray(SAMPLE_RATE, SAMPLE_RATE + 2);
    for (const sample of middle) expect(Math.abs(sample - 1_000)).toBeLessThan(10);
  });

  it("takes a stream out while others go on", async () => {
    const mixer = new FrameMixer({ sampleRate: SAMPLE_RATE, capacity: 1 });
    const endless = constant(500, 1_000_000);
    mixer.addStream(endless);
    mixer.addStream(constant(1, 1_000_000));
    expect((await mixer.next()).value.pcm[0]).toBe(501);
    mixer.removeStream(endless);
    let value = 501;
    while (value !== 1) value = (await mixer.next()).value.pcm[0];
    mixer.close();
    expect(await mixer.next()).toEqual({ value: undefined, done: true });
  });

  it("goes on without a stream that fails", async () => {
    const mixer = new FrameMixer({ sampleRate: SAMPLE_RATE });
    const broken = { next: () => Promise.reject(new Error("broken")) };
    mixer.addStream(broken);
    mixer.addStream(constant(7, 2));
    mixer.endInput();
    expect((await all(mixer)).map(({ pcm }) => pcm[0])).toEqual([7, 7]);
  });

  it("uses what came too late for a block in the next one", async () => {
    const mixer = new FrameMixer({ sampleRate: SAMPLE_RATE, streamTimeoutMs: 0 });
    const live = new Pushed();
    mixer.addStream(constant(10, 1_000_000));
    mixer.addStream(live);
    expect((await mixer.next()).value.pcm[0]).toBe(10);
    live.push(5);
    let value = 10;
    while (value === 10) value = (await mixer.next()).value.pcm[0];
    expect(value).toBe(15);
    mixer.close();
  });

  it("ends who waits for a frame when it is closed", async () => {
    const mixer = new FrameMixer({ sampleRate: SAMPLE_RATE });
    const waiting = mixer.next();
    mixer.close();
    expect(await waiting).toEqual({ value: undefined, done: true });
  });

  it("refuses options that are not usable", () => {
    const invalid = expect.objectContaining({ code: "INVALID_OPTION" });
    expect(() => new FrameMixer({ sampleRate: 1 })).toThrow(invalid);
    expect(() => new FrameMixer({ capacity: 0 })).toThrow(invalid);
    const mixer = new FrameMixer();
    expect(() => mixer.addStream(new Pushed(), { gain: -1 })).toThrow(invalid);
    mixer.close();
  });
});
