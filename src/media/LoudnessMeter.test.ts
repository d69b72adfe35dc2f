import { describe, expect, it } from "vitest";
import { createFrame } from "./AudioFrame.ts";
import { LoudnessMeter } from "./LoudnessMeter.ts";
import { generateTone } from "./tone.ts";

describe("LoudnessMeter", () => {
  it("reads a tone of 1 kHz at -20 dBFS as the standard does: 3 dB less, and as much less on one channel", () => {
    const tone = generateTone({ frequencies: [1_000], durationMs: 5_000, levelDb: -20 });
    const mono = new LoudnessMeter();
    for (let at = 0; at < tone.length; at += 480) mono.add(tone.subarray(at, at + 480));
    const { integrated, momentary, shortTerm, truePeak } = mono.loudness;
    expect(integrated).toBeCloseTo(-23, 0);
    expect(momentary).toBeCloseTo(integrated, 0);
    expect(shortTerm).toBeCloseTo(integrated, 0);
    expect(truePeak).toBeCloseTo(-20, 0);
    const stereo = new LoudnessMeter({ channels: 2 });
    stereo.add(Int16Array.from({ length: 2 * tone.length }, (_, at) => tone[at >> 1]!));
    expect(stereo.loudness.integrated).toBeCloseTo(-20, 0);
  });

  it("reads silence as none, and refuses another format", () => {
    const meter = new LoudnessMeter({ sampleRate: 16_000 });
    meter.add(new Int16Array(32_000));
    expect(meter.loudness.integrated).toBe(Number.NEGATIVE_INFINITY);
    const invalid = expect.objectContaining({ code: "INVALID_AUDIO" });
    expect(() => meter.add(createFrame(new Int16Array(480), { sampleRate: 48_000 }))).toThrow(invalid);
    expect(() => new LoudnessMeter({ channels: 2 }).add(new Int16Array(3))).toThrow(invalid);
  });
});
