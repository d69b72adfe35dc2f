import { describe, expect, it } from "vitest";
import { createActor, SimulatedClock } from "xstate";
import { statePaths, walk } from "../testing/walk.ts";
import type { TurnsEvent } from "./turns.logic.ts";
import { turnsMachine } from "./turns.machine.ts";

const INPUT = { patienceMs: 800 };
const heard = (text: string, isFinished = true): TurnsEvent => ({ type: "heard", text, isFinished });

function start() {
  const clock = new SimulatedClock();
  const actor = createActor(turnsMachine, { clock, input: INPUT });
  const told: string[] = [];
  actor.on("turn", ({ text }) => told.push(`turn: ${text}`));
  actor.on("bargeIn", () => told.push("barge in"));
  actor.start();
  const pass = (ms: number) => {
    for (let at = 0; at < ms; at += 10) clock.increment(10);
  };
  const send = (...events: (TurnsEvent | TurnsEvent["type"])[]) => {
    for (const event of events)
      actor.send(typeof event === "string" ? ({ type: event } as TurnsEvent) : event);
  };
  return { send, told, pass, state: () => actor.getSnapshot().value };
}

describe("turns machine", () => {
  it("is led out of every waiting state by time alone", () => {
    const events = [
      { type: "caller.started" },
      { type: "caller.stopped" },
      heard("tea", true),
      heard("and", false),
      { type: "bot.started" },
      { type: "bot.stopped" },
      { type: "close" },
    ];
    const visits = walk(turnsMachine, { input: INPUT, events, limitMs: 310_000 });
    expect(visits.filter((visit) => visit.leftAfterMs === null)).toEqual([]);
    expect(new Set(visits.map((visit) => visit.path))).toEqual(new Set(statePaths(turnsMachine)));
  });

  it("gives the turn to the bot when the caller has finished", () => {
    const { send, told, state } = start();
    send("caller.started", "caller.stopped", heard("a coffee"));
    expect(told).toEqual(["turn: a coffee"]);
    send("bot.started");
    expect(state()).toBe("botSpeaking");
    send("bot.stopped");
    expect(state()).toBe("quiet");
  });

  it("waits for more when the words do not sound finished", () => {
    const { send, told, pass } = start();
    send(
      "caller.started",
      "caller.stopped",
      heard("a coffee and", false),
      "caller.started",
      "caller.stopped",
    );
    send(heard("a tea"));
    expect(told).toEqual(["turn: a coffee and a tea"]);
    send("bot.started", "bot.stopped", "caller.started", "caller.stopped", heard("well", false));
    expect(told).toHaveLength(1);
    pass(800);
    expect(told).toEqual(["turn: a coffee and a tea", "turn: well"]);
  });

  it("makes the bot yield to the caller", () => {
    const { send, told, state } = start();
    send("bot.started", "caller.started");
    expect(told).toEqual(["barge in"]);
    send("bot.stopped");
    expect(state()).toBe("callerSpeaking");
  });

  it("goes on with the caller's turn when the bot does not fall silent", () => {
    const { send, pass, state } = start();
    send("bot.started", "caller.started");
    pass(400);
    expect(state()).toBe("callerSpeaking");
  });

  it("takes both parts of a turn that the caller goes on with while the bot thinks", () => {
    const { send, told } = start();
    send("caller.started", "caller.stopped", heard("a coffee"), "caller.started", "caller.stopped");
    send(heard("no two"));
    expect(told.at(-1)).toBe("turn: a coffee no two");
  });
});
