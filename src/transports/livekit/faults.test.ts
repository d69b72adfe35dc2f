// What a user sees of each fault of the signalling.
import {
  DisconnectReason,
  LeaveRequest,
  LeaveRequest_Action,
  ParticipantInfo,
  ParticipantUpdate,
  Room,
  RoomMovedResponse,
  SubscriptionPermissionUpdate,
  TrackInfo,
} from "@livekit/protocol";
import { afterEach, describe, expect, it } from "vitest";
import { FakeLiveKit, type FaultKind, type FaultStep } from "../../../test/fixtures/FakeLiveKit.ts";
import { NativePeerTransport, Session } from "../../webrtc/index.ts";
import { DISCONNECT_REASONS, type LiveKitConnection, type LiveKitOptions } from "./index.ts";
import { LiveKitConnection as RoomConnection } from "./LiveKitConnection.ts";
import { parseLiveKitOptions } from "./options.ts";

const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function serve(): Promise<FakeLiveKit> {
  const server = await FakeLiveKit.start();
  closers.push(() => server.close());
  return server;
}

function dial(server: FakeLiveKit, options: Partial<LiveKitOptions> = {}): LiveKitConnection {
  const settings = parseLiveKitOptions({ url: server.url, token: "first", ...options });
  const room = new RoomConnection(settings, { hasRegions: () => server.regions.length > 0 });
  closers.push(() => room.disconnect());
  room.start();
  return room;
}

async function join(options: Partial<LiveKitOptions> = {}): Promise<[FakeLiveKit, LiveKitConnection]> {
  const server = await serve();
  const room = dial(server, options);
  await room.connected();
  return [server, room];
}

type Name =
  | "reconnected"
  | "reconnecting"
  | "disconnected"
  | "moved"
  | "trackPublished"
  | "trackSubscriptionPermissionChanged";

function next(room: LiveKitConnection, name: Name): Promise<unknown[]> {
  return new Promise((resolve) => room.once(name, (...args: unknown[]) => resolve(args)));
}

const failure = (room: LiveKitConnection) =>
  room.connected().then(
    () => expect.unreachable("it joined"),
    (error: unknown) => error,
  );

/** Each fault on the way into the room, and what the connection fails with where it may dial once. */
const JOIN_FAULTS: [step: FaultStep, kind: FaultKind, failsWith: object][] = [
  ["handshake", "cut", { name: "ConnectError", reason: "serverUnreachable" }],
  ["join", "cut", { name: "ConnectError", reason: "serverUnreachable" }],
  ["join", "close", { name: "ConnectError", reason: "serverUnreachable" }],
  ["join", "oversized", { name: "ConnectError", reason: "serverUnreachable" }],
  ["join", "silence", { name: "ConnectError", reason: "timeout" }],
  ["answer", "cut", { code: "SIGNALLING_FAILED" }],
  ["answer", "close", { code: "SIGNALLING_FAILED" }],
  ["answer", "oversized", { code: "SIGNALLING_FAILED" }],
];

describe("the address that media took", () => {
  it("is lost: the connection resumes", async () => {
    const server = await serve();
    const sessions: Session[] = [];
    const settings = parseLiveKitOptions({ url: server.url, token: "first" });
    const room = new RoomConnection(settings, {
      createSession: (_servers, _relayOnly, role) => {
        const transport = new NativePeerTransport({ controlling: role === "offerer" });
        const session = new Session({ transport, role });
        sessions.push(session);
        return session;
      },
    });
    closers.push(() => room.disconnect());
    room.start();
    await room.connected();
    const [lost, back] = [next(room, "reconnecting"), next(room, "reconnected")];
    sessions[0]!.transport.events.emit("network", true);
    expect(await lost).toEqual(["the network changed"]);
    await back;
    expect(server.joins[1]).toMatchObject({ reconnect: true, participantSid: "PA_1" });
    expect(sessions.length).toBe(1);
  });
});

describe.each(JOIN_FAULTS)("in place of the %s: %s", (step, kind, failsWith) => {
  const timeouts = { connectMs: 2_000 };

  it("lets it in by a second dial", async () => {
    const server = await serve();
    server.faults.push({ step, kind });
    await dial(server, { joinRetries: 1, timeouts }).connected();
    expect(server.tokens).toHaveLength(2);
    expect(server.joins.every(({ reconnect }) => !reconnect)).toBe(true);
  });

  it("fails where it may dial once", async () => {
    const server = await serve();
    server.faults.push({ step, kind });
    expect(await failure(dial(server, { joinRetries: 0, timeouts }))).toMatchObject(failsWith);
    expect(server.tokens).toHaveLength(1);
  });
});

describe("garbage on the way in", () => {
  it.each(["join", "answer"] as const)("before the %s is let go", async (step) => {
    const server = await serve();
    server.faults.push({ step, kind: "garbage" });
    await dial(server, { joinRetries: 0 }).connected();
    expect(server.faults).toEqual([]);
  });
});

describe("a join without an end", () => {
  it("fails at the deadline for the answer", async () => {
    const server = await serve();
    server.answersOffers = false;
    const room = dial(server, { timeouts: { negotiateMs: 50 } });
    expect(await failure(room)).toMatchObject({ code: "TIMEOUT" });
    expect(room.state).toBe("failed");
  });

  it("is tried again when the server lets go of it, with whatever action", async () => {
    const server = await serve();
    server.faults.push({ step: "answer", kind: "silence" }, { step: "answer", kind: "silence" });
    const room = dial(server);
    for (const [index, action] of [LeaveRequest_Action.RESUME, LeaveRequest_Action.RECONNECT].entries()) {
      await server.until(() => server.requested("offer").length === index + 1);
      server.leave(action);
    }
    await room.connected();
    expect(server.joins.map(({ reconnect }) => reconnect)).toEqual([false, false, false]);
  });

  it("is over when the server ends it in order", async () => {
    const server = await serve();
    server.faults.push({ step: "answer", kind: "silence" });
    const room = dial(server);
    await server.until(() => server.requested("offer").length === 1);
    server.leave(LeaveRequest_Action.DISCONNECT, DisconnectReason.JOIN_FAILURE);
    expect(await failure(room)).toMatchObject({ code: "CLOSED", message: "joinFailure" });
    expect(server.tokens).toHaveLength(1);
  });
});

describe("a leave of the server", () => {
  it.each(Object.entries(DISCONNECT_REASONS))("for %s ends it", async (name, code) => {
    const [server, room] = await join();
    const over = next(room, "disconnected");
    server.leave(LeaveRequest_Action.DISCONNECT, code);
    expect(await over).toEqual([code, name]);
    expect([room.disconnectReason, room.state]).toEqual([name, "disconnected"]);
  });

  it.each([
    ["that asks to resume", { action: LeaveRequest_Action.RESUME }, [false, true]],
    ["that asks to join anew", { action: LeaveRequest_Action.RECONNECT }, [false, false]],
    ["of an older server, that lets come back", { canReconnect: true }, [false, false]],
  ])("%s leads back", async (_what, leave, reconnects) => {
    const [server, room] = await join();
    const back = next(room, "reconnected");
    server.send({ case: "leave", value: new LeaveRequest(leave) });
    await back;
    expect(server.joins.map(({ reconnect }) => reconnect)).toEqual(reconnects);
  });

  it("with a region leads there, and back when the region is gone", async () => {
    const [server, room] = await join();
    const other = await serve();
    other.refusals.push({ status: 503, text: "gone" });
    const back = next(room, "reconnected");
    const regions = { regions: [{ region: "other", url: other.url, distance: 1n }] };
    const leave = new LeaveRequest({ action: LeaveRequest_Action.RECONNECT, regions });
    server.send({ case: "leave", value: leave });
    await back;
    expect([other.tokens, server.joins.length]).toEqual([["first"], 2]);
  });
});

describe("a server with regions that fails", () => {
  it("is left for the next region", async () => {
    const [server, other] = [await serve(), await serve()];
    server.regions = [other.url];
    server.refusals.push({ status: 503, text: "down" });
    await dial(server, { joinRetries: 1 }).connected();
    expect(server.paths).toEqual(["/rtc/v1", "/settings/regions"]);
    expect(other.paths).toEqual(["/rtc/v1"]);
  });

  it("is not left when it refuses the token", async () => {
    const [server, other] = [await serve(), await serve()];
    server.regions = [other.url];
    server.refusals.push({ status: 401, text: "expired" });
    expect(await failure(dial(server))).toMatchObject({ reason: "unauthorized" });
    expect([server.paths, other.paths]).toEqual([["/rtc/v1"], []]);
  });
});

describe("in the room", () => {
  it("a message beyond all bounds costs the WebSocket, and nothing else", async () => {
    const [server, room] = await join();
    const back = next(room, "reconnected");
    server.sendRaw(new Uint8Array(17 * 1024 * 1024));
    await back;
    expect(server.joins[1]).toMatchObject({ reconnect: true, participantSid: "PA_1" });
  });

  it.each(["cut", "close", "oversized"] as const)("a resume that meets a %s is tried again", async (kind) => {
    const [server, room] = await join();
    server.faults.push({ step: "join", kind });
    const back = next(room, "reconnected");
    server.cut();
    await back;
    expect(server.joins.map(({ reconnect }) => reconnect)).toEqual([false, true, true]);
  });

  it("a resume that the server takes and ends is tried again", async () => {
    const [server, room] = await join();
    server.faults.push({ step: "join", kind: "silence" });
    const back = next(room, "reconnected");
    server.cut();
    await server.until(() => server.joins.length === 2);
    server.leave(LeaveRequest_Action.RESUME, DisconnectReason.CONNECTION_TIMEOUT);
    await back;
    expect(server.joins.map(({ reconnect }) => reconnect)).toEqual([false, true, true]);
  });

  it("a move leads to the other room, whose token the next dial uses", async () => {
    const [server, room] = await join();
    const moved = next(room, "moved");
    const value = new RoomMovedResponse({
      room: new Room({ sid: "RM_2", name: "cellar" }),
      token: "second",
      participant: new ParticipantInfo({ sid: "PA_moved", identity: "ours" }),
    });
    server.send({ case: "roomMoved", value });
    await moved;
    expect([room.name, room.localParticipant.sid, room.token]).toEqual(["cellar", "PA_moved", "second"]);
    server.leave(LeaveRequest_Action.RECONNECT);
    await next(room, "reconnected");
    expect(server.tokens).toEqual(["first", "second"]);
  });

  it("a subscription that is forbidden is told", async () => {
    const [server, room] = await join();
    const published = next(room, "trackPublished");
    const tracks = [new TrackInfo({ sid: "TR_9", name: "voice" })];
    const participants = [new ParticipantInfo({ sid: "PA_9", identity: "nine", state: 2, tracks })];
    server.send({ case: "update", value: new ParticipantUpdate({ participants }) });
    const [publication] = await published;
    const changed = next(room, "trackSubscriptionPermissionChanged");
    const value = new SubscriptionPermissionUpdate({
      participantSid: "PA_9",
      trackSid: "TR_9",
      allowed: false,
    });
    server.send({ case: "subscriptionPermissionUpdate", value });
    expect(await changed).toEqual([publication, expect.objectContaining({ identity: "nine" }), false]);
  });
});
