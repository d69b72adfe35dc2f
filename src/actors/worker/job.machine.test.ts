import { describe, expect, it } from "vitest";
import { createActor, SimulatedClock } from "xstate";
import { statePaths, walk } from "../testing/walk.ts";
import { jobMachine } from "./job.machine.ts";

const settled = () => new Promise((resolve) => setImmediate(resolve));

function start(taken = true) {
  const clock = new SimulatedClock();
  const told: string[] = [];
  const run = Promise.withResolvers<void>();
  const driver = {
    decide: async () => taken,
    run: () => run.promise,
    tellToEnd: () => {
      told.push("end");
    },
  };
  const actor = createActor(jobMachine, { clock, input: { driver } });
  actor.start();
  const pass = (ms: number) => {
    for (let at = 0; at < ms; at += 10) clock.increment(10);
  };
  return { actor, run, told, pass };
}

describe("job machine", () => {
  it("is led out of every waiting state by time alone", () => {
    const driver = {
      decide: () => new Promise<boolean>(() => {}),
      run: () => new Promise<void>(() => {}),
      tellToEnd: () => {},
    };
    const events = [
      { type: "assigned" },
      { type: "end" },
      { type: "xstate.done.actor.decide", output: true },
      { type: "xstate.done.actor.run" },
      { type: "xstate.error.actor.run" },
    ];
    const visits = walk(jobMachine, { input: { driver }, events, limitMs: 60_000 });
    expect(visits.filter((visit) => visit.leftAfterMs === null)).toEqual([]);
    expect(new Set(visits.map((visit) => visit.path))).toEqual(new Set(statePaths(jobMachine)));
  });

  it("succeeds when what runs comes to its end", async () => {
    const { actor, run } = start();
    await settled();
    actor.send({ type: "assigned" });
    run.resolve();
    await settled();
    expect(actor.getSnapshot().output).toMatchObject({ outcome: "succeeded" });
  });

  it("fails when what runs fails", async () => {
    const { actor, run } = start();
    await settled();
    actor.send({ type: "assigned" });
    run.reject(new Error("broke"));
    await settled();
    expect(actor.getSnapshot().output).toMatchObject({ outcome: "failed", error: new Error("broke") });
  });

  it("is refused by a decision, and by none in time", async () => {
    const refused = start(false);
    await settled();
    expect(refused.actor.getSnapshot().output).toMatchObject({ outcome: "refused" });
    const late = start();
    late.pass(9_000);
    expect(late.actor.getSnapshot().output).toMatchObject({ outcome: "refused" });
  });

  it("is abandoned when no assignment follows", async () => {
    const { actor, pass } = start();
    await settled();
    pass(15_000);
    expect(actor.getSnapshot().output).toMatchObject({ outcome: "abandoned" });
  });

  it("is told once to end, and fails when it does not in time", async () => {
    const { actor, told, pass } = start();
    await settled();
    actor.send({ type: "assigned" });
    actor.send({ type: "end" });
    actor.send({ type: "end" });
    expect(told).toEqual(["end"]);
    expect(actor.getSnapshot().status).toBe("active");
    pass(30_000);
    expect(actor.getSnapshot().output).toMatchObject({ outcome: "failed" });
  });

  it("succeeds when it ends as it was told", async () => {
    const { actor, run } = start();
    await settled();
    actor.send({ type: "assigned" });
    actor.send({ type: "end" });
    run.resolve();
    await settled();
    expect(actor.getSnapshot().output).toMatchObject({ outcome: "succeeded" });
  });
});
