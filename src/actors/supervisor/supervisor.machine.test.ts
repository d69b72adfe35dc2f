import { describe, expect, it } from "vitest";
import { createActor, fromCallback, fromPromise, SimulatedClock } from "xstate";
import { statePaths, walk } from "../testing/walk.ts";
import { supervisorMachine } from "./supervisor.machine.ts";

const INPUT = {
  backoff: { firstMs: 100, maximumMs: 400, factor: 2, jitter: 0 },
  maximumRestarts: 2,
  steadyMs: 1_000,
  random: () => 0,
};

function start(child: () => void) {
  const clock = new SimulatedClock();
  const machine = supervisorMachine.provide({ actors: { child: fromCallback(child) as never } });
  const actor = createActor(machine, { clock, input: INPUT });
  actor.start();
  const pass = (ms: number) => {
    for (let at = 0; at < ms; at += 10) clock.increment(10);
  };
  return { actor, pass, state: () => actor.getSnapshot().value };
}

describe("supervisor machine", () => {
  it("is led out of every waiting state by time alone", () => {
    const idle = supervisorMachine.provide({ actors: { child: fromPromise(() => new Promise(() => {})) } });
    const events = [
      { type: "stop" },
      { type: "xstate.error.actor.child" },
      { type: "xstate.done.actor.child" },
    ];
    const visits = walk(idle, { input: INPUT, events, limitMs: 5_000 });
    const none = walk(idle, { input: { ...INPUT, maximumRestarts: 0 }, events, limitMs: 5_000 });
    expect([...visits, ...none].filter((visit) => visit.leftAfterMs === null)).toEqual([]);
    expect(new Set([...visits, ...none].map((visit) => visit.path))).toEqual(
      new Set(statePaths(supervisorMachine)),
    );
  });

  it("starts a throwing child again with growing waits, then gives up", () => {
    let starts = 0;
    const { actor, pass, state } = start(() => {
      starts += 1;
      throw new Error("worker broke");
    });
    expect(state()).toBe("waiting");
    pass(100);
    expect(starts).toBe(2);
    pass(190);
    expect(starts).toBe(2);
    pass(10);
    expect(starts).toBe(3);
    expect(state()).toBe("failed");
    expect(actor.getSnapshot().output).toEqual({ error: new Error("worker broke") });
  });

  it("counts anew after a child that ran well", () => {
    let starts = 0;
    const { pass, state, actor } = start(() => {
      starts += 1;
      if (starts === 1) throw new Error("worker broke");
    });
    pass(100);
    expect(actor.getSnapshot().context.restarts).toBe(1);
    pass(1_000);
    expect(state()).toEqual({ running: "steady" });
    expect(actor.getSnapshot().context.restarts).toBe(0);
  });
});
