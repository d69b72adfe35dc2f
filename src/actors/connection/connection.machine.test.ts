import { describe, expect, it } from "vitest";
import { createActor, fromCallback, fromPromise, SimulatedClock } from "xstate";
import { TroupeError } from "../../core/index.ts";
import { stateName } from "../stateName.ts";
import { statePaths, walk } from "../testing/walk.ts";
import { trackMachine } from "../track/track.machine.ts";
import type { ConnectionDriver, DialReason, DriverEvent } from "./connection.driver.ts";
import type { ConnectionMachineInput } from "./connection.logic.ts";
import { connectionMachine } from "./connection.machine.ts";

const TRACK = { key: "alice", kind: "audio", senderId: "alice" } as const;
const FAILURE = new TroupeError("SIGNALLING_FAILED", "refused");

/** A driver that does nothing by itself: the test is the far side. */
class ScriptedDriver implements ConnectionDriver {
  readonly starts: DialReason[] = [];
  readonly farewell = Promise.withResolvers<{ code: number; reason: string }>();
  report: (event: DriverEvent) => void = () => {};
  signal = new AbortController().signal;

  start(reason: DialReason, report: (event: DriverEvent) => void, signal: AbortSignal): void {
    this.starts.push(reason);
    this.report = report;
    this.signal = signal;
  }

  leave(): Promise<{ code: number; reason: string }> {
    return this.farewell.promise;
  }

  close(): void {}

  join(): void {
    for (const type of ["signalling.open", "negotiated", "transport.connected", "joined"] as const) {
      this.report({ type });
    }
  }
}

function start(
  input: Partial<ConnectionMachineInput> = {},
  machine: typeof connectionMachine = connectionMachine,
) {
  const driver = new ScriptedDriver();
  const clock = new SimulatedClock();
  const actor = createActor(machine, {
    clock,
    input: { driver, random: () => 0, nowMs: () => clock.now(), ...input },
  });
  const failures: unknown[] = [];
  actor.subscribe({ error: (error) => failures.push(error) });
  actor.start();
  actor.send({ type: "connect" });
  const pass = (ms: number) => {
    for (let at = 0; at < ms; at += 10) clock.increment(10);
  };
  return {
    actor,
    driver: (input.driver as ScriptedDriver | undefined) ?? driver,
    pass,
    failures,
    state: () => stateName(actor.getSnapshot().value),
    context: () => actor.getSnapshot().context,
  };
}

describe("connection machine", () => {
  const endless = connectionMachine.provide({
    actors: {
      attempt: fromCallback(() => {}) as never,
      leave: fromPromise(() => new Promise(() => {})) as never,
    },
  });
  const events = [
    { type: "connect" },
    { type: "disconnect", reason: "" },
    { type: "signalling.open" },
    { type: "negotiated" },
    { type: "joined" },
    { type: "signalling.switching" },
    { type: "signalling.switched" },
    { type: "signalling.lost", code: 1006, reason: "" },
    { type: "transport.lost", reason: "" },
    { type: "media.stalled" },
    { type: "media.flowing" },
    { type: "remote.closed", code: 1000, reason: "" },
    { type: "attempt.failed", error: FAILURE, permanent: false },
    { type: "attempt.failed", error: FAILURE, permanent: true },
    { type: "xstate.error.actor.attempt", error: new Error("broke") },
  ];

  it("is led out of every waiting state by time alone", () => {
    const driver = new ScriptedDriver();
    const visits = [{ canResume: true }, { canResume: false }, { reconnect: false }].flatMap((options) =>
      walk(endless, { input: { driver, random: () => 0, ...options }, events, limitMs: 200_000 }),
    );
    expect(visits.filter((visit) => visit.leftAfterMs === null)).toEqual([]);
    expect(new Set(visits.map((visit) => visit.path))).toEqual(new Set(statePaths(connectionMachine)));
  });

  it("goes from dialing over negotiating and securing to connected", () => {
    const { driver, state } = start();
    const seen = [state()];
    for (const type of ["signalling.open", "negotiated", "transport.connected", "joined"] as const) {
      driver.report({ type });
      seen.push(state());
    }
    expect(seen).toEqual([
      "connecting.dialing",
      "connecting.negotiating",
      "connecting.securing",
      "connecting.securing",
      "connected(signalling.webSocket, media.flowing)",
    ]);
  });

  it("follows the signalling to data channels, and gives the switch up after its deadline", () => {
    const { driver, state, pass } = start();
    driver.join();
    driver.report({ type: "signalling.switching" });
    expect(state()).toBe("connected(signalling.switching, media.flowing)");
    pass(15_000);
    expect(state()).toBe("connected(signalling.webSocket, media.flowing)");
    driver.report({ type: "signalling.switched" });
    expect(state()).toBe("connected(signalling.dataChannel, media.flowing)");
  });

  it("fails when the first dial is refused, and says why", () => {
    const { driver, state, context } = start();
    driver.report({ type: "attempt.failed", error: FAILURE, permanent: false });
    expect(state()).toBe("failed");
    expect(context().error).toBe(FAILURE);
    expect(driver.signal.aborted).toBe(true);
  });

  it("fails with TIMEOUT when nothing answers", () => {
    const { state, context, pass } = start({ deadlines: { dialMs: 1_000 } });
    pass(1_000);
    expect(state()).toBe("failed");
    expect(context().error?.code).toBe("TIMEOUT");
  });

  it("redials with growing waits after a loss until it is back", () => {
    const backoff = { firstMs: 100, maximumMs: 1_000, factor: 2, jitter: 0 };
    const { driver, state, pass } = start({ backoff });
    driver.join();
    const first = driver.signal;
    driver.report({ type: "signalling.lost", code: 1006, reason: "" });
    expect(state()).toBe("reconnecting.waiting");
    expect(first.aborted).toBe(true);
    pass(100);
    driver.report({ type: "attempt.failed", error: FAILURE, permanent: false });
    expect(state()).toBe("reconnecting.waiting");
    pass(190);
    expect(state()).toBe("reconnecting.waiting");
    pass(10);
    expect(state()).toBe("reconnecting.redialing");
    driver.join();
    expect(state()).toBe("connected(signalling.webSocket, media.flowing)");
    expect(driver.starts).toEqual(["dial", "redial", "redial"]);
  });

  it("redials soon after one that looked for a path for longer than it would have waited", () => {
    const backoff = { firstMs: 100, maximumMs: 1_000, factor: 10, jitter: 0 };
    const { driver, state, pass } = start({ backoff });
    driver.join();
    driver.report({ type: "transport.lost", reason: "" });
    pass(100);
    for (const [lastedMs, waitMs] of [
      [400, 600],
      [3_000, 100],
      [0, 1_000],
    ] as const) {
      expect(state()).toBe("reconnecting.redialing");
      pass(lastedMs);
      driver.report({ type: "attempt.failed", error: FAILURE, permanent: false });
      pass(waitMs - 10);
      expect(state()).toBe("reconnecting.waiting");
      pass(10);
    }
    expect(state()).toBe("reconnecting.redialing");
    // Once it was back, the next loss begins with the first wait again.
    driver.join();
    driver.report({ type: "transport.lost", reason: "" });
    pass(90);
    expect(state()).toBe("reconnecting.waiting");
    pass(10);
    expect(state()).toBe("reconnecting.redialing");
  });

  it("tries to resume first where the driver can", () => {
    const { driver, state, pass } = start({ canResume: true });
    driver.join();
    driver.report({ type: "transport.lost", reason: "ice" });
    expect(state()).toBe("reconnecting.resuming");
    pass(30_000);
    expect(state()).toBe("reconnecting.waiting");
    expect(driver.starts).toEqual(["dial", "resume"]);
  });

  it("lets go of what an aborted attempt still reports", () => {
    const { driver, state } = start();
    const stale = driver.report;
    driver.join();
    driver.report({ type: "transport.lost", reason: "" });
    stale({ type: "joined" });
    expect(state()).toBe("reconnecting.waiting");
  });

  it("gives up after its reconnect deadline", () => {
    const { driver, state, context, pass } = start({ deadlines: { reconnectMs: 5_000 } });
    driver.join();
    driver.report({ type: "transport.lost", reason: "ice" });
    pass(5_000);
    expect(state()).toBe("failed");
    expect(context().error?.message).toBe("reconnecting took longer than 5000 ms");
  });

  it("counts a long stall as a loss, and a short one as none", () => {
    const { driver, state, pass } = start();
    driver.join();
    driver.report({ type: "media.stalled" });
    pass(7_000);
    driver.report({ type: "media.flowing" });
    pass(60_000);
    expect(state()).toBe("connected(signalling.webSocket, media.flowing)");
    driver.report({ type: "media.stalled" });
    pass(8_000);
    expect(state()).toBe("reconnecting.waiting");
  });

  it("ends without a redial when the far side closes in order or a redial is refused for good", () => {
    const closed = start();
    closed.driver.join();
    closed.driver.report({ type: "remote.closed", code: 1000, reason: "LIFETIME-EXPIRED" });
    expect(closed.state()).toBe("disconnected");
    expect(closed.context()).toMatchObject({ code: 1000, reason: "LIFETIME-EXPIRED" });
    const refused = start();
    refused.driver.join();
    refused.driver.report({ type: "transport.lost", reason: "" });
    refused.pass(500);
    refused.driver.report({ type: "attempt.failed", error: FAILURE, permanent: true });
    expect(refused.state()).toBe("failed");
  });

  it("leaves in order and keeps what the far side said", async () => {
    const { actor, driver, state, context } = start();
    driver.join();
    actor.send({ type: "disconnect", reason: "NO-ERROR" });
    expect(state()).toBe("disconnecting");
    expect(driver.signal.aborted).toBe(false);
    driver.farewell.resolve({ code: 1000, reason: "TYPE-DISCONNECT" });
    await driver.farewell.promise;
    await Promise.resolve();
    expect(state()).toBe("disconnected");
    expect(context()).toMatchObject({ code: 1000, reason: "TYPE-DISCONNECT", error: null });
    expect(driver.signal.aborted).toBe(true);
  });

  it("does not wait for ever for an answer to its leave", () => {
    const { actor, driver, state, pass } = start();
    driver.join();
    actor.send({ type: "disconnect", reason: "" });
    pass(6_000);
    expect(state()).toBe("disconnected");
    expect(driver.signal.aborted).toBe(true);
  });

  it("keeps one actor per track over a reconnect and ends one that stays away", () => {
    const { driver, context, pass } = start();
    driver.join();
    driver.report({ type: "track.added", track: TRACK });
    driver.report({ type: "track.added", track: { ...TRACK, key: "bob" } });
    const alice = context().tracks.alice!.ref;
    driver.report({ type: "transport.lost", reason: "" });
    pass(500);
    driver.join();
    driver.report({ type: "track.added", track: TRACK });
    alice.send({ type: "attached" });
    expect(context().tracks.alice!.ref).toBe(alice);
    pass(30_000);
    expect(Object.keys(context().tracks)).toEqual(["alice"]);
  });

  it("survives a driver that throws when it starts", () => {
    class Broken extends ScriptedDriver {
      override start(): void {
        throw new Error("driver broke");
      }
    }
    const { state, context, failures } = start({ driver: new Broken() });
    expect(state()).toBe("failed");
    expect(context().error?.message).toBe("the transport's driver failed: driver broke");
    expect(failures).toEqual([]);
  });

  it("survives a driver that throws in its leave", async () => {
    const { actor, driver, state } = start();
    driver.join();
    actor.send({ type: "disconnect", reason: "" });
    driver.farewell.reject(new Error("leave broke"));
    await driver.farewell.promise.catch(() => {});
    await Promise.resolve();
    expect(state()).toBe("disconnected");
  });

  it("survives a track machine that throws; the track beside it lives on", () => {
    const broken = trackMachine.provide({
      actions: {
        noteMuting: () => {
          throw new Error("track broke");
        },
      },
    });
    const { driver, state, context, failures } = start(
      {},
      connectionMachine.provide({ actors: { track: broken } }),
    );
    driver.join();
    driver.report({ type: "track.added", track: TRACK });
    driver.report({ type: "track.added", track: { ...TRACK, key: "bob" } });
    context().tracks.alice!.ref.send({ type: "muted" });
    expect(Object.keys(context().tracks)).toEqual(["bob"]);
    context().tracks.bob!.ref.send({ type: "attached" });
    expect(state()).toBe("connected(signalling.webSocket, media.flowing)");
    expect(failures).toEqual([]);
  });
});
