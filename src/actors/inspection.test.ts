import { afterEach, describe, expect, it } from "vitest";
import { SimulatedClock } from "xstate";
import type { ConnectionDriver, DriverEvent } from "./connection/connection.driver.ts";
import { connectionMachine } from "./connection/connection.machine.ts";
import { type ActorReport, inspectActors, startActor, watchActor } from "./inspection.ts";
import { sinkMachine } from "./sink/sink.machine.ts";

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

function collect(): ActorReport[] {
  const reports: ActorReport[] = [];
  stops.push(inspectActors((report) => reports.push(report)));
  return reports;
}

const line = ({ id, state }: ActorReport) => `${id} ${state}`;

describe("inspectActors", () => {
  it("reports each move of a root actor, and its end", () => {
    const reports = collect();
    const actor = startActor(sinkMachine, {
      id: "ear",
      input: { detachedMs: 1 },
      clock: new SimulatedClock(),
    });
    actor.send({ type: "attached" });
    actor.send({ type: "starved" });
    actor.send({ type: "close" });
    expect(reports.map(line)).toEqual(["ear:1 detached", "ear:1 waiting", "ear:1 closed", "ear:1 stopped"]);
    expect(reports[0]?.machine).toBe("sink");
  });

  it("reports children under their root, and tells a late listener the present state", () => {
    let report: (event: DriverEvent) => void = () => {};
    const driver: ConnectionDriver = {
      start: (_reason, tell) => {
        report = tell;
      },
      leave: () => Promise.resolve({ code: 0, reason: "" }),
      close: () => {},
    };
    const actor = startActor(connectionMachine, {
      id: "call",
      input: { driver },
      clock: new SimulatedClock(),
    });
    actor.send({ type: "connect" });
    report({ type: "joined" });
    report({ type: "track.added", track: { key: "a", kind: "audio", senderId: "a" } });
    const reports = collect();
    expect(reports.map(line)).toEqual([
      "call:1 connected(signalling.webSocket, media.flowing)",
      "call:1/track:a subscribing",
    ]);
    report({ type: "track.removed", key: "a" });
    expect(reports.map(line)).toContain("call:1/track:a stopped");
    report({ type: "remote.closed", code: 1000, reason: "" });
    expect(reports.map(line).at(-1)).toBe("call:1 stopped");
  });

  it("keeps a listener and a watcher that throw away from the actor and from each other", () => {
    stops.push(
      inspectActors(() => {
        throw new Error("listener broke");
      }),
    );
    const reports = collect();
    const actor = startActor(sinkMachine, {
      id: "ear",
      input: { detachedMs: 1 },
      clock: new SimulatedClock(),
    });
    const seen: unknown[] = [];
    watchActor(actor, () => {
      throw new Error("watcher broke");
    });
    watchActor<{ value: unknown }>(actor, ({ value }) => seen.push(value));
    actor.send({ type: "attached" });
    expect(seen).toEqual(["waiting"]);
    expect(reports.map(line).at(-1)).toBe("ear:2 waiting");
    actor.send({ type: "close" });
  });
});
