import { describe, expect, it } from "vitest";
import { PcmBuffer } from "./PcmBuffer.ts";

const pcm = (...samples: number[]) => Int16Array.from(samples);

describe("PcmBuffer", () => {
  it("gives out what went in, across its end", () => {
    const buffer = new PcmBuffer(4, 1);
    buffer.push(pcm(1, 2, 3));
    expect(buffer.take(2)).toEqual(pcm(1, 2));
    buffer.push(pcm(4, 5, 6));
    expect(buffer.length).toBe(4);
    expect(buffer.take(4)).toEqual(pcm(3, 4, 5, 6));
    expect(buffer.dropped).toBe(0);
  });

  it("drops the oldest and counts it", () => {
    const buffer = new PcmBuffer(2, 2);
    buffer.push(pcm(1, -1, 2, -2));
    buffer.push(pcm(3, -3));
    expect(buffer.dropped).toBe(1);
    expect(buffer.take(2)).toEqual(pcm(2, -2, 3, -3));
  });

  it("keeps the end of a piece that is longer than it", () => {
    const buffer = new PcmBuffer(3, 1);
    buffer.push(pcm(9));
    buffer.push(pcm(1, 2, 3, 4, 5));
    expect(buffer.dropped).toBe(3);
    expect(buffer.take(3)).toEqual(pcm(3, 4, 5));
  });
});
