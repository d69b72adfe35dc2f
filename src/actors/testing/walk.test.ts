import { describe, expect, it } from "vitest";
import { createMachine } from "xstate";
import { walk } from "./walk.ts";

const stuck = createMachine({
  id: "stuck",
  initial: "asking",
  states: {
    asking: { on: { answered: "waiting" }, after: { 100: "done" } },
    waiting: { on: { answered: "done" } },
    done: { type: "final" },
  },
});

describe("walk", () => {
  it("finds the state that waits for ever, and only that", () => {
    const visits = walk(stuck, { input: undefined, events: [{ type: "answered" }], limitMs: 1_000 });
    expect(visits.filter((visit) => visit.leftAfterMs === null).map((visit) => visit.path)).toEqual([
      "waiting",
    ]);
    expect(visits.find((visit) => visit.path === "asking")?.leftAfterMs).toBe(100);
  });
});
