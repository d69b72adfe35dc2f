import { describe, expect, it } from "vitest";
import { createFrame } from "./AudioFrame.ts";
import { AudioResampler } from "./AudioResampler.ts";

function tone(sampleRate: number, hertz = 440): Int16Array {
  return Int16Array.from({ length: sampleRate }, (_, at) =>
    Math.round(10_000 * Math.sin((2 * Math.PI * hertz * at) / sampleRate)),
  );
}

const samples = (frames: { pcm: Int16Array }[]) => frames.reduce((sum, { pcm }) => sum + pcm.length, 0);

describe("AudioResampler", () => {
  it("gives a second for a second at each of the five qualities", () => {
    for (const quality of ["quick", "low", "medium", "high", "veryHigh"] as const) {
      const resampler = new AudioResampler({ inputRate: 48_000, outputRate: 24_000, quality });
      const pcm = tone(48_000);
      let given = 0;
      for (let at = 0; at < pcm.length; at += 480)
        given += samples(resampler.push(pcm.subarray(at, at + 480)));
      expect(given).toBeLessThan(24_000);
      given += samples(resampler.flush());
      expect(given).toBe(24_000);
    }
  });

  it("keeps time: each frame begins where the one before ended", () => {
    const resampler = new AudioResampler({ inputRate: 44_100, outputRate: 16_000, channels: 2 });
    const frame = createFrame(new Int16Array(88_200), {
      sampleRate: 44_100,
      channels: 2,
      timestampUs: 5_000_000,
    });
    const [first] = resampler.push(frame);
    const [rest] = resampler.flush();
    expect(first).toMatchObject({ sampleRate: 16_000, channels: 2, timestampUs: 5_000_000 });
    expect(rest!.timestampUs).toBeCloseTo(5_000_000 + (first!.samplesPerChannel * 1e6) / 16_000);
    expect(first!.samplesPerChannel + rest!.samplesPerChannel).toBe(16_000);
  });

  it("refuses another rate, other channels and a part of a sample", () => {
    const invalid = expect.objectContaining({ code: "INVALID_AUDIO" });
    const resampler = new AudioResampler({ inputRate: 48_000, outputRate: 16_000, channels: 2 });
    expect(() => resampler.push(createFrame(new Int16Array(4), { sampleRate: 44_100, channels: 2 }))).toThrow(
      invalid,
    );
    expect(() => resampler.push(createFrame(new Int16Array(4), { sampleRate: 48_000 }))).toThrow(invalid);
    expect(() => resampler.push(new Int16Array(3))).toThrow(invalid);
    expect(() => resampler.push(new Uint8Array(3))).toThrow(invalid);
    expect(() => resampler.push("audio" as never)).toThrow(invalid);
    expect(() => new AudioResampler({ inputRate: 0, outputRate: 16_000 })).toThrow(
      expect.objectContaining({ code: "INVALID_OPTION", field: "AudioResampler.inputRate" }),
    );
  });
});
