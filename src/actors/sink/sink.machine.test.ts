import { describe, expect, it } from "vitest";
import { createActor, SimulatedClock } from "xstate";
import { statePaths, walk } from "../testing/walk.ts";
import { sinkMachine } from "./sink.machine.ts";

const EVENTS = [
  { type: "frame" },
  { type: "starved" },
  { type: "attached" },
  { type: "detached" },
  { type: "ended" },
  { type: "close" },
];

function start() {
  const clock = new SimulatedClock();
  const actor = createActor(sinkMachine, { clock, input: { detachedMs: 1_000 } }).start();
  const pass = (ms: number) => {
    for (let at = 0; at < ms; at += 10) clock.increment(10);
  };
  return { actor, pass, state: () => actor.getSnapshot().value };
}

describe("sink machine", () => {
  it("is led out of every waiting state by time alone", () => {
    const visits = walk(sinkMachine, { input: { detachedMs: 1_000 }, events: EVENTS, limitMs: 5_000 });
    expect(visits.filter((visit) => visit.leftAfterMs === null)).toEqual([]);
    expect(new Set(visits.map((visit) => visit.path))).toEqual(new Set(statePaths(sinkMachine)));
  });

  it("flows, starves and flows again", () => {
    const { actor, state } = start();
    actor.send({ type: "attached" });
    actor.send({ type: "frame" });
    actor.send({ type: "starved" });
    expect(state()).toBe("starved");
    actor.send({ type: "frame" });
    expect(state()).toBe("flowing");
  });

  it("closes when its producer stays away longer than its deadline", () => {
    const { actor, pass, state } = start();
    actor.send({ type: "attached" });
    actor.send({ type: "detached" });
    pass(990);
    expect(state()).toBe("detached");
    pass(10);
    expect(state()).toBe("closed");
    expect(actor.getSnapshot().context.reason).toBe("its producer stayed away");
  });

  it("keeps its first deadline when it hears twice that its producer is gone", () => {
    const { actor, pass, state } = start();
    actor.send({ type: "detached" });
    pass(600);
    actor.send({ type: "detached" });
    pass(400);
    expect(state()).toBe("closed");
  });
});
