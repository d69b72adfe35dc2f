import { describe, expect, it } from "vitest";
import { BOB, FakeSource, join, OFFER, start, untilState } from "../../../test/fixtures/soraConnection.ts";

describe("a connect under which the machine's network changes", () => {
  it("begins anew, and what it brings is attached once", async () => {
    const started = await start({ audioSource: new FakeSource() });
    const first = await started.server.peer();
    first.send(OFFER);
    await first.next("answer");
    started.transports[0]!.events.emit("network", true);
    await join(started, { ...OFFER, connection_id: "ME2" });
    started.transports[1]!.events.emit("state", "connected", "");
    await untilState(started.connection, /^connected/);
    expect(started.connection.connectionId).toBe("ME2");
    expect(started.connection.localTracks.map(({ state }) => state)).toEqual(["live"]);
    expect(started.events.filter((event) => event.startsWith("track"))).toEqual([`track ${BOB}:audio`]);
    expect([started.engine.peersOpen, started.transports[0]!.closes]).toEqual([1, 1]);
  });

  it("fails when the network does not come to rest", async () => {
    const started = await start();
    const failed = started.connection.connected().catch((error: Error) => error.message);
    for (let change = 0; change < 4; change++) {
      const peer = await started.server.peer();
      peer.send(OFFER);
      await peer.next("answer");
      started.transports[change]!.events.emit("network", true);
    }
    expect(await failed).toContain("the network changed");
    expect(started.transports.map(({ closes }) => closes)).toEqual([1, 1, 1, 1]);
  });
});
