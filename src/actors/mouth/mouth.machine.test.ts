import { describe, expect, it } from "vitest";
import { createActor, fromCallback, SimulatedClock } from "xstate";
import { statePaths, walk } from "../testing/walk.ts";
import type { MouthEvent, Saying } from "./mouth.logic.ts";
import { mouthMachine } from "./mouth.machine.ts";

const INPUT = { maximumQueued: 2 };
const say = (id: number) => ({ type: "say" as const, saying: { id, text: `line ${id}` } });

function start(speak = fromCallback<MouthEvent, Saying>(() => {})) {
  const clock = new SimulatedClock();
  const machine = mouthMachine.provide({ actors: { speak } });
  const actor = createActor(machine, { clock, input: INPUT });
  const told: string[] = [];
  for (const type of ["started", "finished", "failed"] as const)
    actor.on(type, (event) => told.push(`${type} ${event.saying.id}`));
  actor.on("interrupted", ({ sayings }) => told.push(...sayings.map(({ id }) => `interrupted ${id}`)));
  actor.start();
  const pass = (ms: number) => {
    for (let at = 0; at < ms; at += 10) clock.increment(10);
  };
  return { actor, told, pass, state: () => actor.getSnapshot().value };
}

describe("mouth machine", () => {
  it("is led out of every waiting state by time alone", () => {
    const machine = mouthMachine.provide({ actors: { speak: fromCallback<MouthEvent, Saying>(() => {}) } });
    const events = [
      say(1),
      { type: "interrupt" },
      { type: "audio.started" },
      { type: "audio.finished" },
      { type: "audio.failed" },
      { type: "audio.cleared" },
      { type: "close" },
    ];
    const visits = walk(machine, { input: INPUT, events, limitMs: 310_000 });
    expect(visits.filter((visit) => visit.leftAfterMs === null)).toEqual([]);
    expect(new Set(visits.map((visit) => visit.path))).toEqual(new Set(statePaths(mouthMachine)));
  });

  it("says one thing after another", () => {
    const { actor, told, state } = start();
    actor.send(say(1));
    actor.send(say(2));
    actor.send({ type: "audio.started" });
    expect(state()).toEqual({ talking: "speaking" });
    actor.send({ type: "audio.finished" });
    expect(state()).toEqual({ talking: "preparing" });
    actor.send({ type: "audio.started" });
    actor.send({ type: "audio.finished" });
    expect(state()).toBe("silent");
    expect(told).toEqual(["started 1", "finished 1", "started 2", "finished 2"]);
  });

  it("drops all that is left when it is interrupted, and stops the voice", () => {
    let stopped = 0;
    const { actor, told, pass, state } = start(fromCallback<MouthEvent, Saying>(() => () => stopped++));
    for (const event of [say(1), say(2), { type: "audio.started" }, { type: "interrupt" }] as const)
      actor.send(event);
    expect(state()).toBe("interrupting");
    expect(stopped).toBe(1);
    expect(told).toEqual(["started 1", "interrupted 1", "interrupted 2"]);
    pass(200);
    expect(state()).toBe("silent");
  });

  it("says what comes while it is being interrupted", () => {
    const { actor, state } = start();
    for (const event of [say(1), { type: "interrupt" }, say(2), { type: "audio.cleared" }] as const)
      actor.send(event);
    expect(state()).toEqual({ talking: "preparing" });
    expect(actor.getSnapshot().context.queue.map(({ id }) => id)).toEqual([2]);
  });

  it("goes on with the next when a voice throws, fails or takes too long", () => {
    let voices = 0;
    const { actor, told, pass, state } = start(
      fromCallback<MouthEvent, Saying>(() => {
        if (voices++ === 0) throw new Error("hoarse");
      }),
    );
    actor.send(say(1));
    actor.send(say(2));
    actor.send({ type: "audio.failed", error: new Error("no words") });
    actor.send(say(3));
    pass(20_000);
    expect(told).toEqual(["failed 1", "failed 2", "failed 3"]);
    expect(state()).toBe("silent");
  });

  it("holds no more than it may", () => {
    const { actor } = start();
    for (const id of [1, 2, 3, 4, 5]) actor.send(say(id));
    expect(actor.getSnapshot().context.queue.map(({ id }) => id)).toEqual([1, 2, 3]);
  });
});
