import { describe, expect, it } from "vitest";
import { ChunkCutter } from "./ChunkCutter.ts";

describe("ChunkCutter", () => {
  it("gives the same chunks however the samples come", () => {
    const pcm = Int16Array.from({ length: 100 }, (_, index) => index);
    const cutAt = (step: number): number[][] => {
      const cutter = new ChunkCutter(32);
      const chunks: number[][] = [];
      for (let at = 0; at < pcm.length; at += step)
        cutter.push(pcm.subarray(at, at + step), (chunk) => chunks.push([...chunk]));
      return chunks;
    };
    expect(cutAt(100)).toHaveLength(3);
    for (const step of [1, 7, 32, 33]) expect(cutAt(step)).toEqual(cutAt(100));
  });

  it("says how much of the frame was used up by each chunk", () => {
    const cutter = new ChunkCutter(32);
    const ends: number[] = [];
    cutter.push(new Int16Array(20), (_, end) => ends.push(end));
    cutter.push(new Int16Array(50), (_, end) => ends.push(end));
    expect(ends).toEqual([12, 44]);
  });
});
