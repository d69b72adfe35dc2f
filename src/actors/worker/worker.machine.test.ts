import { describe, expect, it } from "vitest";
import { createActor, SimulatedClock } from "xstate";
import { stateName } from "../stateName.ts";
import { statePaths, walk } from "../testing/walk.ts";
import { workerMachine } from "./worker.machine.ts";

const IDLE = {
  dial: () => () => {},
  register: () => {},
  ping: () => {},
  reportLoad: () => {},
  endJobs: () => {},
  timedOut: () => {},
};
const INPUT = {
  driver: IDLE,
  deadlines: { drainMs: 60_000 },
  backoff: { firstMs: 100, maximumMs: 1_000, factor: 2, jitter: 0 },
  random: () => 0,
};
const LOST = { type: "lost" as const, permanent: false, error: new Error("cut") };
const REFUSED = { type: "lost" as const, permanent: true, error: new Error("401") };

function start() {
  const did: string[] = [];
  const clock = new SimulatedClock();
  const note = (what: string) => () => {
    did.push(what);
  };
  const driver = {
    dial: () => {
      did.push("dial");
      return note("hang up");
    },
    register: note("register"),
    ping: note("ping"),
    reportLoad: note("report"),
    endJobs: note("end jobs"),
    timedOut: note("timed out"),
  };
  const actor = createActor(workerMachine, { clock, input: { ...INPUT, driver } });
  actor.start();
  const pass = (ms: number) => {
    for (let at = 0; at < ms; at += 10) clock.increment(10);
  };
  const state = () => stateName(actor.getSnapshot().value);
  return { actor, did, pass, state };
}

function registered() {
  const worker = start();
  worker.actor.send({ type: "opened" });
  worker.actor.send({ type: "registered" });
  worker.did.length = 0;
  return worker;
}

describe("worker machine", () => {
  it("is led out of every waiting state by time alone", () => {
    const events = [
      { type: "opened" },
      { type: "registered" },
      { type: "ponged" },
      LOST,
      REFUSED,
      { type: "jobs", count: 1 },
      { type: "jobs", count: 0 },
      { type: "drain" },
    ];
    // A job has to be taken before the state after it differs, which a walk by states alone does not see.
    const withJob = workerMachine.provide({ guards: { isIdle: () => false } });
    const visits = [
      ...walk(workerMachine, { input: INPUT, events, limitMs: 200_000 }),
      ...walk(withJob, { input: INPUT, events, limitMs: 200_000 }),
    ];
    expect(visits.filter((visit) => visit.leftAfterMs === null)).toEqual([]);
    const seen = new Set(visits.map((visit) => visit.path));
    expect(statePaths(workerMachine).filter((path) => !seen.has(path))).toEqual([]);
    for (const path of ["linked.registered.duty.draining", "draining"]) expect(seen).toContain(path);
  });

  it("registers once the link is open, and is left with nothing to do but report and ping", () => {
    const { actor, did, state, pass } = start();
    actor.send({ type: "opened" });
    actor.send({ type: "registered" });
    expect(did).toEqual(["dial", "register", "report"]);
    expect(state()).toContain("duty.serving");
    pass(10_000);
    actor.send({ type: "ponged" });
    expect(did.filter((what) => what === "ping")).toHaveLength(1);
    expect(did.filter((what) => what === "report").length).toBeGreaterThanOrEqual(4);
  });

  it("dials again with growing waits when the link is lost, or nobody answers in time", () => {
    const { actor, did, pass } = start();
    actor.send(LOST);
    expect(did).toEqual(["dial", "hang up"]);
    pass(200);
    expect(did).toEqual(["dial", "hang up", "dial"]);
    pass(10_000);
    expect(did.filter((what) => what === "timed out")).toHaveLength(1);
    pass(390);
    expect(did.filter((what) => what === "dial")).toHaveLength(2);
    pass(10);
    expect(did.filter((what) => what === "dial")).toHaveLength(3);
  });

  it("dials again when a ping stays unanswered", () => {
    const { did, pass, state } = registered();
    pass(19_990);
    expect(did).not.toContain("hang up");
    pass(10);
    expect(did).toContain("hang up");
    expect(did).toContain("timed out");
    expect(state()).toBe("waiting");
  });

  it("gives up when the server refuses it, and ends its jobs", () => {
    const { actor, did, state } = start();
    actor.send(REFUSED);
    expect(state()).toBe("failed");
    expect(actor.getSnapshot().output).toEqual({ error: REFUSED.error });
    expect(did).toContain("end jobs");
  });

  it("drains: waits for its jobs, tells the server, then closes", () => {
    const { actor, did, state } = registered();
    actor.send({ type: "jobs", count: 2 });
    actor.send({ type: "drain" });
    expect(did).toEqual(["report"]);
    actor.send({ type: "jobs", count: 1 });
    expect(state()).toContain("duty.draining");
    actor.send({ type: "jobs", count: 0 });
    expect(state()).toBe("closed");
    expect(did).toEqual(["report", "hang up"]);
  });

  it("drains on when a ping stays unanswered", () => {
    const { actor, did, pass, state } = registered();
    actor.send({ type: "jobs", count: 1 });
    actor.send({ type: "drain" });
    pass(20_000);
    expect(state()).toBe("draining");
    actor.send({ type: "jobs", count: 0 });
    expect(state()).toBe("closed");
    expect(did).not.toContain("dial");
  });

  it("drains on when the link is lost, and tells jobs to end when they take too long", () => {
    const { actor, did, pass, state } = registered();
    actor.send({ type: "jobs", count: 1 });
    actor.send({ type: "drain" });
    actor.send(LOST);
    expect(state()).toBe("draining");
    pass(60_000);
    expect(state()).toBe("closed");
    expect(did).toContain("end jobs");
  });
});
