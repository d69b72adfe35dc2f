import { describe, expect, it } from "vitest";
import { RecordingWindow } from "./RecordingWindow.ts";

/** 1 kHz, so that a sample is a millisecond. */
function record(channels: number) {
  const pieces: number[] = [];
  const window = new RecordingWindow(1_000, channels, (piece) => pieces.push(...piece));
  const push = (channel: number, position: number, length: number, value: number) =>
    window.push(channel, position, new Int16Array(length).fill(value));
  const channel = (index: number) => {
    window.finish();
    return pieces.filter((_, at) => at % channels === index);
  };
  return { window, push, channel };
}

const run = (length: number, value: number) => new Array<number>(length).fill(value);

describe("RecordingWindow", () => {
  it("lays two channels beside each other by their time", () => {
    const { push, channel } = record(2);
    push(0, 0, 100, 1);
    push(1, 50, 100, 2);
    expect(channel(0)).toEqual([...run(100, 1), ...run(50, 0)]);
    expect(channel(1)).toEqual([...run(50, 0), ...run(100, 2)]);
  });

  it("fills gaps with silence, also ones longer than what it holds", () => {
    const { push, channel } = record(1);
    push(0, 0, 10, 1);
    push(0, 5_000, 10, 2);
    expect(channel(0)).toEqual([...run(10, 1), ...run(4_990, 0), ...run(10, 2)]);
  });

  it("joins frames whose times jitter", () => {
    const { push, channel } = record(1);
    for (let at = 0; at < 100; at++) push(0, at * 10 + (at % 3) * 4, 10, at + 1);
    expect(channel(0)).toEqual(Array.from({ length: 1_000 }, (_, at) => Math.floor(at / 10) + 1));
  });

  it("does not wait for a channel that is silent", () => {
    const { window, push } = record(2);
    const before = process.memoryUsage().arrayBuffers;
    for (let at = 0; at < 5_000; at += 10) push(0, at, 10, 7);
    expect(window.late).toBe(0);
    push(1, 0, 10, 3);
    expect(window.late).toBe(10);
    expect(process.memoryUsage().arrayBuffers).toBeLessThan(before + 1_000_000);
  });

  it("takes a frame that is longer than what it holds", () => {
    const { push, channel } = record(1);
    push(0, 0, 3_000, 5);
    expect(channel(0)).toEqual(run(3_000, 5));
  });

  it("leaves out what lies before its start", () => {
    const { window, push, channel } = record(1);
    push(0, -30, 40, 5);
    expect(channel(0)).toEqual(run(10, 5));
    expect(window.late).toBe(30);
  });
});
