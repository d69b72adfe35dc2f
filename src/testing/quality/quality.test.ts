import { describe, expect, it } from "vitest";
import { coin } from "../network/coin.ts";
import { align } from "./alignment.ts";
import { transform } from "./fft.ts";
import { findGaps } from "./gaps.ts";
import { scoreSpeech } from "./scoreSpeech.ts";
import { alignSegments } from "./segments.ts";

const RATE = 16_000;

/** Noise that is the same at every run and never repeats: a stranger to itself at every other delay. */
function noise(samples: number, seed = 1): Int16Array {
  return Int16Array.from({ length: samples }, (_, at) => (coin(seed, at) - 0.5) * 16_000);
}

function delayed(pcm: Int16Array, samples: number): Int16Array {
  const later = new Int16Array(pcm.length + samples);
  later.set(pcm, samples);
  return later;
}

describe("the Fourier transform", () => {
  it("finds a tone in its bin, and gives back what it took", () => {
    const real = Float64Array.from({ length: 64 }, (_, at) => Math.cos((2 * Math.PI * 5 * at) / 64));
    const before = real.slice();
    const imaginary = new Float64Array(64);
    transform(real, imaginary);
    expect(real[5]).toBeCloseTo(32);
    expect(real[59]).toBeCloseTo(32);
    expect(Math.hypot(real[6]!, imaginary[6]!)).toBeCloseTo(0);
    transform(real, imaginary, true);
    for (const [at, value] of before.entries()) expect(real[at]! / 64).toBeCloseTo(value);
  });
});

describe("alignment", () => {
  it("finds the delay, whatever the gain", () => {
    const reference = noise(8_000);
    const quieter = delayed(reference, 1_234).map((sample) => sample / 4);
    const { delay, correlation } = align(reference, quieter, { minimum: 0, maximum: 4_000 });
    expect(delay).toBe(1_234);
    expect(correlation).toBeGreaterThan(0.95);
    expect(align(delayed(reference, 100), reference, { minimum: -200, maximum: 200 }).delay).toBe(-100);
    expect(align(reference, noise(8_000, 2), { minimum: 0, maximum: 4_000 }).correlation).toBeLessThan(0.2);
    expect(align(reference, new Int16Array(8_000), { minimum: 0, maximum: 10 }).correlation).toBe(0);
  });

  it("follows a delay that changes", () => {
    const reference = noise(8 * RATE);
    const degraded = new Int16Array(9 * RATE);
    degraded.set(reference.subarray(0, 4 * RATE), 800);
    degraded.set(reference.subarray(4 * RATE), 4 * RATE + 2_400);
    expect(alignSegments(reference, degraded).map(({ delay }) => delay)).toEqual([
      800, 800, 800, 800, 2_400, 2_400, 2_400, 2_400,
    ]);
  });

  it("keeps the delay over a pause", () => {
    const reference = noise(3 * RATE);
    reference.fill(0, RATE, 2 * RATE);
    expect(alignSegments(reference, delayed(reference, 500)).map(({ delay }) => delay)).toEqual([
      500, 500, 500,
    ]);
  });
});

describe("gaps", () => {
  it("are silences of more than 20 ms within speech", () => {
    const reference = noise(3 * RATE);
    reference.fill(0, 1.2 * RATE, 1.6 * RATE);
    const degraded = delayed(reference, 640);
    const silence = (ms: number, atMs: number) => degraded.fill(0, 640 + atMs * 16, 640 + (atMs + ms) * 16);
    silence(60, 500);
    silence(20, 800);
    silence(100, 1_300);
    silence(45, 2_000);
    expect(findGaps(reference, degraded, alignSegments(reference, degraded))).toEqual([
      { atMs: 500, lengthMs: 60 },
      { atMs: 2_000, lengthMs: 45 },
    ]);
  });
});

describe("a score", () => {
  it("says what is missing", async () => {
    const pair = { reference: noise(RATE), degraded: noise(RATE) };
    await expect(scoreSpeech([pair], { python: "/nowhere/python3" })).rejects.toMatchObject({
      code: "NOT_INSTALLED",
    });
    expect(await scoreSpeech([])).toEqual([]);
  });
});
