import {
  DisconnectReason,
  LeaveRequest_Action,
  MediaSectionsRequirement,
  ParticipantInfo,
  ParticipantUpdate,
  RequestResponse,
  RequestResponse_Reason,
  SignalResponse,
} from "@livekit/protocol";
import { afterEach, describe, expect, it } from "vitest";
import { FakeLiveKit } from "../../../test/fixtures/FakeLiveKit.ts";
import { connect } from "../../connection/index.ts";
import { AudioSource } from "../../media/index.ts";
import {
  ConnectError,
  type LiveKitConnection,
  type LiveKitOptions,
  livekit,
  PublishTrackError,
} from "./index.ts";

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
  const room = connect(livekit({ url: server.url, token: "first", ...options }));
  closers.push(() => room.disconnect());
  return room;
}

async function join(options: Partial<LiveKitOptions> = {}): Promise<[FakeLiveKit, LiveKitConnection]> {
  const server = await serve();
  const room = dial(server, options);
  await room.connected();
  return [server, room];
}

function newSource(): AudioSource {
  const source = new AudioSource();
  closers.push(() => source.close());
  return source;
}

/** The arguments of the next event of this name. */
function next(
  room: LiveKitConnection,
  name: "reconnected" | "reconnecting" | "disconnected" | "tokenRefreshed",
): Promise<unknown[]> {
  return new Promise((resolve) => room.once(name, (...args: unknown[]) => resolve(args)));
}

const failure = (room: LiveKitConnection) =>
  room.connected().then(
    () => expect.unreachable("it joined"),
    (error: unknown) => error as ConnectError,
  );

describe("joining", () => {
  it("says who it is and what it wants, and keeps the token out of the address", async () => {
    const [server, room] = await join({ autoSubscribe: false });
    expect(server.paths).toEqual(["/rtc/v1"]);
    expect(server.tokens).toEqual(["first"]);
    expect(server.joins[0]?.connectionSettings?.autoSubscribe).toBe(false);
    expect(server.joins[0]?.clientInfo).toMatchObject({ protocol: 17, clientProtocol: 2 });
    expect(room.localParticipant.identity).toBe("ours");
    expect([room.name, await room.getSid(), room.isConnected]).toEqual(["fake", "RM_1", true]);
  });

  it("asks for subscriptions unless told otherwise", async () => {
    const [server] = await join();
    expect(server.joins[0]?.connectionSettings?.autoSubscribe).toBe(true);
  });

  it.each([
    [401, "invalid token: first, error: expired", "unauthorized", "ACCESS_DENIED"],
    [403, "not yours", "notAllowed", "ACCESS_DENIED"],
    [404, "requested room does not exist", "notFound", "SIGNALLING_FAILED"],
    [400, "identity cannot be empty", "notAllowed", "ACCESS_DENIED"],
  ])("does not try again after HTTP %i", async (status, text, reason, code) => {
    const server = await serve();
    server.refusals.push({ status, text });
    const error = await failure(dial(server));
    expect(error).toBeInstanceOf(ConnectError);
    expect(error).toMatchObject({ reason, code, status });
    expect(error.message).not.toContain("first");
    expect(server.paths).toHaveLength(1);
  });

  it("says nothing of a long token that the server repeats, of which the end is cut off", async () => {
    const server = await serve();
    const token = `eyJhbGciOiJIUzI1NiJ9.${"c2VjcmV0".repeat(700)}`;
    server.refusals.push({ status: 401, text: `invalid token: ${token}, error: expired` });
    const error = await failure(dial(server, { token }));
    expect(error.message).toBe("The server refused the token: invalid token: (the token) (HTTP 401)");
    expect(error.received).toBe("invalid token: (the token)");
  });

  it("says when there is no such server under the address", async () => {
    const server = await serve();
    server.isOld = true;
    server.refusals.push({ status: 404, text: "not here" });
    expect(await failure(dial(server))).toMatchObject({ reason: "serviceNotFound", status: 404 });
    expect(server.paths).toEqual(["/rtc/v1", "/rtc"]);
  });

  it("tries again when the server fails, as often as it was told", async () => {
    const server = await serve();
    server.refusals.push({ status: 503, text: "busy" }, { status: 500, text: "busy" });
    await dial(server, { joinRetries: 2 }).connected();
    expect(server.paths).toHaveLength(3);
    server.refusals.push({ status: 503, text: "busy" }, { status: 503, text: "busy" });
    expect(await failure(dial(server, { joinRetries: 1 }))).toMatchObject({
      reason: "internal",
      status: 503,
    });
  });

  it("gives up on a server that says nothing", async () => {
    const server = await serve();
    server.isSilent = true;
    const room = dial(server, { joinRetries: 0, timeouts: { connectMs: 50 } });
    expect(await failure(room)).toMatchObject({ reason: "timeout" });
  });

  it("leaves in order", async () => {
    const [server, room] = await join();
    const over = next(room, "disconnected");
    await room.disconnect();
    expect(await over).toEqual([1, "clientInitiated"]);
    expect(room.disconnectReason).toBe("clientInitiated");
    await server.until(() => server.requested("leave").length === 1);
    expect(server.requested("leave")[0]?.reason).toBe(DisconnectReason.CLIENT_INITIATED);
  });
});

describe("what the server sends", () => {
  it("is let go when it cannot be read", async () => {
    const [server, room] = await join();
    server.sendRaw(Buffer.from([255, 1, 2, 3]));
    server.sendRaw("{ not json");
    server.sendRaw(JSON.stringify({ later: { field: 1 } }));
    server.sendRaw(new SignalResponse().toBinary());
    const heard = new Promise((resolve) => room.once("participantConnected", resolve));
    server.speaksJson = true;
    const participants = [new ParticipantInfo({ sid: "PA_9", identity: "nine", state: 2 })];
    server.send({ case: "update", value: new ParticipantUpdate({ participants }) });
    expect(await heard).toMatchObject({ identity: "nine" });
  });

  it("brings more m-lines where it wants to send more", async () => {
    const [server] = await join();
    const lines = () =>
      server
        .requested("offer")
        .at(-1)
        ?.sdp.match(/^m=audio/gm)?.length ?? 0;
    const before = lines();
    server.send({ case: "mediaSectionsRequirement", value: new MediaSectionsRequirement({ numAudios: 2 }) });
    await server.until(() => lines() === before + 2);
  });

  it("renews the token that the next dial uses", async () => {
    const [server, room] = await join();
    const refreshed = new Promise((resolve) => room.on("tokenRefreshed", resolve));
    server.send({ case: "refreshToken", value: "second" });
    await refreshed;
    server.leave(LeaveRequest_Action.RECONNECT);
    await next(room, "reconnected");
    expect(server.tokens).toEqual(["first", "second"]);
  });

  it("takes leave of the server before it joins anew", async () => {
    const [server, room] = await join();
    server.leave(LeaveRequest_Action.RECONNECT);
    await next(room, "reconnected");
    await server.until(() => server.requested("leave").length === 1);
  });

  it("ends the connection for the reason that it gives", async () => {
    const [server, room] = await join();
    const over = next(room, "disconnected");
    server.leave(LeaveRequest_Action.DISCONNECT, DisconnectReason.DUPLICATE_IDENTITY);
    expect(await over).toEqual([2, "duplicateIdentity"]);
    expect([room.disconnectReason, room.connectionState]).toEqual(["duplicateIdentity", "disconnected"]);
    expect(server.paths).toHaveLength(1);
  });
});

describe("publishing", () => {
  it("gives up when the server says nothing, and takes the track back", async () => {
    const [server, room] = await join({ timeouts: { publishMs: 1_000 } });
    server.takesTracks = false;
    const source = newSource();
    await expect(room.publishTrack(source)).rejects.toMatchObject({
      name: "PublishTrackError",
      code: "TIMEOUT",
    });
    expect(room.localTracks).toEqual([]);
    server.takesTracks = true;
    expect((await room.publishTrack(source)).sid).toMatch(/^TR_/);
  });

  it("announces the track under the id that the offer names", async () => {
    const [server, room] = await join();
    const options = { name: "voice", source: "microphone", dtx: false, stereo: true } as const;
    const publication = await room.publishTrack(newSource(), options);
    expect([publication.sid, publication.name, publication.source]).toEqual(["TR_1", "voice", "microphone"]);
    const [announced] = server.requested("addTrack");
    expect(announced).toMatchObject({ name: "voice", disableDtx: true, stereo: true, muted: false });
    const offer = server.requested("offer").find(({ sdp }) => sdp.includes(announced!.cid));
    expect(offer?.sdp).toMatch(new RegExp(`a=msid:\\S+ ${announced!.cid}`));
    expect(offer?.sdp).toMatch(/a=ssrc:\d+ /);
    expect(offer?.sdp).toContain("stereo=1");
  });

  it("fails when the server does not take the track", async () => {
    const [server, room] = await join();
    server.takesTracks = false;
    const publishing = room.publishTrack(newSource());
    await server.until(() => server.requested("addTrack").length === 1);
    const [addTrack] = server.requested("addTrack");
    const request = { case: "addTrack", value: addTrack! } as const;
    server.send({
      case: "requestResponse",
      value: new RequestResponse({ reason: RequestResponse_Reason.NOT_ALLOWED, message: "no", request }),
    });
    await expect(publishing.then(() => undefined)).rejects.toBeInstanceOf(PublishTrackError);
    expect(room.localTracks).toHaveLength(0);
  });

  it("refuses to take back what is not published", async () => {
    const [, room] = await join();
    expect(() => room.unpublishTrack("TR_none")).toThrow(
      expect.objectContaining({ name: "UnpublishTrackError" }),
    );
  });
});

describe("a lost WebSocket", () => {
  it("is resumed without a word to the tracks, and what was asked meanwhile follows", async () => {
    const [server, room] = await join();
    const publication = await room.publishTrack(newSource(), { name: "voice" });
    await new Promise<void>((resolve) => {
      if (publication.track.state === "live") resolve();
      else publication.track.once("live", () => resolve());
    });
    const states: string[] = [];
    publication.track.on("state", (state) => states.push(state));
    const { sender } = publication.track;
    const back = next(room, "reconnected");
    server.cut();
    await next(room, "reconnecting");
    publication.mute();
    await back;
    expect(server.joins[1]).toMatchObject({ reconnect: true, participantSid: "PA_1" });
    await server.until(() => server.requested("mute").length > 0);
    const [sync] = server.requested("syncState");
    expect(sync?.publishTracks.map(({ track }) => track?.sid)).toEqual(["TR_1"]);
    expect(sync?.answer?.type).toBe("answer");
    expect(states).toEqual(["muted"]);
    expect(publication.track.sender).toBe(sender);
    expect(server.requested("mute")[0]).toMatchObject({ sid: "TR_1", muted: true });
  });

  it("is dialled again until the server is back", async () => {
    const [server, room] = await join();
    server.refusals.push({ status: 503, text: "" }, { status: 503, text: "" });
    const back = next(room, "reconnected");
    server.cut();
    await back;
    expect(server.joins.map(({ reconnect }) => reconnect)).toEqual([false, true]);
  });

  it("ends it when the token is not good any more", async () => {
    const [server, room] = await join();
    server.refusals.push({ status: 401, text: "expired" });
    server.cut();
    await next(room, "disconnected");
    expect(room.state).toBe("failed");
  });

  it("is noticed when nothing comes on it any more", async () => {
    const server = await serve();
    server.pingTimeout = 1;
    server.answersPings = false;
    const room = dial(server);
    await room.connected();
    await next(room, "reconnecting");
    server.answersPings = true;
    await next(room, "reconnected");
  });
});

describe("a membership that is lost", () => {
  it("is joined anew, with what is published", async () => {
    const [server, room] = await join();
    const publication = await room.publishTrack(newSource(), { name: "voice" });
    const republished = new Promise((resolve) => room.once("localTrackRepublished", resolve));
    const back = next(room, "reconnected");
    server.leave(LeaveRequest_Action.RECONNECT);
    await Promise.all([back, republished]);
    expect(server.joins.map(({ reconnect }) => reconnect)).toEqual([false, false]);
    expect(publication.sid).toBe("TR_2");
    expect(room.localParticipant.sid).toBe("PA_2");
    expect([...room.localParticipant.trackPublications.keys()]).toEqual(["TR_2"]);
  });

  it("is joined anew when a resume is refused", async () => {
    const [server, room] = await join();
    const back = next(room, "reconnected");
    server.isSilent = true;
    server.cut();
    await server.until(() => server.joins.length === 2);
    server.isSilent = false;
    server.leave(LeaveRequest_Action.RECONNECT, DisconnectReason.STATE_MISMATCH);
    await back;
    expect(server.joins.map(({ reconnect }) => reconnect)).toEqual([false, true, false]);
  });
});
