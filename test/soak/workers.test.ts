import { describe, expect, it } from "vitest";
import { terminateWorkers } from "./workers.ts";

/** `npm run soak -- workers` does this 200 times. */
const ROUNDS = 20;

describe("a worker with an engine, sessions, audio and data channels", () => {
  it("leaves nothing behind in the process, whenever it is terminated", { timeout: 180_000 }, async () => {
    const { failures, terminated } = await terminateWorkers({ rounds: ROUNDS, seed: 5 });
    expect(failures).toEqual([]);
    expect(Object.values(terminated).reduce((sum, count) => sum + count, 0)).toBe(ROUNDS);
    expect(Object.keys(terminated)).toHaveLength(6);
  });
});
