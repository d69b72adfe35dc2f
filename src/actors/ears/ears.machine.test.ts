import { describe, expect, it } from "vitest";
import { createActor, fromCallback, SimulatedClock } from "xstate";
import { statePaths, walk } from "../testing/walk.ts";
import type { EarsEvent, UtteranceEvent, UtteranceInput } from "./ears.logic.ts";
import { earsMachine } from "./ears.machine.ts";

const INPUT = { maximumUtteranceMs: 15_000, maximumPending: 2 };
const quiet = fromCallback<UtteranceEvent, UtteranceInput>(() => {});
const started = { type: "speech.started" as const, timestampUs: 1_000 };
const stopped = { type: "speech.stopped" as const, timestampUs: 2_000 };

function start(recognize = quiet) {
  const clock = new SimulatedClock();
  const actor = createActor(earsMachine.provide({ actors: { recognize } }), { clock, input: INPUT });
  const told: unknown[] = [];
  actor.on("heard", (event) => told.push(`heard ${event.id} ${event.text}`));
  actor.on("failed", (event) => told.push(`failed ${event.id}`));
  actor.start();
  const pass = (ms: number) => {
    for (let at = 0; at < ms; at += 10) clock.increment(10);
  };
  return { actor, told, pass, state: () => actor.getSnapshot().value };
}

const recognized = (id: number): EarsEvent => ({
  type: "utterance.recognized",
  id,
  text: "a tea",
  durationMs: 500,
});

describe("ears machine", () => {
  it("is led out of every waiting state by time alone", () => {
    const machine = earsMachine.provide({ actors: { recognize: quiet } });
    const events = [started, stopped, { type: "close" }];
    const visits = walk(machine, { input: INPUT, events, limitMs: 20_000 });
    expect(visits.filter((visit) => visit.leftAfterMs === null)).toEqual([]);
    expect(new Set(visits.map((visit) => visit.path))).toEqual(new Set(statePaths(earsMachine)));
  });

  it("ends an utterance with the voice and tells what was recognised", () => {
    const ends: UtteranceEvent[] = [];
    const { actor, told, state } = start(
      fromCallback<UtteranceEvent, UtteranceInput>(({ receive }) => receive((event) => ends.push(event))),
    );
    actor.send(started);
    expect(state()).toBe("hearing");
    actor.send(stopped);
    expect(state()).toBe("listening");
    expect(ends).toEqual([{ type: "end", timestampUs: 2_000 }]);
    actor.send(recognized(1));
    expect(told).toEqual(["heard 1 a tea"]);
    expect(actor.getSnapshot().children).toEqual({});
  });

  it("cuts an utterance that does not end", () => {
    const { actor, pass, state } = start();
    actor.send(started);
    pass(15_000);
    expect(state()).toBe("listening");
  });

  it("recognises one utterance while it hears the next, and no more than it may", () => {
    const { actor, state } = start();
    for (const event of [started, stopped, started, stopped, started]) actor.send(event);
    expect(state()).toBe("listening");
    actor.send(recognized(1));
    actor.send(started);
    expect(state()).toBe("hearing");
    expect(Object.keys(actor.getSnapshot().children)).toEqual(["utterance-2", "utterance-3"]);
  });

  it("goes on when a recogniser throws", () => {
    let calls = 0;
    const { actor, told, state } = start(
      fromCallback<UtteranceEvent, UtteranceInput>(() => {
        if (calls++ === 0) throw new Error("deaf");
      }),
    );
    for (const event of [started, stopped, started, stopped, recognized(2)]) actor.send(event);
    expect(told).toEqual(["failed 1", "heard 2 a tea"]);
    expect(state()).toBe("listening");
    expect(actor.getSnapshot().context.pending).toBe(0);
  });
});
