import { deflateSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import { FakeChannel } from "../../../test/fixtures/FakeChannel.ts";
import { FakeSora, type FakeSoraPeer } from "../../../test/fixtures/FakeSora.ts";
import { audio, bundle, offer, SORA_OFFERS, track } from "../../../test/fixtures/sdp.ts";
import { FakeEngine, FakeTransport, ManualClock } from "../../../test/fixtures/webrtc.ts";
import { type Logger, TypedEvents } from "../../core/index.ts";
import type { AudioProducer, EngineProducer, ProducerEvents } from "../../media/index.ts";
import { Session } from "../../webrtc/index.ts";
import { parseSoraOptions } from "./options.ts";
import { SoraConnection } from "./SoraConnection.ts";

const BOB = "B0B1C2D3E4F5G6H7J8K9M0N1P2";
const WITH_BOB = offer({
  session: bundle("0", "1"),
  media: [audio("0", "recvonly"), audio("1", "sendonly", ...track(BOB, 1111))],
});
const OFFER = { type: "offer", sdp: WITH_BOB, connection_id: "ME", config: { iceServers: [] } };
const CREATED = {
  type: "notify",
  event_type: "connection.created",
  connection_id: "ME",
  data: [{ connection_id: BOB }],
};

class FakeSource implements AudioProducer {
  readonly producerEvents = new TypedEvents<ProducerEvents>();
  readonly producer = { handle: 77 } as EngineProducer;
  readonly producerEnded = false;
}

const servers: FakeSora[] = [];
const connections: SoraConnection[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
  await Promise.all(connections.splice(0).map((connection) => connection.disconnect()));
});

async function createServer(): Promise<FakeSora> {
  const server = await FakeSora.start();
  servers.push(server);
  return server;
}

async function start({ timeouts, ...options }: { timeouts?: object; [option: string]: unknown } = {}) {
  const server = await createServer();
  const engine = new FakeEngine();
  const clock = new ManualClock();
  const transports: FakeTransport[] = [];
  const warnings: string[] = [];
  const log: Logger = {
    debug: () => {},
    info: () => {},
    warn: (_, fields) => warnings.push(String(fields?.what ?? fields?.error)),
    error: () => {},
  };
  const settings = parseSoraOptions({
    signalingUrls: [server.url],
    channelId: "lobby",
    role: "sendrecv",
    timeouts: { webSocketLeaveMs: 1000, dataChannelLeaveMs: 1000, ...timeouts },
    ...options,
  });
  const connection = new SoraConnection(settings, {
    log,
    createSession: () => {
      const transport = new FakeTransport();
      transports.push(transport);
      return new Session({ transport, peer: engine.createPeer(), role: "answerer", clock });
    },
  });
  const events: string[] = [];
  connection.on("wsClose", (code, reason) => events.push(`wsClose ${code} ${reason}`));
  connection.on("disconnected", (code, reason) =>
    events.push(`disconnected ${code} ${reason} ${connection.errorCode}`),
  );
  connection.on("track", ({ key }) => events.push(`track ${key}`));
  connection.on("trackRemoved", ({ key }) => events.push(`trackRemoved ${key}`));
  connection.on("dataChannel", (label) => events.push(`dataChannel ${label}`));
  connection.on("message", (label, data) => events.push(`message ${label} ${Buffer.from(data)}`));
  connection.start();
  connections.push(connection);
  return { server, connection, engine, clock, transports, warnings, events };
}

type Started = Awaited<ReturnType<typeof start>>;

/** The server's side of a join. */
async function join({ server, transports }: Pick<Started, "server" | "transports">, offered: object = OFFER) {
  const peer = await server.peer();
  await peer.next("connect");
  peer.send(offered);
  await peer.next("answer");
  transports.at(-1)!.events.emit("state", "connected", "");
  peer.send(CREATED);
  return peer;
}

/** Joined, with signalling on data channels; `ignore` is ignore_disconnect_websocket. */
async function joinSwitched(started: Started, ignore: boolean, compress = false) {
  const data_channels = ["signaling", "notify", "stats", "#chat"].map((label) => ({
    label,
    direction: "sendrecv",
    compress,
  }));
  const peer = await join(started, { ...OFFER, data_channels });
  const channels = Object.fromEntries(data_channels.map(({ label }) => [label, new FakeChannel(label)]));
  for (const channel of Object.values(channels)) started.transports.at(-1)!.events.emit("channel", channel);
  const switched = new Promise((resolve) => started.connection.on("switched", resolve));
  peer.send({ type: "switched", ignore_disconnect_websocket: ignore });
  await switched;
  await started.connection.connected();
  return { peer, channels };
}

function untilState(connection: SoraConnection, wanted: RegExp): Promise<string> {
  if (wanted.test(connection.state)) return Promise.resolve(connection.state);
  return new Promise((resolve) => connection.on("state", (state) => wanted.test(state) && resolve(state)));
}

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
    const started = await start({ timeouts: { negotiateMs: 200 } });
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

describe("after a loss", () => {
  const losses: [string, (peer: FakeSoraPeer, transport: FakeTransport) => void][] = [
    ["the WebSocket", (peer) => peer.cut()],
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

describe("data channels", () => {
  it("carry re-offers, notifications and statistics", async () => {
    const started = await start();
    const { channels } = await joinSwitched(started, true);
    const answered = new Promise<string>((resolve) => (channels.signaling!.onSent = resolve));
    channels.signaling!.receive(Buffer.from(JSON.stringify({ type: "re-offer", sdp: WITH_BOB })));
    expect(JSON.parse(await answered)).toMatchObject({ type: "re-answer" });
    const notified = new Promise((resolve) => started.connection.on("notify", resolve));
    channels.notify!.receive(
      JSON.stringify({ type: "notify", event_type: "network.status", unstable_level: 2 }),
    );
    expect(await notified).toMatchObject({ unstable_level: 2 });
    const reported = new Promise<string>((resolve) => (channels.stats!.onSent = resolve));
    channels.stats!.receive(JSON.stringify({ type: "req-stats" }));
    expect(JSON.parse(await reported)).toMatchObject({ type: "stats", reports: expect.any(Array) });
  });

  it("carry signalling once both `switched` and the channel are there, whichever comes first", async () => {
    const started = await start();
    const peer = await join(started);
    await started.connection.connected();
    peer.send({ type: "switched", ignore_disconnect_websocket: true });
    peer.send({ type: "ping" });
    await peer.next("pong");
    expect(started.connection.state).toMatch(/signalling\.webSocket/);
    started.transports[0]!.events.emit("channel", new FakeChannel("signaling"));
    expect(started.connection.state).toMatch(/signalling\.dataChannel/);
    expect(await peer.closed).toEqual({ code: 1000, reason: "SELF-CLOSED" });
  });

  it("carry the user's messages both ways, on open labels only", async () => {
    const started = await start();
    const { connection, events } = started;
    expect(connection.sendDataChannel("#chat", "early")).toBe(false);
    const { channels } = await joinSwitched(started, false);
    expect(events).toContain("dataChannel #chat");
    channels["#chat"]!.receive("hello");
    expect(events.at(-1)).toBe("message #chat hello");
    expect(connection.sendDataChannel("#chat", Buffer.from("a"))).toBe(true);
    await connection.send("#chat", "b");
    expect(channels["#chat"]!.sent.map(String)).toEqual(["a", "b"]);
    expect(connection.sendDataChannel("#other", "a")).toBe(false);
    await expect(connection.send("#other", "a")).rejects.toMatchObject({ code: "INVALID_STATE" });
    expect(connection.sendDataChannel("#chat", "x".repeat(2 ** 20 + 1))).toBe(false);
  });

  it("carry compressed signalling", async () => {
    const started = await start();
    const { channels } = await joinSwitched(started, true, true);
    const pushed = new Promise((resolve) => started.connection.on("push", resolve));
    channels.signaling!.receive(deflateSync('{"type":"push","data":1}'));
    expect(await pushed).toEqual({ type: "push", data: 1 });
    channels.signaling!.receive(deflateSync('{"type":"re-offer","sdp":"broken"}'));
  });

  it("refuse a second publication and one of a listener", async () => {
    const started = await start({ audioSource: new FakeSource() });
    expect(() => started.connection.publish(new FakeSource())).toThrow(/sends one track/);
    const listener = await start({ role: "recvonly" });
    expect(() => listener.connection.publish(new FakeSource())).toThrow(/does not send audio/);
  });
});
