import { describe, expect, it } from "vitest";
import { FakeSora, type FakeSoraPeer } from "../../../test/fixtures/FakeSora.ts";
import { audio, bundle, offer } from "../../../test/fixtures/sdp.ts";
import {
  BOB,
  CREATED,
  FakeSource,
  join,
  joinSwitched,
  OFFER,
  type Started,
  servers,
  start,
  untilState,
} from "../../../test/fixtures/soraConnection.ts";
import type { FakeTransport } from "../../../test/fixtures/webrtc.ts";

describe("after a loss", () => {
  const losses: [string, (peer: FakeSoraPeer, transport: FakeTransport) => void][] = [
    ["the WebSocket", (peer) => peer.cut()],
    ["the address that media took", (_, transport) => transport.events.emit("network", true)],
    ["the peer connection", (_, transport) => transport.events.emit("state", "failed", "consent")],
  ];

  it.each(losses)("of %s, dials again; tracks and sources are attached anew", async (_, lose) => {
    const started = await start({ audioSource: new FakeSource() });
    const { connection, engine, events, transports } = started;
    const first = await join(started);
    await connection.connected();
    const heard = connection.tracks[0]!;
    const changes: boolean[] = [];
    heard.producerEvents.on("changed", (producer) => changes.push(producer !== null));
    lose(first, transports[0]!);
    await untilState(connection, /^reconnecting/);
    expect([heard.state, connection.localTracks[0]?.state]).toEqual(["detached", "detached"]);
    await join(started, { ...OFFER, connection_id: "ME2" });
    transports[1]!.events.emit("state", "connected", "");
    await untilState(connection, /^connected/);
    expect(connection.tracks).toEqual([heard]);
    expect(changes).toEqual([false, true]);
    expect(events.filter((event) => event.startsWith("track"))).toEqual([`track ${BOB}:audio`]);
    expect(connection.connectionId).toBe("ME2");
    expect([...engine.senders.keys()].map((sender) => engine.producers.get(sender))).toEqual([77]);
    expect([engine.peersOpen, transports[0]?.closes]).toEqual([1, 1]);
  });

  it("ends the tracks of those who left meanwhile", async () => {
    const started = await start();
    const first = await join(started);
    await started.connection.connected();
    first.cut();
    const sdp = offer({ session: bundle("0"), media: [audio("0", "recvonly")] });
    const peer = await started.server.peer();
    peer.send({ ...OFFER, sdp });
    await peer.next("answer");
    started.transports[1]!.events.emit("state", "connected", "");
    peer.send({ ...CREATED, data: [] });
    await untilState(started.connection, /^connected/);
    expect(started.connection.tracks).toEqual([]);
    expect(started.events).toContain(`trackRemoved ${BOB}:audio`);
  });

  it("does not wait long for a path on a redial, and dials once more", async () => {
    const started = await start({ timeouts: { redialIceMs: 1_000 } });
    const first = await join(started);
    await started.connection.connected();
    first.cut();
    const second = await started.server.peer();
    second.send(OFFER);
    await second.next("answer");
    // No word of the transport: the first dial would wait for it for 20 s.
    await join(started, { ...OFFER, connection_id: "ME3" });
    await untilState(started.connection, /^connected/);
    expect(started.transports[1]!.closes).toBe(1);
    expect(started.connection.connectionId).toBe("ME3");
  });

  it("gives up when it may not reconnect", async () => {
    const started = await start({ reconnect: false });
    const peer = await join(started);
    await started.connection.connected();
    peer.cut();
    await started.connection.disconnected();
    expect(started.connection.errorCode).toBe("WEBSOCKET_ONERROR");
  });

  it("keeps a quiet line whose server still gives a sign of life", async () => {
    const started = await start();
    const peer = await join(started);
    await started.connection.connected();
    started.transports[0]!.sinceLastPacketMs = 5000;
    started.clock.advance(500);
    peer.send({ type: "ping" });
    await peer.next("pong");
    expect(started.connection.state).toBe("connected(signalling.webSocket, media.flowing)");
  });

  it("takes a quiet line for lost when the server gives no sign of life", async () => {
    const deaf = await FakeSora.start({ answersPings: false });
    servers.push(deaf);
    const started = await start({ signalingUrls: [deaf.url], timeouts: { probeMs: 20 } });
    await join({ server: deaf, transports: started.transports });
    await started.connection.connected();
    const lost = new Promise((resolve) => started.connection.on("reconnecting", resolve));
    started.transports[0]!.sinceLastPacketMs = 5000;
    started.clock.advance(500);
    expect(await lost).toBe("the server does not answer");
  });

  it("shows a line as stalled when not even a data channel is acknowledged", async () => {
    const started = await start({ timeouts: { probeMs: 20 } });
    const { channels } = await joinSwitched(started, true);
    started.transports[0]!.sinceLastPacketMs = 5000;
    started.clock.advance(500);
    await untilState(started.connection, /media\.stalled/);
    expect(channels.stats!.sent).toHaveLength(1);
    started.transports[0]!.sinceLastPacketMs = 0;
    started.clock.advance(500);
    expect(started.connection.state).toBe("connected(signalling.dataChannel, media.flowing)");
  });
});

describe("leaving", () => {
  it("on the WebSocket waits for the server to close it", async () => {
    const started = await start();
    const peer = await join(started);
    await started.connection.connected();
    const left = started.connection.disconnect();
    expect(await peer.next("disconnect")).toEqual({ type: "disconnect", reason: "NO-ERROR" });
    peer.close(1000, "TYPE-DISCONNECT");
    await left;
    expect(started.events.slice(1)).toEqual([
      "wsClose 1000 TYPE-DISCONNECT",
      `trackRemoved ${BOB}:audio`,
      "disconnected 1000 TYPE-DISCONNECT CLOSE_SUCCEEDED",
    ]);
    expect(started.engine.peersOpen).toBe(0);
  });

  it("with both paths tells the data channel and waits for the WebSocket", async () => {
    const started = await start();
    const { peer, channels } = await joinSwitched(started, false);
    expect(started.connection.state).toBe("connected(signalling.dataChannel, media.flowing)");
    const told = new Promise((resolve) => (channels.signaling!.onSent = resolve));
    const left = started.connection.disconnect();
    expect(await told).toBe('{"type":"disconnect","reason":"NO-ERROR"}');
    peer.close(1000, "TYPE-DISCONNECT");
    await left;
    expect(started.events.at(-1)).toBe("disconnected 1000 TYPE-DISCONNECT CLOSE_SUCCEEDED");
  });

  it("with data channels alone waits for all of them to close", async () => {
    const started = await start();
    const { peer, channels } = await joinSwitched(started, true);
    expect(await peer.closed).toEqual({ code: 1000, reason: "SELF-CLOSED" });
    expect(started.events).toContain("wsClose 1000 SELF-CLOSED");
    const told = new Promise((resolve) => (channels.signaling!.onSent = resolve));
    const left = started.connection.disconnect();
    await told;
    for (const channel of Object.values(channels)) channel.end();
    await left;
    expect(started.events.at(-1)).toBe("disconnected 1000 Succeeded to close DataChannel CLOSE_SUCCEEDED");
  });

  it.each([
    ["the WebSocket", (started: Started) => join(started)],
    ["both", (started: Started) => joinSwitched(started, false)],
    ["data channels", (started: Started) => joinSwitched(started, true)],
  ])("gives up on a server that does not answer: %s", async (_, joining) => {
    const started = await start({ timeouts: { webSocketLeaveMs: 20, dataChannelLeaveMs: 20 } });
    await joining(started);
    await started.connection.connected();
    await started.connection.disconnect();
    expect(started.events.at(-1)).toBe("disconnected 4999 DISCONNECT-WAIT-TIMEOUT-ERROR CLOSE_FAILED");
  });

  it("while it dials is over at once", async () => {
    const started = await start();
    await started.connection.disconnect();
    expect(started.connection.errorCode).toBe("CLOSE_SUCCEEDED");
  });

  it.each([
    [
      "WebSocket",
      (started: Started) => join(started),
      (peer: FakeSoraPeer) => peer.close(1000, "LIFETIME-EXPIRED"),
    ],
  ])("by the server on the %s", async (_, joining, end) => {
    const started = await start();
    const peer = await joining(started);
    await started.connection.connected();
    end(peer);
    await started.connection.disconnected();
    expect(started.events.at(-1)).toBe("disconnected 1000 LIFETIME-EXPIRED CLOSE_SUCCEEDED");
  });

  it("by the server, whose peer connection closes first", async () => {
    const started = await start();
    const peer = await join(started);
    await started.connection.connected();
    started.transports[0]!.events.emit("state", "closed", "closed by the far side");
    peer.close(1000, "DISCONNECTED-API");
    await started.connection.disconnected();
    expect(started.events.at(-1)).toBe("disconnected 1000 DISCONNECTED-API CLOSE_SUCCEEDED");
  });

  it("by the server on the data channel", async () => {
    const started = await start();
    const { channels } = await joinSwitched(started, true);
    channels.signaling!.receive(JSON.stringify({ type: "close", code: 4000, reason: "DISCONNECTED-API" }));
    await started.connection.disconnected();
    expect(started.events.at(-1)).toBe("disconnected 4000 DISCONNECTED-API CLOSE_SUCCEEDED");
  });
});
