import { describe, expect, it } from "vitest";
import { RecordingWindow } from "./RecordingWindow.ts";

/** 1 kHz, so that a sample is a millisecond. */
function record(channels: number) {
  const pieces: number[] = [];
  const window = new RecordingWindow(
    1_000,
    channels,
    (piece) => pieces.push(...piece),
    (length) => pieces.push(...run(length * channels, 0)),
  );
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

  it("lays the first frame of a channel where its time says, however near the start", () => {
    const { push, channel } = record(2);
    push(0, -4, 10, 1);
    push(1, 7, 10, 2);
    expect(channel(0)).toEqual([...run(6, 1), ...run(11, 0)]);
    expect(channel(1)).toEqual([...run(7, 0), ...run(10, 2)]);
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

  it("counts time that passes in silence, and waits for frames that are late", () => {
    const { window, push, channel } = record(1);
    window.advance(5_000);
    push(0, 4_900, 100, 3);
    window.advance(5_100);
    window.finish(6_000);
    expect(window.late).toBe(0);
    expect(channel(0)).toEqual([...run(4_900, 0), ...run(100, 3), ...run(1_000, 0)]);
  });

  it("keeps channels aligned for hours, whatever the clock of their senders", () => {
    const hours = 6;
    let position = 0;
    let worst = 0;
    let checked = 0;
    // The value of a sample is the second that it was heard in; both channels have to be there then.
    const check = (piece: Int16Array) => {
      for (let at = 0; at < piece.length; at++) {
        if (piece[at] === 0) continue;
        const second = (position + (at >> 1)) / 1_000;
        const expected = piece[at]! - 1;
        worst = Math.max(worst, expected - second, second - (expected + 1));
        checked += 1;
      }
      position += piece.length / 2;
    };
    const window = new RecordingWindow(1_000, 2, check, (length) => {
      position += length;
    });
    const push = (channel: number, ms: number) =>
      window.push(channel, Math.round(ms), new Int16Array(10).fill(Math.floor(ms / 1_000) + 1));
    const end = hours * 3_600_000;
    // One sender follows the clock; the other's frames come 300 ppm too slowly, and it is silent for every other hour.
    let slow = 0;
    for (let ms = 0; ms < end; ms += 10) {
      push(0, ms);
      for (; slow < ms; slow += 10.003) if (Math.floor(slow / 3_600_000) % 2 === 0) push(1, slow);
    }
    window.finish();
    expect(position).toBe(end);
    expect(window.late).toBe(0);
    expect(checked).toBeGreaterThan(1.4 * end);
    expect(worst).toBeLessThanOrEqual(0.025);
  });

  it("leaves out what lies before its start", () => {
    const { window, push, channel } = record(1);
    push(0, -30, 40, 5);
    expect(channel(0)).toEqual(run(10, 5));
    expect(window.late).toBe(30);
  });
});
