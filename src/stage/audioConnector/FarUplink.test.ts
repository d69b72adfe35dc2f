import { expect, it } from "vitest";
import { FarUplink, MAXIMUM_QUEUED_FRAMES } from "./FarUplink.ts";

const FRAME_BYTES = 4;

function frame(value: number): Buffer {
  return Buffer.alloc(FRAME_BYTES, value);
}

it("sends silence where there is nothing, and waits with it for the first sound when it is quiet", () => {
  expect(new FarUplink(FRAME_BYTES, false).take(false)).toEqual([frame(0)]);
  const quiet = new FarUplink(FRAME_BYTES, true);
  expect(quiet.take(false)).toEqual([]);
  quiet.push(Buffer.concat([frame(1), Buffer.from([2])]));
  expect([quiet.take(false), quiet.take(false)]).toEqual([[frame(1)], [Buffer.from([2, 0, 0, 0])]]);
  expect(quiet.take(false)).toEqual([frame(0)]);
});

it("cuts no word that is late: what was due goes out behind it", () => {
  const uplink = new FarUplink(FRAME_BYTES, false);
  uplink.push(frame(1));
  expect([1, 2, 3].map(() => uplink.take(true))).toEqual([[frame(1)], [], []]);
  for (const value of [2, 3, 4, 5]) uplink.push(frame(value));
  expect(uplink.take(true)).toEqual([frame(2), frame(3), frame(4)]);
  expect(uplink.take(true)).toEqual([frame(5)]);
});

it("waits no longer than half a second, and not at all once the sound has ended", () => {
  const uplink = new FarUplink(FRAME_BYTES, false);
  const waited = Array.from({ length: 26 }, () => uplink.take(true));
  expect(waited.findIndex((due) => due.length > 0)).toBe(25);
  expect(uplink.take(false)).toEqual([frame(0)]);
  uplink.push(Buffer.alloc(2 * FRAME_BYTES, 1));
  expect(uplink.take(true)).toEqual([frame(1)]);
});

it("holds five minutes, and counts what it has no room for", () => {
  const uplink = new FarUplink(FRAME_BYTES, false);
  uplink.push(Buffer.alloc((MAXIMUM_QUEUED_FRAMES - 1) * FRAME_BYTES, 1));
  uplink.push(Buffer.concat([frame(2), frame(3), Buffer.of(4)]));
  expect(uplink.droppedFrames).toBe(2);
  uplink.take(false);
  uplink.push(frame(5));
  expect(uplink.droppedFrames).toBe(2);
});
