import { describe, expect, it } from "vitest";
import { createActor, SimulatedClock } from "xstate";
import { statePaths, walk } from "../testing/walk.ts";
import { sourceMachine } from "./source.machine.ts";

const EVENTS = [
  { type: "written" },
  { type: "finished" },
  { type: "cleared" },
  { type: "playout.started" },
  { type: "playout.drained" },
  { type: "consumer.added" },
  { type: "consumer.removed" },
  { type: "close" },
];

function start() {
  const clock = new SimulatedClock();
  const actor = createActor(sourceMachine, { clock, input: { capacityMs: 1_000 } }).start();
  const pass = (ms: number) => {
    for (let at = 0; at < ms; at += 10) clock.increment(10);
  };
  return { actor, pass, state: () => actor.getSnapshot().value };
}

describe("source machine", () => {
  it("is led out of every waiting state by time alone", () => {
    const visits = walk(sourceMachine, { input: { capacityMs: 1_000 }, events: EVENTS, limitMs: 5_000 });
    expect(visits.filter((visit) => visit.leftAfterMs === null)).toEqual([]);
    expect(new Set(visits.map((visit) => visit.path))).toEqual(new Set(statePaths(sourceMachine)));
  });

  it("buffers, plays and rests", () => {
    const { actor, state } = start();
    actor.send({ type: "consumer.added" });
    actor.send({ type: "written" });
    expect(state()).toBe("buffering");
    actor.send({ type: "playout.started" });
    expect(state()).toBe("playing");
    actor.send({ type: "playout.drained" });
    expect(state()).toBe("idle");
  });

  it("is detached when it buffers and nobody plays it", () => {
    const { actor, pass, state } = start();
    actor.send({ type: "written" });
    pass(500);
    expect(state()).toBe("detached");
  });

  it("is detached without its last consumer only, and takes up again what is queued", () => {
    const { actor, state } = start();
    for (const type of ["consumer.added", "consumer.added", "written", "playout.started"] as const) {
      actor.send({ type });
    }
    actor.send({ type: "consumer.removed" });
    expect(state()).toBe("playing");
    actor.send({ type: "consumer.removed" });
    expect(state()).toBe("detached");
    actor.send({ type: "consumer.added" });
    expect(state()).toBe("buffering");
  });

  it("is interrupted when its queue is thrown away", () => {
    const { actor, pass, state } = start();
    for (const type of ["consumer.added", "written", "playout.started", "cleared"] as const) {
      actor.send({ type });
    }
    expect(state()).toBe("interrupted");
    pass(200);
    expect(state()).toBe("idle");
  });
});
