import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Stage } from "./Stage.ts";
import { send } from "./testing/request.ts";
import { ScriptedMember, toneShare } from "./testing/ScriptedMember.ts";

let stage: Stage;
const members: ScriptedMember[] = [];

async function join(connect: Record<string, unknown> = {}): Promise<ScriptedMember> {
  const member = await ScriptedMember.join(stage.signalingUrl, connect);
  members.push(member);
  return member;
}

async function callApi(target: string, body: unknown = {}): Promise<{ status: number; body: unknown }> {
  const reply = await send(
    stage.apiUrl,
    { method: "POST", headers: { "x-sora-target": target } },
    JSON.stringify(body),
  );
  return { status: reply.status, body: JSON.parse(reply.text) };
}

beforeEach(async () => {
  stage = await Stage.start();
});

afterEach(async () => {
  for (const member of members.splice(0)) member.close();
  await stage.close();
});

describe("an offer", () => {
  it("has what Sora's clients need", async () => {
    const { offer } = await join({
      audio: { codec_type: "OPUS", opus_params: { stereo: true, minptime: 20 } },
    });
    expect(offer).toMatchObject({
      channel_id: "lobby",
      client_id: offer.connection_id,
      bundle_id: offer.connection_id,
      connection_id: expect.stringMatching(/^[0-9A-Z]{26}$/),
      session_id: expect.any(String),
      config: { iceServers: [] },
      mid: { audio: "0" },
      data_channel_signaling: false,
      ignore_disconnect_websocket: false,
    });
    const sdp = offer.sdp as string;
    expect(sdp).toMatch(/^a=group:BUNDLE 0\r$/m);
    expect(sdp).toMatch(/^a=rtcp-mux\r$/m);
    expect(sdp).toMatch(/^a=recvonly\r$/m);
    expect(sdp).toMatch(/^a=candidate:/m);
    expect(sdp).toMatch(/^a=fmtp:111 .*minptime=20;.*stereo=1/m);
    expect(sdp).not.toMatch(/^m=video/m);
  });

  it("holds a place in the bundle for one who only listens in an empty channel", async () => {
    const { offer } = await join({ role: "recvonly" });
    expect(offer.mid).toEqual({});
    expect(offer.sdp).toMatch(/^m=audio 9 [\s\S]*a=inactive\r$/m);
  });

  it("brings the authenticator's metadata", async () => {
    await stage.close();
    stage = await Stage.start({ authenticate: () => ({ allowed: true, metadata: { seat: 7 } }) });
    expect((await join()).offer.metadata).toEqual({ seat: 7 });
  });
});

describe("two members", () => {
  it("hear each other's tones and no own one", async () => {
    const ann = await join({ client_id: "ann" });
    const ben = await join({ client_id: "ben" });
    ann.sound(440, 4);
    ben.sound(1000, 4);
    const [atAnn, atBen] = await Promise.all([
      ann.listen(ben.connectionId, 1),
      ben.listen(ann.connectionId, 1),
    ]);
    expect(toneShare(atAnn, 1000, 16_000)).toBeGreaterThan(0.9);
    expect(toneShare(atBen, 440, 16_000)).toBeGreaterThan(0.9);
    expect(ann.tracks.map(({ streamId }) => streamId)).toEqual([ben.connectionId]);
  });

  it("are told of each other", async () => {
    const ann = await join({ client_id: "ann", signaling_notify_metadata: { name: "Ann" } });
    const ben = await ScriptedMember.join(stage.signalingUrl, { client_id: "ben", role: "sendonly" });
    expect(await ann.socket.next({ event_type: "connection.created" })).toMatchObject({
      connection_id: ben.connectionId,
      client_id: "ben",
      role: "sendonly",
      audio: true,
      video: false,
      minutes: 0,
      channel_connections: 2,
      channel_sendrecv_connections: 1,
      channel_sendonly_connections: 1,
      channel_recvonly_connections: 0,
      data: [],
    });
    ben.close();
    expect(await ann.socket.next({ event_type: "connection.destroyed" })).toMatchObject({
      connection_id: ben.connectionId,
      channel_connections: 1,
    });
    await ann.until(() => ann.tracks.length === 0);
  });

  it("of which one comes later hear who is there", async () => {
    const ann = await join({ signaling_notify_metadata: { name: "Ann" } });
    const ben = new ScriptedMember(stage.signalingUrl);
    members.push(ben);
    await ben.socket.opened();
    ben.socket.send({ type: "connect", role: "recvonly", channel_id: "lobby" });
    const offer = await ben.socket.next({ type: "offer" });
    expect(offer.sdp).toContain(`a=msid:${ann.connectionId} `);
    ben.socket.send({ type: "answer", sdp: ben.session.acceptOffer(offer.sdp as string) });
    const created = await ben.socket.next({
      connection_id: offer.connection_id,
      event_type: "connection.created",
    });
    expect(created.data).toEqual([
      expect.objectContaining({ connection_id: ann.connectionId, metadata: { name: "Ann" } }),
    ]);
  });

  it("of one bundle neither hear nor hear of each other", async () => {
    const ann = await join({ bundle_id: "ann" });
    const screen = await join({ bundle_id: "ann" });
    const ben = await join();
    await ben.until(() => ben.tracks.length === 2);
    await screen.until(() => screen.tracks.length === 1);
    expect(screen.tracks[0]!.streamId).toBe(ben.connectionId);
    await ann.socket.next({ connection_id: ben.connectionId });
    const toldOf = ann.socket.received.map(
      (message) => (message as { connection_id?: string }).connection_id,
    );
    expect(toldOf).not.toContain(screen.connectionId);
  });
});

it("brings a third and a fourth member to all, and the m-line of one who left to the next", async () => {
  const [ann, ben, cem] = [await join(), await join(), await join()];
  await Promise.all([ann, ben, cem].map((member) => member.until(() => member.tracks.length === 2)));
  ben.socket.send({ type: "disconnect", reason: "NO-ERROR" });
  await ann.until(() => ann.tracks.length === 1);
  const dan = await join();
  await ann.until(() => ann.tracks.length === 2);
  expect(ann.tracks.map(({ streamId }) => streamId).sort()).toEqual(
    [cem.connectionId, dan.connectionId].sort(),
  );
  expect(ann.session.transceivers).toHaveLength(3);
});

it("survives an m-line, an answer and candidates that make no sense", async () => {
  const ann = await join();
  for (const message of [
    { type: "candidate", candidate: "nonsense" },
    { type: "candidate", candidate: "candidate:1 1 udp 1 999.1.1.1 5 typ host", sdpMid: "7" },
    { type: "answer", sdp: "v=0" },
    { type: "juggle" },
    { type: "pong", stats: "none" },
    ["answer"],
    "{{{",
  ]) {
    ann.socket.send(message);
  }
  const ben = await join();
  await ann.until(() => ann.tracks[0]?.streamId === ben.connectionId);
});

it("refuses an answer that is no SDP", async () => {
  const ann = new ScriptedMember(stage.signalingUrl);
  members.push(ann);
  await ann.socket.opened();
  ann.socket.send({ type: "connect", role: "sendrecv", channel_id: "lobby" });
  await ann.socket.next({ type: "offer" });
  ann.socket.send({ type: "answer", sdp: "v=0" });
  expect(await ann.socket.closed).toEqual({ code: 4490, reason: "INVALID-SDP" });
  expect(stage.connections()).toEqual([]);
});

describe("the end", () => {
  it("by the client is 1000 TYPE-DISCONNECT", async () => {
    const ann = await join();
    ann.socket.send({ type: "disconnect", reason: "NO-ERROR" });
    expect(await ann.socket.closed).toEqual({ code: 1000, reason: "TYPE-DISCONNECT" });
    expect(stage.connections()).toEqual([]);
  });

  it("by the API is 1000 DISCONNECTED-API", async () => {
    const ann = await join();
    const wanted = { channel_id: "lobby", connection_id: ann.connectionId };
    expect(await callApi("Sora_20151104.DisconnectConnection", wanted)).toEqual({ status: 200, body: {} });
    expect(await ann.socket.closed).toEqual({ code: 1000, reason: "DISCONNECTED-API" });
    expect((await callApi("Sora_20151104.DisconnectConnection", wanted)).status).toBe(404);
  });

  it("by its time is 1000 LIFETIME-EXPIRED", async () => {
    await stage.close();
    stage = await Stage.start({ lifetimeMs: 1_000 });
    expect(await (await join()).socket.closed).toEqual({ code: 1000, reason: "LIFETIME-EXPIRED" });
  });

  it("of the stage is told to all", async () => {
    const ann = await join();
    void stage.close();
    expect(await ann.socket.closed).toEqual({ code: 1000, reason: "SHUTDOWN" });
  });

  it("of a client that answers no ping comes by itself", async () => {
    await stage.close();
    stage = await Stage.start({ pingIntervalMs: 200 });
    const ann = await join();
    await ann.socket.next({ type: "ping" });
    expect(await ann.socket.closed).toEqual({ code: 4490, reason: "PONG-TIMEOUT" });
  });
});

describe("the API", () => {
  it("lists connections and gives both sides' statistics", async () => {
    const ann = await join({ client_id: "ann" });
    expect((await callApi("Sora_20201013.ListConnections")).body).toEqual([
      expect.objectContaining({ client_id: "ann", connection_id: ann.connectionId, state: "connected" }),
    ]);
    expect((await callApi("Sora_20201013.ListChannelConnections", { channel_id: "empty" })).body).toEqual([]);
    const asked = callApi("Sora_20170529.GetStatsConnection", {
      channel_id: "lobby",
      connection_id: ann.connectionId,
    });
    await ann.socket.next({ type: "ping", stats: true });
    ann.socket.send({ type: "pong", stats: [{ type: "outbound-rtp" }] });
    expect((await asked).body).toMatchObject({
      connection_id: ann.connectionId,
      stats: expect.arrayContaining([expect.objectContaining({ type: "transport" })]),
      client_stats: [{ type: "outbound-rtp" }],
    });
  });

  it("pushes to a channel and to one connection", async () => {
    const [ann, ben] = [await join(), await join()];
    await callApi("Sora_20160711.PushChannel", { channel_id: "lobby", data: { to: "all" } });
    for (const member of [ann, ben]) {
      expect(await member.socket.next({ type: "push" })).toEqual({ type: "push", data: { to: "all" } });
    }
    expect(stage.push("lobby", "you", ann.connectionId)).toBe(1);
    expect(await ann.socket.next({ type: "push" })).toEqual({ type: "push", data: "you" });
    expect(ben.socket.received).not.toContainEqual({ type: "push", data: "you" });
  });

  it("says what is wrong", async () => {
    expect(await callApi("Sora_20160711.PushChannel", { channel_id: 3 })).toEqual({
      status: 400,
      body: { error_type: "INVALID-JSON-KEY channel_id" },
    });
    expect(await callApi("constructor")).toEqual({ status: 400, body: { error_type: "INVALID-TARGET" } });
  });
});

it("makes room for as many members as its limits say", async () => {
  await stage.close();
  stage = await Stage.start({ limits: { connectionsPerChannel: 2, channels: 2, connections: 6 } });
  const tryJoin = async (channel_id: string) => {
    const member = new ScriptedMember(stage.signalingUrl);
    members.push(member);
    await member.socket.opened();
    member.socket.send({ type: "connect", role: "recvonly", channel_id });
    return member.socket.closed;
  };
  await join({ channel_id: "a" });
  await join({ channel_id: "a" });
  expect(await tryJoin("a")).toEqual({ code: 4490, reason: "CHANNEL-FULL" });
  await join({ channel_id: "b" });
  expect(await tryJoin("c")).toEqual({ code: 4490, reason: "TOO-MANY-CHANNELS" });
});
