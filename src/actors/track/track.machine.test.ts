import { describe, expect, it } from "vitest";
import { createActor, SimulatedClock } from "xstate";
import { statePaths, walk } from "../testing/walk.ts";
import type { TrackMachineInput } from "./track.logic.ts";
import { trackMachine } from "./track.machine.ts";

const INCOMING: TrackMachineInput = {
  key: "a",
  kind: "audio",
  direction: "incoming",
  attachMs: 2_000,
  detachedMs: 1_000,
};
const EVENTS = [
  { type: "attached" },
  { type: "detached" },
  { type: "muted" },
  { type: "unmuted" },
  { type: "flow.stalled" },
  { type: "flow.flowing" },
  { type: "removed", reason: "left" },
];

function start(input = INCOMING) {
  const clock = new SimulatedClock();
  const actor = createActor(trackMachine, { clock, input }).start();
  const pass = (ms: number) => {
    for (let at = 0; at < ms; at += 10) clock.increment(10);
  };
  return { actor, pass, state: () => actor.getSnapshot().value };
}

describe("track machine", () => {
  it("is led out of every waiting state by time alone", () => {
    const incoming = walk(trackMachine, { input: INCOMING, events: EVENTS, limitMs: 5_000 });
    const outgoing = walk(trackMachine, {
      input: { ...INCOMING, direction: "outgoing" },
      events: EVENTS,
      limitMs: 5_000,
    });
    const visits = [...incoming, ...outgoing];
    expect(visits.filter((visit) => visit.leftAfterMs === null)).toEqual([]);
    expect(new Set(visits.map((visit) => visit.path))).toEqual(new Set(statePaths(trackMachine)));
  });

  it("waits as subscriber or as publisher", () => {
    expect(start().state()).toBe("subscribing");
    expect(start({ ...INCOMING, direction: "outgoing" }).state()).toBe("publishing");
  });

  it("lives on when it is attached again before its deadline", () => {
    const { actor, pass, state } = start();
    actor.send({ type: "attached" });
    actor.send({ type: "detached" });
    pass(990);
    expect(state()).toBe("detached");
    actor.send({ type: "attached" });
    pass(5_000);
    expect(state()).toBe("live");
  });

  it("ends when it stays away", () => {
    const { actor, pass, state } = start();
    actor.send({ type: "attached" });
    actor.send({ type: "detached" });
    pass(1_000);
    expect(state()).toBe("ended");
    expect(actor.getSnapshot().output).toEqual({ reason: "it stayed away after a reconnect" });
  });

  it("remembers over a reconnect that it is muted", () => {
    const { actor, state } = start();
    actor.send({ type: "attached" });
    actor.send({ type: "detached" });
    actor.send({ type: "muted" });
    actor.send({ type: "attached" });
    expect(state()).toBe("muted");
    actor.send({ type: "unmuted" });
    expect(state()).toBe("live");
  });
});
