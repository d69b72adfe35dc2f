import { expect, it } from "vitest";
import { coin } from "./coin.ts";
import { TimedQueue } from "./TimedQueue.ts";

it("gives everything in order of time, and nothing before it is due", () => {
  const queue = new TimedQueue<number>();
  const times = Array.from({ length: 500 }, (_, at) => Math.floor(coin(at) * 100));
  for (const [index, time] of times.entries()) queue.add(time, index);
  const expected = [...times.keys()].sort((a, b) => times[a]! - times[b]! || a - b);
  const taken: number[] = [];
  for (let nowMs = 0; nowMs <= 100; nowMs++)
    for (let entry = queue.take(nowMs); entry; entry = queue.take(nowMs)) {
      expect(entry.dueMs).toBe(nowMs);
      taken.push(entry.value);
    }
  expect(taken).toEqual(expected);
  expect(queue.size).toBe(0);
  expect(queue.nextDueMs).toBe(Number.POSITIVE_INFINITY);
});
