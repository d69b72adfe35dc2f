import { describe, expect, it } from "vitest";
import { createActor, SimulatedClock } from "xstate";
import { stateName } from "../stateName.ts";
import { statePaths, walk } from "../testing/walk.ts";
import type { AvatarDriver, AvatarLinkEvent } from "./avatar.driver.ts";
import type { AvatarMachineInput } from "./avatar.logic.ts";
import { avatarMachine } from "./avatar.machine.ts";

const TOKEN_MS = 240_000;
const BACKOFF = { firstMs: 250, maximumMs: 10_000, factor: 2, jitter: 0 };
const CUT = { type: "lost", remedy: "redial", error: new Error("cut") } as const;
const REFUSED = { type: "lost", remedy: "none", error: new Error("no credits") } as const;

const settled = () => new Promise((resolve) => setImmediate(resolve));

/** A driver that does nothing by itself: the test is the far side. */
class ScriptedDriver implements AvatarDriver {
  readonly did: string[] = [];
  authorization = Promise.withResolvers<void>();
  interruption = Promise.withResolvers<void>();
  report: (event: AvatarLinkEvent) => void = () => {};
  usable = true;
  isFinal: AvatarDriver["isFinal"] = () => false;

  authorize(): Promise<void> {
    this.did.push("authorize");
    this.authorization = Promise.withResolvers<void>();
    return this.authorization.promise;
  }

  hasToken = () => this.usable;
  renewInMs = () => TOKEN_MS;

  dial(report: (event: AvatarLinkEvent) => void): () => void {
    this.did.push("dial");
    this.report = report;
    return () => this.did.push("hang up");
  }

  configure(): void {
    this.did.push("configure");
  }

  interrupt(): Promise<void> {
    this.did.push("interrupt");
    return this.interruption.promise;
  }

  leave(): void {
    this.did.push("leave");
  }

  timeoutOf(what: string): Error {
    return new Error(`${what} took too long`);
  }
}

function start(input: Partial<AvatarMachineInput> = {}) {
  const driver = (input.driver as ScriptedDriver | undefined) ?? new ScriptedDriver();
  const clock = new SimulatedClock();
  const actor = createActor(avatarMachine, {
    clock,
    input: { driver, random: () => 0, backoff: BACKOFF, ...input },
  });
  const failures: unknown[] = [];
  actor.subscribe({ error: (error) => failures.push(error) });
  actor.start();
  actor.send({ type: "start" });
  const pass = (ms: number) => {
    for (let at = 0; at < ms; at += 10) clock.increment(10);
  };
  const authorize = async () => {
    driver.authorization.resolve();
    await settled();
  };
  const ready = async () => {
    await authorize();
    driver.report({ type: "opened" });
    driver.report({ type: "confirmed" });
  };
  return {
    actor,
    driver,
    pass,
    failures,
    authorize,
    ready,
    state: () => stateName(actor.getSnapshot().value),
    error: () => (actor.getSnapshot().context.error as Error | null)?.message,
  };
}

const READY = "linked.ready(speech.quiet, token.fresh)";

describe("avatar machine", () => {
  it("is led out of every waiting state by time alone", () => {
    const never = new Promise<void>(() => {});
    const driver = Object.assign(new ScriptedDriver(), { authorize: () => never, interrupt: () => never });
    const events = [
      { type: "start" },
      { type: "close" },
      { type: "xstate.done.actor.authorize" },
      { type: "xstate.error.actor.authorize" },
      { type: "opened" },
      { type: "confirmed" },
      { type: "utterance.started" },
      { type: "utterance.ended" },
      { type: "interrupt" },
      { type: "xstate.done.actor.interrupt" },
      CUT,
    ];
    const visits = walk(avatarMachine, { input: { driver, random: () => 0 }, events, limitMs: 700_000 });
    expect(visits.filter((visit) => visit.leftAfterMs === null)).toEqual([]);
    expect(new Set(visits.map((visit) => visit.path))).toEqual(new Set(statePaths(avatarMachine)));
  });

  it("gets a token, dials, shakes hands, speaks", async () => {
    const { actor, driver, state, authorize } = start();
    expect(state()).toBe("authorizing");
    await authorize();
    expect(state()).toBe("linked.dialing");
    driver.report({ type: "opened" });
    expect(state()).toBe("linked.handshaking");
    driver.report({ type: "confirmed" });
    expect(state()).toBe(READY);
    actor.send({ type: "utterance.started" });
    expect(state()).toBe("linked.ready(speech.speaking, token.fresh)");
    actor.send({ type: "utterance.ended" });
    expect(state()).toBe(READY);
    expect(driver.did).toEqual(["authorize", "dial", "configure"]);
  });

  it("fails when the handshake takes too long, and hangs up", async () => {
    const { driver, state, error, pass, authorize } = start();
    await authorize();
    driver.report({ type: "opened" });
    pass(20_000);
    expect(state()).toBe("failed");
    expect(error()).toBe("handshaking took too long");
    expect(driver.did.at(-1)).toBe("hang up");
  });

  it("fails when it is closed in the handshake", async () => {
    const { driver, state, error, authorize } = start();
    await authorize();
    driver.report({ type: "opened" });
    driver.report(CUT);
    expect(state()).toBe("failed");
    expect(error()).toBe("cut");
  });

  it("fails without a token", async () => {
    const { driver, state, error } = start();
    driver.authorization.reject(new Error("401"));
    await settled();
    expect(state()).toBe("failed");
    expect(error()).toBe("401");
  });

  it("dials again after a loss with growing waits, and starts over once it is ready", async () => {
    const { driver, state, pass, ready } = start();
    await ready();
    driver.report(CUT);
    expect(state()).toBe("reconnecting");
    pass(240);
    expect(state()).toBe("reconnecting");
    pass(10);
    expect(state()).toBe("linked.dialing");
    driver.report(CUT);
    pass(490);
    expect(state()).toBe("reconnecting");
    pass(10);
    driver.report({ type: "opened" });
    driver.report({ type: "confirmed" });
    expect(state()).toBe(READY);
    driver.report(CUT);
    pass(250);
    expect(state()).toBe("linked.dialing");
  });

  it("asks for another token first where the one it has is not good any more", async () => {
    const { driver, state, pass, ready } = start();
    await ready();
    driver.usable = false;
    driver.report({ ...CUT, remedy: "reauthorize" });
    pass(250);
    expect(state()).toBe("authorizing");
  });

  it("gives up after so many redials, or at once where nothing helps", async () => {
    const tired = start({ maximumRedials: 2 });
    await tired.ready();
    tired.driver.report(CUT);
    tired.pass(250);
    tired.driver.report(CUT);
    tired.pass(500);
    tired.driver.report(CUT);
    expect(tired.state()).toBe("failed");
    const poor = start();
    await poor.ready();
    poor.driver.report(REFUSED);
    expect(poor.state()).toBe("failed");
    expect(poor.error()).toBe("no credits");
    const once = start({ reconnect: false });
    await once.ready();
    once.driver.report(CUT);
    expect(once.state()).toBe("failed");
  });

  it("renews its token while it speaks, and tries again when that fails", async () => {
    const { actor, driver, state, pass, ready, authorize } = start();
    await ready();
    pass(TOKEN_MS - 10);
    actor.send({ type: "utterance.started" });
    pass(10);
    expect(state()).toBe("linked.ready(speech.speaking, token.renewing)");
    driver.authorization.reject(new Error("busy"));
    await settled();
    expect(state()).toBe("linked.ready(speech.speaking, token.overdue)");
    pass(250);
    await authorize();
    expect(state()).toBe("linked.ready(speech.speaking, token.fresh)");
    expect(driver.did).toEqual(["authorize", "dial", "configure", "authorize", "authorize"]);
  });

  it("interrupts, and does not wait for a driver that hangs or fails", async () => {
    const { actor, driver, state, pass, ready } = start();
    await ready();
    actor.send({ type: "utterance.started" });
    actor.send({ type: "interrupt" });
    expect(state()).toBe("linked.ready(speech.interrupting, token.fresh)");
    pass(1_000);
    expect(state()).toBe(READY);
    driver.interruption.reject(new Error("interrupt broke"));
    actor.send({ type: "interrupt" });
    await settled();
    expect(state()).toBe(READY);
  });

  it("leaves in order, within a bound, and once", async () => {
    const { actor, driver, state, error, ready } = start();
    await ready();
    actor.send({ type: "close" });
    actor.send({ type: "close" });
    expect(state()).toBe("linked.disconnecting");
    driver.report(CUT);
    expect(state()).toBe("closed");
    expect(error()).toBeUndefined();
    expect(driver.did.filter((what) => what === "leave")).toHaveLength(1);
    const silent = start();
    await silent.ready();
    silent.actor.send({ type: "close" });
    silent.pass(2_000);
    expect(silent.state()).toBe("closed");
  });

  it("survives a link that throws as it is made, and one whose token request throws", async () => {
    class Broken extends ScriptedDriver {
      override dial(): () => void {
        throw new Error("link broke");
      }
    }
    const { state, error, failures, authorize } = start({ driver: new Broken() });
    await authorize();
    expect(state()).toBe("failed");
    expect(error()).toBe("link broke");
    expect(failures).toEqual([]);
    class Tokenless extends ScriptedDriver {
      override authorize(): Promise<void> {
        throw new Error("authorize broke");
      }
    }
    const other = start({ driver: new Tokenless() });
    await settled();
    expect(other.state()).toBe("failed");
    expect(other.error()).toBe("authorize broke");
    expect(other.failures).toEqual([]);
  });
});
