import { describe, expect, it } from "vitest";
import { FakeEngine, FakeTransport, ManualClock } from "../../test/fixtures/webrtc.ts";
import { Session } from "./Session.ts";

function create(role: "offerer" | "answerer") {
  const transport = new FakeTransport();
  transport.controlling = role === "offerer";
  const clock = new ManualClock();
  const session = new Session({ transport, peer: new FakeEngine().createPeer(), role, clock });
  const lost: boolean[] = [];
  session.events.on("network", (isPathLost) => lost.push(isPathLost));
  return { transport, clock, session, lost };
}

function pair() {
  return { stage: create("offerer"), client: create("answerer") };
}

function exchange({ stage, client }: ReturnType<typeof pair>): void {
  stage.session.acceptAnswer(client.session.acceptOffer(stage.session.createOffer()));
}

/** Connected, with packets until `quietMs` ago. */
function connected(quietMs = 0) {
  const one = create("offerer");
  one.transport.events.emit("state", "connected", "");
  pass(one, 500, quietMs);
  return one;
}

function pass({ transport, clock }: ReturnType<typeof create>, ms: number, quietMs: number): void {
  transport.sinceLastPacketMs = quietMs;
  clock.advance(ms);
}

describe("sessions on a network that changes", () => {
  it("restart on new sockets once, whoever offers", () => {
    const both = pair();
    both.stage.session.addTransceiver({ kind: "audio", direction: "recvonly" });
    exchange(both);
    both.stage.transport.events.emit("network", false);
    exchange(both);
    expect(both.stage.transport.restartForms).toEqual([]);
    for (let round = 0; round < 2; round++) {
      const restart = both.stage.session.createOffer({ iceRestart: true });
      both.stage.session.acceptAnswer(both.client.session.acceptOffer(restart));
    }
    expect(both.stage.transport.restartForms).toEqual(["new-sockets", "same-sockets"]);
  });

  it("bring new sockets along with the next answer when the path is lost, and say so", () => {
    const both = pair();
    both.stage.session.addTransceiver({ kind: "audio", direction: "recvonly" });
    exchange(both);
    both.client.transport.events.emit("network", false);
    exchange(both);
    expect(both.client.transport.restartForms).toEqual([]);
    both.client.transport.events.emit("network", true);
    exchange(both);
    exchange(both);
    expect(both.client.transport.restartForms).toEqual(["new-sockets"]);
    expect(both.client.lost).toEqual([false, true]);
  });

  it("know a dead path for lost as soon as another address comes", () => {
    const one = connected(2_000);
    one.transport.events.emit("network", false);
    expect(one.lost).toEqual([true]);
  });

  it("know a path for lost that dies soon after another address came, once", () => {
    const one = connected();
    one.transport.events.emit("network", false);
    expect(one.lost).toEqual([false]);
    pass(one, 500, 2_000);
    pass(one, 500, 0);
    pass(one, 500, 2_000);
    expect(one.lost).toEqual([false, true]);
  });

  it("know so too when ICE finds the path dead", () => {
    const one = connected();
    one.transport.events.emit("network", false);
    one.transport.events.emit("state", "disconnected", "");
    expect(one.lost).toEqual([false, true]);
  });

  it("do not lay a stall to a change that was long ago, or to none", () => {
    const one = connected();
    pass(one, 500, 2_000);
    pass(one, 500, 0);
    one.transport.events.emit("network", false);
    pass(one, 10_500, 0);
    pass(one, 500, 2_000);
    expect(one.lost).toEqual([false]);
  });
});
