import { describe, expect, it } from "vitest";
import { FakeSora, type FakeSoraPeer } from "../../../test/fixtures/FakeSora.ts";
import { SORA_OFFERS } from "../../../test/fixtures/sdp.ts";
import {
  BOB,
  CREATED,
  createServer,
  FakeSource,
  join,
  OFFER,
  type Started,
  start,
  WITH_BOB,
} from "../../../test/fixtures/soraConnection.ts";

describe("joining a Sora channel", () => {
  it("sends connect, answers, trickles, and is connected once it was announced", async () => {
    const started = await start({ audioSource: new FakeSource(), metadata: { token: 1 } });
    const { server, connection, engine, transports, events } = started;
    const peer = await server.peer();
    expect(await peer.next("connect")).toMatchObject({
      channel_id: "lobby",
      role: "sendrecv",
      metadata: { token: 1 },
    });
    const states: string[] = [];
    connection.on("state", (state) => states.push(state));
    peer.send(OFFER);
    expect(await peer.next("answer")).toMatchObject({ sdp: expect.stringContaining("a=msid:ME ") });
    transports[0]!.events.emit("candidate", "candidate:9 1 udp 1 192.0.2.9 9 typ host");
    expect(await peer.next("candidate")).toMatchObject({ candidate: expect.stringContaining("192.0.2.9") });
    transports[0]!.events.emit("state", "connected", "");
    expect(connection.state).toBe("connecting.securing");
    const notified = new Promise((resolve) => connection.on("notify", resolve));
    peer.send(CREATED);
    await connection.connected();
    expect(await notified).toMatchObject({ event_type: "connection.created" });
    expect(connection.connectionId).toBe("ME");
    expect(events).toEqual([`track ${BOB}:audio`]);
    expect(connection.tracks[0]).toMatchObject({ senderId: BOB, kind: "audio" });
    expect([...engine.producers.values()]).toEqual([77]);
  });

  it("joins without an announcement after a while", async () => {
    const { server, connection, transports } = await start({ timeouts: { createdMs: 10 } });
    const peer = await server.peer();
    peer.send(OFFER);
    await peer.next("answer");
    transports[0]!.events.emit("state", "connected", "");
    await connection.connected();
  });

  it.each(Object.entries(SORA_OFFERS))("answers an offer of the shape: %s", async (_, sdp) => {
    const started = await start({ audioSource: new FakeSource() });
    await join(started, { ...OFFER, sdp });
    await started.connection.connected();
    expect(started.engine.senders.size).toBeLessThanOrEqual(1);
  });

  it("takes the first URL that opens and leaves the dead ones", async () => {
    const dead = await FakeSora.start();
    const { url } = dead;
    await dead.close();
    const good = await createServer();
    const { connection, transports } = await start({
      signalingUrls: [url, good.url, "ws://127.0.0.1:1/none"],
    });
    await join({ server: good, transports });
    await connection.connected();
  });

  it("closes the sockets that lost", async () => {
    const [first, second] = [await createServer(), await createServer()];
    const { connection, transports } = await start({ signalingUrls: [first.url, second.url] });
    const winner = await Promise.race(
      [first, second].map(async (server) => {
        const peer = await server.peer();
        await peer.next("connect");
        return { server, peer };
      }),
    );
    winner.peer.send(OFFER);
    await winner.peer.next("answer");
    transports[0]!.events.emit("state", "connected", "");
    winner.peer.send(CREATED);
    await connection.connected();
  });

  it("follows a redirect with a fresh connect, and refuses to go round in circles", async () => {
    const target = await createServer();
    const { server, connection, transports } = await start();
    const first = await server.peer();
    first.send({ type: "redirect", location: target.url });
    const second = await target.peer();
    expect(await second.next("connect")).toMatchObject({ redirect: true });
    await first.closed;
    for (let round = 0; round < 4; round++) {
      const peer = round === 0 ? second : await target.peer();
      peer.send({ type: "redirect", location: target.url });
    }
    await join({ server: target, transports });
    await connection.connected();

    const circling = await start();
    const until = circling.connection.connected();
    for (let round = 0; round < 6; round++) {
      (await circling.server.peer()).send({ type: "redirect", location: circling.server.url });
    }
    await expect(until).rejects.toMatchObject({
      code: "SIGNALLING_FAILED",
      message: expect.stringContaining("more than 5"),
    });
  });

  it("answers pings, with statistics when they are wanted", async () => {
    const started = await start();
    const peer = await join(started);
    peer.send({ type: "ping" });
    expect(await peer.next("pong")).toEqual({ type: "pong" });
    peer.send({ type: "ping", stats: true });
    expect(await peer.next("pong")).toMatchObject({
      stats: expect.arrayContaining([expect.objectContaining({ type: "transport" })]),
    });
  });

  it("hands on pushes and every raw message", async () => {
    const started = await start();
    const peer = await join(started);
    const raw: string[] = [];
    started.connection.on("signalingMessage", (...parts) => raw.push(parts.join(" ")));
    const pushed = new Promise((resolve) => started.connection.on("push", resolve));
    peer.send({ type: "push", data: { a: 1 } });
    expect(await pushed).toEqual({ type: "push", data: { a: 1 } });
    expect(raw.at(-1)).toBe('websocket received {"type":"push","data":{"a":1}}');
  });

  it("answers re-offers and updates, and lives through a broken one", async () => {
    const started = await start();
    const peer = await join(started, { ...OFFER, sdp: SORA_OFFERS["upstream sendrecv without msid"] });
    peer.send({ type: "re-offer", sdp: "v=0 broken" });
    peer.send({ type: "re-offer", sdp: WITH_BOB });
    expect((await peer.next("re-answer")).sdp).toContain("m=audio");
    peer.send({ type: "update", sdp: WITH_BOB });
    await peer.next("update");
    expect(peer.received.filter(({ type }) => type === "re-answer")).toEqual([]);
    expect(started.events).toEqual([`track ${BOB}:audio`]);
    expect(started.warnings).toHaveLength(1);
  });
});

describe("a server that misbehaves", () => {
  const steps: [
    string,
    (peer: FakeSoraPeer, started: Started) => unknown,
    { code: string; errorCode: string },
  ][] = [
    ["never answers", () => {}, { code: "TIMEOUT", errorCode: "INTERNAL_ERROR" }],
    ["cuts the line", (peer) => peer.cut(), { code: "SIGNALLING_FAILED", errorCode: "WEBSOCKET_ONERROR" }],
    [
      "refuses",
      (peer) => peer.close(4490, "AUTHENTICATION-FAILED"),
      { code: "ACCESS_DENIED", errorCode: "WEBSOCKET_ONCLOSE" },
    ],
    [
      "closes with another code",
      (peer) => peer.close(4000, "?"),
      { code: "SIGNALLING_FAILED", errorCode: "WEBSOCKET_ONCLOSE" },
    ],
    [
      "closes in order",
      (peer) => peer.close(1000, "DISCONNECTED-API"),
      { code: "CLOSED", errorCode: "CLOSE_SUCCEEDED" },
    ],
    [
      "offers a broken SDP",
      (peer) => peer.send({ ...OFFER, sdp: "nonsense" }),
      { code: "INVALID_SDP", errorCode: "INTERNAL_ERROR" },
    ],
    [
      "redirects to nowhere",
      (peer) => peer.send({ type: "redirect", location: "http://127.0.0.1/" }),
      { code: "SIGNALLING_FAILED", errorCode: "WEBSOCKET_HANDSHAKE_FAILED" },
    ],
    [
      "sends more than a message may hold",
      (peer) => peer.send(JSON.stringify({ type: "push", data: "x".repeat(1100 * 1024) })),
      { code: "SIGNALLING_FAILED", errorCode: "WEBSOCKET_ONERROR" },
    ],
    [
      "closes after the answer",
      async (peer) => {
        peer.send(OFFER);
        await peer.next("answer");
        peer.cut();
      },
      { code: "SIGNALLING_FAILED", errorCode: "WEBSOCKET_ONERROR" },
    ],
    [
      "is not to be reached by media",
      async (peer, { transports }) => {
        peer.send(OFFER);
        await peer.next("answer");
        transports[0]!.events.emit("state", "failed", "no pair");
      },
      { code: "TRANSPORT_FAILED", errorCode: "ICE_FAILED" },
    ],
    [
      "closes before it announces us",
      async (peer, { transports }) => {
        peer.send(OFFER);
        await peer.next("answer");
        transports[0]!.events.emit("state", "connected", "");
        peer.close(1011, "?");
      },
      { code: "SIGNALLING_FAILED", errorCode: "WEBSOCKET_ONCLOSE" },
    ],
  ];

  it.each(steps)("gives a clear error: it %s", async (_, misbehave, { code, errorCode }) => {
    const started = await start({ timeouts: { negotiateMs: 1_000 } });
    const outcome = started.connection.connected();
    outcome.catch(() => {});
    const peer = await started.server.peer();
    await peer.next("connect");
    await misbehave(peer, started);
    await expect(outcome).rejects.toMatchObject({ name: "TroupeError", code });
    await started.connection.disconnected();
    expect(started.connection.errorCode).toBe(errorCode);
    expect(started.engine.peersOpen).toBe(0);
    expect(started.transports.every(({ closes }) => closes === 1)).toBe(true);
    await peer.closed;
  });

  it("is not there at all", async () => {
    const { connection } = await start({
      signalingUrls: ["ws://127.0.0.1:1/a?token=secret", "ws://127.0.0.1:1/b"],
    });
    const error = await connection.connected().catch((reason) => reason);
    expect(error).toMatchObject({ code: "SIGNALLING_FAILED" });
    expect(error.message).toContain("ws://127.0.0.1:1/a: ");
    expect(error.message).not.toContain("secret");
    expect(connection.errorCode).toBe("WEBSOCKET_HANDSHAKE_FAILED");
  });

  it("talks nonsense: each kind is said once, and the join goes on", async () => {
    const started = await start();
    const peer = await started.server.peer();
    for (let round = 0; round < 3; round++) {
      peer.send("{");
      peer.send({ type: "hologram" });
      peer.send({ type: "notify" });
    }
    peer.send({ type: "candidate", candidate: "early" });
    peer.send({ type: "re-offer", sdp: "early" });
    peer.send(OFFER);
    await peer.next("answer");
    peer.send(OFFER);
    started.transports[0]!.events.emit("state", "connected", "");
    peer.send(CREATED);
    await started.connection.connected();
    expect(started.warnings).toHaveLength(4);
    expect(started.warnings).toContain("a message of type hologram");
  });

  it("makes a listener of ours throw: the connection does not notice", async () => {
    const started = await start();
    started.connection.on("offer", () => {
      throw new Error("the user's own");
    });
    await join(started);
    await started.connection.connected();
  });
});
