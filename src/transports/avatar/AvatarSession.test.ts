import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SimulatedClock } from "xstate";
import { type FakeAvatarLink, FakeAvatarService } from "../../../test/fixtures/FakeAvatarService.ts";
import { AvatarSession, type AvatarSessionParts } from "./AvatarSession.ts";
import { type AvatarError, type AvatarErrorReason, SessionTokenError } from "./errors.ts";
import type { AvatarOptions } from "./options.ts";

const PCM = Int16Array.from({ length: 1_600 }, (_, at) => at);
const BYTES = Buffer.from(PCM.buffer);
const QUICK = { firstMs: 1, maximumMs: 1, factor: 1, jitter: 0 };

let service: FakeAvatarService;
const sessions: AvatarSession[] = [];

beforeEach(async () => {
  service = await FakeAvatarService.start();
});

afterEach(async () => {
  for (const session of sessions.splice(0)) await session.close();
  await service.close();
});

function open(more: Partial<AvatarOptions> = {}, parts: AvatarSessionParts = { backoff: QUICK }) {
  const session = new AvatarSession(service.options(more), parts);
  sessions.push(session);
  return session;
}

async function ready(more: Partial<AvatarOptions> = {}, parts?: AvatarSessionParts) {
  const session = open(more, parts);
  const start = session.start();
  const link = await service.link();
  await link.configured();
  link.confirm();
  await start;
  return { session, link };
}

const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => Promise.reject(new Error("it did not fail")),
    (error: unknown) => error as AvatarError,
  );
const next = <Name extends "connected" | "closed" | "error" | "reconnecting">(
  session: AvatarSession,
  name: Name,
) => new Promise<unknown>((resolve) => session.once(name, resolve as never));

describe("an avatar session", () => {
  it("gets a token, says who it is by headers, agrees on the audio, and is ready", async () => {
    const before = Date.now();
    const { session, link } = await ready({ sampleRate: 24_000, bitrate: 96_000 });
    const [request] = service.tokenRequests;
    expect(request!.headers["x-api-key"]).toBe("key-1");
    const { expireAt } = request!.body as { expireAt: number };
    expect(expireAt * 1000).toBeGreaterThan(before + 298_000);
    expect(expireAt * 1000).toBeLessThan(before + 302_000);
    expect(link.request.url).toBe("/websocket?id=avatar-1");
    expect(link.request.headers).toMatchObject({ "x-app-id": "app-1", "x-session-key": "token-1" });
    expect(link.said[0]).toMatchObject({
      case: "clientConfigureSession",
      value: { sampleRate: 24_000, bitrate: 96_000, audioFormat: 0, egressType: 0 },
    });
    expect(session.connectionId).toBe("connection-1");
    expect(session.ready).toBe(true);
    expect(await session.start()).toBe("connection-1");
  });

  it("says who it is by the address where that is wanted", async () => {
    const { link } = await ready({ useQueryAuth: true, ingressUrl: `${service.url}/v2/in/?zone=1` });
    const url = new URL(link.request.url!, service.url);
    expect(url.pathname).toBe("/v2/in/websocket");
    expect(Object.fromEntries(url.searchParams)).toEqual({
      zone: "1",
      id: "avatar-1",
      appId: "app-1",
      sessionKey: "token-1",
    });
    expect(link.request.headers).not.toHaveProperty("x-session-key");
  });

  it("sends the egress that was asked for", async () => {
    const egress = { url: "wss://livekit.example", roomName: "lobby", publisherId: "face" };
    const { link } = await ready({
      liveKitEgress: { ...egress, apiToken: "t", extraAttributes: { mood: "calm" }, idleTimeoutSeconds: 30 },
    });
    expect(link.said[0]?.value).toMatchObject({
      egressType: 1,
      livekitEgress: {
        ...egress,
        apiToken: "t",
        extraAttributes: { mood: "calm" },
        idleTimeout: 30,
      },
    });
    const agora = await ready({ agoraEgress: { channelName: "c", token: "t", uid: 7, publisherId: "face" } });
    expect(agora.link.said[0]?.value).toMatchObject({
      egressType: 2,
      agoraEgress: { channelName: "c", token: "t", uid: 7, publisherId: "face" },
    });
  });

  it("keeps one request id until the end, and begins another after it", async () => {
    const { session, link } = await ready();
    const first = await session.sendAudio(PCM);
    expect(first).toMatch(/^\d{14}_[\w-]{12}$/);
    expect(await session.sendAudio(BYTES, { end: true })).toBe(first);
    const second = await session.sendAudio(PCM);
    expect(second).not.toBe(first);
    await link.until((said) => said.length === 4);
    expect(link.said.slice(1).map(({ value }) => value)).toMatchObject([
      { reqId: first, end: false },
      { reqId: first, end: true },
      { reqId: second, end: false },
    ]);
    expect(link.audioOf(first).equals(Buffer.concat([BYTES, BYTES]))).toBe(true);
    expect(session.state).toBe("linked.ready(speech.speaking, token.fresh)");
  });

  it("cuts long audio into messages and ends the last alone", async () => {
    const { session, link } = await ready();
    const long = new Int16Array(80_000).fill(7);
    const id = await session.sendAudio(long, { end: true });
    await link.until((said) => said.length === 4);
    expect(link.said.slice(1).map(({ value }) => (value as { end: boolean }).end)).toEqual([
      false,
      false,
      true,
    ]);
    expect(link.audioOf(id).length).toBe(160_000);
  });

  it("hands frames on as they came and decoded", async () => {
    const { session, link } = await ready();
    const frames: unknown[] = [];
    session.on("frame", (frame) => frames.push(frame));
    const id = await session.sendAudio(PCM, { end: true });
    link.frame(id);
    const last = new Promise<void>((resolve) => session.on("frame", ({ last }) => last && resolve()));
    link.frame(id, true);
    await last;
    expect(frames).toMatchObject([
      { requestId: id, last: false, connectionId: "connection-1" },
      { requestId: id, last: true },
    ]);
    expect((frames[0] as { raw: Buffer }).raw.length).toBeGreaterThan(20);
  });

  it("encodes PCM as one Ogg Opus stream an utterance, and tells what it sent", async () => {
    const { session, link } = await ready({
      audioFormat: "ogg_opus",
      oggOpusEncoder: { frameDurationMs: 40 },
    });
    expect(link.said[0]?.value).toMatchObject({ audioFormat: 1 });
    const encoded: [string, Uint8Array][] = [];
    session.on("encodedAudio", (id, audio) => encoded.push([id, audio]));
    const first = await session.sendAudio(new Int16Array(3_200));
    await session.sendAudio(new Int16Array(100), { end: true });
    const second = await session.sendAudio(Buffer.from(BYTES), { end: true });
    const ends = (said: FakeAvatarLink["said"]) =>
      said.filter(({ value }) => (value as { end?: boolean }).end).length;
    await link.until((said) => ends(said) === 2);
    for (const [at, id] of [first, second].entries()) {
      const stream = link.audioOf(id);
      expect(stream.subarray(0, 4).toString()).toBe("OggS");
      expect(stream.includes("OpusHead")).toBe(true);
      expect(Buffer.from(encoded[at]![1]).equals(stream)).toBe(true);
      expect(encoded[at]![0]).toBe(id);
    }
    // Pages of the first: two headers, five packets of 40 ms, and one more for what the encoder held back.
    expect(link.audioOf(first).toString("latin1").split("OggS").length - 1).toBe(8);
  });

  it("takes Ogg Opus as it is, and nothing else beside it", async () => {
    const { session, link } = await ready({ audioFormat: "ogg_opus" });
    await expect(session.sendAudio(PCM)).rejects.toMatchObject({ code: "INVALID_AUDIO" });
    const id = await session.sendAudio(Buffer.from("OggS-3"), { end: true });
    await link.until((said) => said.length === 2);
    expect(link.audioOf(id).toString()).toBe("OggS-3");
  });

  it("refuses audio of another shape", async () => {
    const { session } = await ready();
    const frame = { pcm: PCM, sampleRate: 48_000, channels: 1, samplesPerChannel: 1_600, timestampUs: 0 };
    for (const audio of [new Uint8Array(3), { ...frame, concealed: false }, "text" as never]) {
      await expect(session.sendAudio(audio)).rejects.toMatchObject({ code: "INVALID_AUDIO" });
    }
  });
});

describe("an interruption", () => {
  const isOver = (said: FakeAvatarLink["said"], id: string) =>
    said.some(
      ({ case: kind, value }) => kind === "clientAudioInput" && value.reqId === id && value.end === true,
    );

  it("with an egress names the last request, even after its end", async () => {
    const { session, link } = await ready({
      liveKitEgress: { url: "ws://127.0.0.1", roomName: "r", publisherId: "face" },
    });
    const id = await session.sendAudio(PCM, { end: true });
    expect(session.interrupt()).toBe(id);
    await link.until((said) => said.some((message) => message.case === "clientInterrupt"));
    expect(link.said.at(-1)?.value).toMatchObject({ reqId: id });
    expect(await session.sendAudio(PCM)).not.toBe(id);
  });

  it("without one ends the request, drops its frames and begins another", async () => {
    const { session, link } = await ready();
    const shown: string[] = [];
    session.on("frame", ({ requestId }) => shown.push(requestId));
    const id = await session.sendAudio(PCM);
    expect(session.interrupt()).toBe(id);
    await link.until((said) => isOver(said, id));
    const other = await session.sendAudio(PCM, { end: true });
    link.frame(id);
    link.frame(other, true);
    await new Promise<void>((resolve) => session.on("frame", () => resolve()));
    expect(shown).toEqual([other]);
    expect(link.said.some((message) => message.case === "clientInterrupt")).toBe(false);
  });

  it("needs something to interrupt", async () => {
    const { session } = await ready();
    expect(() => session.interrupt()).toThrow(expect.objectContaining({ code: "INVALID_STATE" }));
  });
});

describe("a session that cannot start", () => {
  const body = (code: string, title: string) =>
    JSON.stringify({ errors: [{ id: "1", status: 403, code, title, detail: "more of it" }] });

  it.each<[string, number, string, AvatarErrorReason]>([
    ["an old key", 401, body("x", "Unauthorized"), "sessionTokenExpired"],
    ["no money", 402, "", "billingRequired"],
    ["an unknown application", 404, "{}", "appIDUnrecognized"],
    ["a wrong request", 400, body("INVALID_ARGUMENT", "no"), "invalidRequest"],
    ["a broken console", 503, "<html>", "serverError"],
    ["an error inside a 200", 200, body("x", "Credits exhausted"), "creditsExhausted"],
    ["no JSON", 200, "token", "protocolError"],
    ["no token", 200, '{"sessionToken":""}', "protocolError"],
  ])("has a typed error for %s of the console", async (_, status, text, reason) => {
    service.tokenAnswer = { status, body: text };
    const error = await failure(open().start());
    expect(error).toBeInstanceOf(SessionTokenError);
    expect(error).toMatchObject({ phase: "session_token", reason });
    expect(service.links).toBe(0);
  });

  it.each<[number, string, AvatarErrorReason]>([
    [401, "", "sessionTokenExpired"],
    [400, "", "sessionTokenInvalid"],
    [400, "App ID mismatch", "appIDMismatch"],
    [402, "", "billingRequired"],
    [404, "avatar not found", "avatarNotFound"],
    [404, "", "appIDUnrecognized"],
    [429, "", "invalidRequest"],
    [502, "", "serverError"],
  ])("has a typed error for HTTP %i %s of the ingress", async (status, text, reason) => {
    service.refusal = { status, body: text };
    const error = await failure(open().start());
    expect(error).toMatchObject({ phase: "websocket_connect", reason, httpStatus: status });
    expect(error.message).not.toContain("token-1");
  });

  it.each<[number, string, AvatarErrorReason]>([
    [3, "bad value", "invalidRequest"],
    [3, "livekit url missing", "invalidEgressConfig"],
    [16, "", "invalidEgressConfig"],
    [14, "", "egressUnavailable"],
    [2, "rpc error: Unauthorized, failed to create egress connection", "invalidEgressConfig"],
    [4001, "", "creditsExhausted"],
    [4002, "", "sessionDurationExceeded"],
    [2, "unsupported sample rate 11025", "unsupportedSampleRate"],
    [2, "no audio input for 60 s", "idleTimeout"],
    [2, "driven server returned non-200 status code", "upstreamError"],
    [2, "who knows", "serverError"],
  ])("has a typed error for %i %s in the handshake", async (code, text, reason) => {
    const start = open().start();
    const link = await service.link();
    await link.configured();
    link.fail(code, text);
    expect(await failure(start)).toMatchObject({
      phase: "websocket_handshake",
      reason,
      serverCode: String(code),
      connectionId: "connection-1",
    });
    await link.closed;
  });

  it("fails when the service never confirms, and hangs up", async () => {
    const session = open({ timeouts: { handshakeMs: 50 } });
    const error = failure(session.start());
    const link = await service.link();
    expect(await error).toMatchObject({ phase: "websocket_handshake", code: "TIMEOUT" });
    await link.closed;
    expect(await session.closed()).toBe(await error);
  });

  it("fails when neither console nor ingress answers", async () => {
    service.tokenAnswer = null;
    expect(await failure(open({ timeouts: { authorizeMs: 50 } }).start())).toMatchObject({
      phase: "session_token",
      code: "TIMEOUT",
    });
    service.tokenAnswer = { status: 200, body: '{"sessionToken":"token-1"}' };
    service.refusal = null;
    expect(await failure(open({ timeouts: { dialMs: 50 } }).start())).toMatchObject({
      phase: "websocket_connect",
    });
  });

  it("fails when nobody listens", async () => {
    const error = await failure(open({ consoleUrl: "http://127.0.0.1:9" }).start());
    expect(error).toMatchObject({ phase: "session_token", reason: "connectionFailed" });
    const other = await failure(open({ ingressUrl: "http://127.0.0.1:9" }).start());
    expect(other).toMatchObject({ phase: "websocket_connect", reason: "connectionFailed" });
  });

  it("fails when it is closed in the handshake, and closes once", async () => {
    const session = open();
    const ends: unknown[] = [];
    session.on("closed", (error) => ends.push(error));
    const start = failure(session.start());
    const link = await service.link();
    await link.configured();
    link.socket.close(1000, "bye");
    const error = await start;
    expect(error).toMatchObject({
      reason: "connectionClosed",
      phase: "websocket_handshake",
      closeCode: 1000,
      closeReason: "bye",
    });
    await session.close();
    await session.close();
    expect(ends).toEqual([error]);
  });

  it.each<[string, string | Uint8Array]>([
    ["a text", "hello"],
    ["rubbish", Uint8Array.of(255, 255, 255, 255)],
    ["nothing", new Uint8Array(0)],
    ["a confirmation without an id", Uint8Array.of(8, 2, 26, 0)],
    ["another type than it holds", Uint8Array.of(8, 4, 26, 3, 10, 1, 65)],
    ["a frame", Uint8Array.of(8, 5, 50, 0)],
  ])("fails when the service answers with %s", async (_, message) => {
    const start = failure(open().start());
    const link = await service.link();
    await link.configured();
    link.socket.send(message);
    expect(await start).toMatchObject({ reason: "protocolError", phase: "websocket_handshake" });
    await link.closed;
  });

  it("is cancelled by a close", async () => {
    const session = open();
    const start = failure(session.start());
    await (await service.link()).configured();
    await session.close();
    expect(await start).toMatchObject({ code: "CANCELLED" });
    await expect(session.start()).rejects.toMatchObject({ code: "CANCELLED" });
    const never = open();
    await never.close();
    await expect(never.start()).rejects.toMatchObject({ code: "CLOSED" });
    await expect(never.sendAudio(PCM)).rejects.toMatchObject({ code: "CLOSED" });
  });
});

describe("a session that is lost", () => {
  it("is dialled again with the same token, refuses audio meanwhile, and begins another utterance", async () => {
    const { session, link } = await ready();
    const first = await session.sendAudio(PCM);
    const reconnecting = next(session, "reconnecting");
    link.socket.terminate();
    expect(await reconnecting).toMatchObject({ reason: "connectionClosed", phase: "websocket_runtime" });
    await expect(session.sendAudio(PCM)).rejects.toMatchObject({
      phase: "websocket_send",
      code: "INVALID_STATE",
    });
    const connected = next(session, "connected");
    const again = await service.link();
    await again.configured();
    again.confirm("connection-2");
    expect(await connected).toBe("connection-2");
    expect(await session.sendAudio(PCM)).not.toBe(first);
    expect(service.tokenRequests).toHaveLength(1);
  });

  it("asks for another token where the service does not take the old one", async () => {
    const { session, link } = await ready();
    const connected = next(session, "connected");
    service.refusals.push({ status: 401, body: "" });
    service.tokenAnswer = { status: 200, body: '{"sessionToken":"token-2"}' };
    link.socket.close(1011);
    const again = await service.link();
    await again.configured();
    again.confirm();
    await connected;
    expect(again.request.headers["x-session-key"]).toBe("token-2");
    expect(session.ready).toBe(true);
  });

  it("ends where the service says what does not pass, with that as its error", async () => {
    const { session, link } = await ready();
    const errors: AvatarError[] = [];
    session.on("error", (error) => errors.push(error));
    link.fail(4001, "credits exhausted", "r1");
    link.socket.close(1011, "gone");
    const error = await session.closed();
    expect(error).toMatchObject({
      reason: "creditsExhausted",
      phase: "websocket_runtime",
      requestId: "r1",
    });
    expect(errors).toEqual([error]);
  });

  it("goes on after an error that the service only tells of, and after a message it cannot read", async () => {
    const { session, link } = await ready();
    const told = next(session, "error");
    link.fail(2, "a hiccup");
    expect(await told).toMatchObject({ reason: "serverError" });
    const unread = next(session, "error");
    link.socket.send(Uint8Array.of(255, 255));
    expect(await unread).toMatchObject({ reason: "protocolError", phase: "websocket_runtime" });
    link.socket.send("a text");
    link.socket.send(Uint8Array.of(8, 99));
    const id = await session.sendAudio(PCM, { end: true });
    const frame = new Promise((resolve) => session.once("frame", resolve));
    link.frame(id, true);
    expect(await frame).toMatchObject({ requestId: id });
  });

  it("is dialled again although the service told long ago of what does not pass", async () => {
    let nowMs = 1_000_000;
    const { session, link } = await ready({}, { backoff: QUICK, nowMs: () => nowMs });
    const told = next(session, "error");
    link.fail(3, "that audio is not valid");
    expect(await told).toMatchObject({ reason: "invalidRequest" });
    nowMs += 60_000;
    const connected = next(session, "connected");
    link.socket.terminate();
    const again = await service.link();
    await again.configured();
    again.confirm("connection-2");
    expect(await connected).toBe("connection-2");
  });

  it("is cut by a frame that is too long", async () => {
    const { session, link } = await ready({ reconnect: false });
    link.socket.send(new Uint8Array(5 * 1024 * 1024));
    expect(await session.closed()).toMatchObject({ reason: "protocolError" });
    await link.closed;
  });

  it("fails a send that the service does not read, and hangs up", async () => {
    const { session, link } = await ready({ reconnect: false, timeouts: { sendMs: 200 } });
    link.socket.pause();
    const much = new Int16Array(16 * 1024 * 1024);
    const error = await failure(session.sendAudio(much));
    expect(error).toMatchObject({ phase: "websocket_send" });
    expect(await session.closed()).toMatchObject({ reason: "connectionClosed" });
  });

  it("bounds what waits to be sent", async () => {
    const { session, link } = await ready({ reconnect: false, timeouts: { sendMs: 500 } });
    link.socket.pause();
    const much = new Int16Array(8 * 1024 * 1024);
    const sends = Array.from({ length: 300 }, () => failure(session.sendAudio(much)));
    expect((await Promise.all(sends)).filter(({ code }) => code === "QUEUE_FULL").length).toBeGreaterThan(40);
  });

  it("renews its token before it expires, without a pause", async () => {
    const clock = new SimulatedClock();
    let nowMs = 1_000_000;
    const { session } = await ready({}, { clock, nowMs: () => nowMs });
    expect(service.tokenRequests).toHaveLength(1);
    for (let at = 0; at < 240_000; at += 10) {
      nowMs += 10;
      clock.increment(10);
    }
    expect(session.state).toBe("linked.ready(speech.quiet, token.renewing)");
    await new Promise<void>((resolve) => session.on("state", (state) => /fresh/.test(state) && resolve()));
    expect(service.tokenRequests).toHaveLength(2);
    expect(service.tokenRequests[1]!.body).toEqual({ expireAt: (nowMs + 300_000) / 1000 });
    expect(service.links).toBe(1);
  });

  it("hangs up on a service that does not answer its good-bye", async () => {
    const { session, link } = await ready({ timeouts: { closeMs: 50 } });
    link.socket.pause();
    await session.close();
    expect(await session.closed()).toBeNull();
  });
});
