import { once } from "node:events";
import { create } from "@bufbuild/protobuf";
import { decodeJwt } from "jose";
import { afterEach, describe, expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import { shareAt, sine } from "../../../test/fixtures/tone.ts";
import { AudioSink, type AudioSource } from "../../media/index.ts";
import {
  AVATAR_ERROR_REASONS,
  type AvatarError,
  type AvatarErrorReason,
  type AvatarOptions,
  AvatarSession,
} from "../../transports/avatar/index.ts";
import { EgressType, LiveKitEgressConfigSchema } from "../../transports/avatar/wire/avatar_pb.ts";
import { encodeConfiguration } from "../../transports/avatar/wire/messages.ts";
import { send, upgradeStatus } from "../testing/request.ts";
import { AvatarService, type AvatarServiceOptions } from "./AvatarService.ts";
import type { AvatarFaultPhase } from "./faults.ts";
import { type AvatarRoom, RoomEgress } from "./RoomEgress.ts";

const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(options: AvatarServiceOptions = {}): Promise<AvatarService> {
  const service = await AvatarService.start({ latencyMs: 0, ...options });
  cleanups.push(() => service.close());
  return service;
}

function sessionWith(service: AvatarService, more: Partial<AvatarOptions> = {}): AvatarSession {
  const session = new AvatarSession({ ...service.client, avatarId: "anybody", reconnect: false, ...more });
  cleanups.push(() => session.close());
  return session;
}

async function open(service: AvatarService, more: Partial<AvatarOptions> = {}): Promise<AvatarSession> {
  const session = sessionWith(service, more);
  await session.start();
  return session;
}

const lastFrame = (session: AvatarSession) =>
  new Promise<void>((resolve) => session.on("frame", ({ last }) => last && resolve()));
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => Promise.reject(new Error("it did not fail")),
    (error: unknown) => error as AvatarError,
  );

async function tokenOf(service: AvatarService, lifeMs = 60_000): Promise<string> {
  const { consoleUrl, apiKey } = service.client;
  const body = JSON.stringify({ expireAt: (Date.now() + lifeMs) / 1000 });
  const reply = await send(
    `${consoleUrl}/session-tokens`,
    { method: "POST", headers: { "X-Api-Key": apiKey } },
    body,
  );
  return (JSON.parse(reply.text) as { sessionToken: string }).sessionToken;
}

describe("an avatar service", () => {
  it("answers audio with a frame each 40 ms of it, and says which is the last", async () => {
    const service = await start();
    const session = await open(service);
    const shown: [string, boolean][] = [];
    session.on("frame", ({ requestId, last }) => shown.push([requestId, last]));
    const last = lastFrame(session);
    const id = await session.sendAudio(new Int16Array(4_800));
    await session.sendAudio(new Int16Array(1_000), { end: true });
    await last;
    // 5800 samples are 362.5 ms.
    expect(shown).toEqual(Array.from({ length: 10 }, (_, at) => [id, at === 9]));
    expect(service.sessions[0]!.requests).toMatchObject([
      { id, audioBytes: 11_600, audioMs: 362.5, ended: true, frames: 10, done: true },
    ]);
    expect(service.sessions[0]!.connectionId).toBe(session.connectionId);
  });

  it("performs one utterance after another, and each to its end", async () => {
    const session = await open(await start({ frameMs: 10 }));
    const shown: string[] = [];
    const ids: string[] = [];
    session.on("frame", ({ requestId, last }) => last && shown.push(requestId));
    for (let at = 0; at < 3; at++) ids.push(await session.sendAudio(new Int16Array(800), { end: true }));
    ids.push(await session.sendAudio(new Int16Array(0), { end: true }));
    await vi.waitFor(() => expect(shown).toEqual(ids), 5_000);
  });

  it("measures Ogg Opus by its pages", async () => {
    const service = await start({ frameMs: 20 });
    const session = await open(service, { audioFormat: "ogg_opus", oggOpusEncoder: { frameDurationMs: 10 } });
    const last = lastFrame(session);
    await session.sendAudio(sine(440, 300, 16_000), { end: true });
    await last;
    expect(service.sessions[0]!.requests[0]).toMatchObject({ audioMs: 300, frames: 15, done: true });
  });

  it("shows nothing more of an utterance that is interrupted", async () => {
    const service = await start();
    const session = await open(service);
    const frame = new Promise<void>((resolve) => session.once("frame", () => resolve()));
    await session.sendAudio(new Int16Array(8_000));
    await frame;
    const interrupted = session.interrupt();
    const shown: string[] = [];
    session.on("frame", ({ requestId }) => shown.push(requestId));
    const last = lastFrame(session);
    const id = await session.sendAudio(new Int16Array(640), { end: true });
    await last;
    expect(shown).toEqual([id]);
    expect(service.sessions[0]!.requests).toMatchObject([
      { id: interrupted, ended: true },
      { id, done: true },
    ]);
  });

  const PHASES: AvatarFaultPhase[] = [
    "session_token",
    "websocket_connect",
    "websocket_handshake",
    "websocket_runtime",
  ];
  const REASONS = AVATAR_ERROR_REASONS.filter((reason) => reason !== "unknown");
  const told = (phase: AvatarFaultPhase, reason: AvatarErrorReason): AvatarErrorReason => {
    // Over a WebSocket that is open, and by HTTP, both are one.
    if (reason === "connectionFailed" && !phase.startsWith("websocket_c")) {
      return phase === "session_token" ? "connectionFailed" : "connectionClosed";
    }
    return reason === "connectionClosed" && !/handshake|runtime/.test(phase) ? "connectionFailed" : reason;
  };

  it.each(PHASES)("fails as it is told to in %s", async (phase) => {
    const service = await start();
    for (const reason of REASONS) {
      service.failNext({ phase, reason });
      const session = sessionWith(service);
      const error =
        phase === "websocket_runtime"
          ? await session.start().then(() => session.closed())
          : await failure(session.start());
      expect(error, reason).toMatchObject({ phase, reason: told(phase, reason) });
    }
    // Each strikes once.
    await open(service);
  });

  it("keeps silent where it is told to", async () => {
    const service = await start();
    const timeouts = { authorizeMs: 50, dialMs: 50, handshakeMs: 50 };
    for (const phase of ["session_token", "websocket_connect", "websocket_handshake"] as const) {
      service.failNext({ phase, reason: "silence" });
      expect(await failure(sessionWith(service, { timeouts }).start())).toMatchObject({ phase });
    }
  });
});

describe("who may use an avatar service", () => {
  it("gives tokens to those with its key, for a day at most", async () => {
    const { client } = await start({ apiKey: "the right key" });
    const url = `${client.consoleUrl}/session-tokens`;
    const ask = async (key: string, body: string, more: Record<string, string> = {}) =>
      (await send(url, { method: "POST", headers: { "X-Api-Key": key, ...more } }, body)).status;
    const body = JSON.stringify({ expireAt: Date.now() / 1000 + 60 });
    expect(await ask("the right key", body)).toBe(200);
    expect(await ask("the wrong key", body)).toBe(401);
    for (const wrong of ["", "{", "[]", '{"expireAt":"soon"}', '{"expireAt":1}', `{"expireAt":${1e12}}`])
      expect(await ask("the right key", wrong), wrong).toBe(422);
    expect(await ask("the right key", `{"expireAt":${"1".repeat(20_000)}}`)).toBe(422);
    expect(await ask("the right key", body, { Origin: "https://elsewhere.example" })).toBe(404);
    expect(await ask("the right key", body, { Host: "elsewhere.example" })).toBe(404);
    expect((await send(url)).status).toBe(404);
    expect((await send(client.consoleUrl)).status).toBe(404);
  });

  it("lets in who has a good token for its application and an avatar that it has", async () => {
    const service = await start({ avatarIds: ["ann"] });
    const url = `${service.client.ingressUrl.replace("http", "ws")}/websocket`;
    const token = await tokenOf(service);
    const good = { "X-App-ID": "troupe", "X-Session-Key": token };
    expect(await upgradeStatus(`${url}?id=ann`, good)).toBe(101);
    expect(await upgradeStatus(`${url}?id=ann&appId=troupe&sessionKey=${token}`)).toBe(101);
    expect(await upgradeStatus(`${url}?id=bob`, good)).toBe(404);
    expect(await upgradeStatus(url, good)).toBe(404);
    expect(await upgradeStatus(`${url}?id=ann`, { ...good, "X-App-ID": "other" })).toBe(400);
    expect(await upgradeStatus(`${url}?id=ann`, { ...good, "X-Session-Key": "x" })).toBe(400);
    expect(await upgradeStatus(`${url}?id=ann`)).toBe(400);
    expect(await upgradeStatus(`${url}?id=ann`, { ...good, Origin: "https://elsewhere.example" })).toBe(422);
    expect(await upgradeStatus(url.replace("websocket", "elsewhere"), good)).toBe(422);
    const old = await tokenOf(service, 1_000);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 2_000 });
    try {
      expect(await upgradeStatus(`${url}?id=ann`, { ...good, "X-Session-Key": old })).toBe(401);
    } finally {
      vi.useRealTimers();
    }
  });

  it("checks its options", async () => {
    await expect(AvatarService.start({ apiKey: "short" })).rejects.toMatchObject({ code: "INVALID_OPTION" });
    const { client } = await start();
    const port = Number(new URL(client.consoleUrl).port);
    await expect(AvatarService.start({ port })).rejects.toMatchObject({ code: "SIGNALLING_FAILED" });
  });
});

describe("the limits of an avatar service", () => {
  async function dial(service: AvatarService): Promise<{ socket: WebSocket; closed: Promise<number> }> {
    const token = await tokenOf(service);
    const url = `${service.client.ingressUrl.replace("http", "ws")}/websocket?id=ann`;
    const socket = new WebSocket(`${url}&appId=troupe&sessionKey=${token}`);
    const closed = new Promise<number>((resolve) => socket.on("close", resolve));
    socket.on("error", () => {});
    cleanups.push(async () => socket.terminate());
    await once(socket, "open");
    return { socket, closed };
  }

  it("closes on who configures nothing, and on rubbish", async () => {
    const hasty = await start({ limits: { handshakeMs: 50 } });
    expect(await (await dial(hasty)).closed).toBe(1008);
    const service = await start();
    for (const message of ["hello", Uint8Array.of(255, 255), new Uint8Array(0)]) {
      const { socket, closed } = await dial(service);
      socket.send(message);
      expect(await closed).toBe(1002);
    }
    const { socket, closed } = await dial(service);
    socket.send(new Uint8Array(2 * 1024 * 1024));
    expect(await closed).toBe(1009);
  });

  it("closes on a rate that it does not take, and on both egresses", async () => {
    const service = await start({ joinRoom: () => Promise.reject(new Error("never")) as never });
    const reasonOf = async (configuration: Parameters<typeof encodeConfiguration>[0]) => {
      const { socket, closed } = await dial(service);
      const answer = once(socket, "message");
      socket.send(encodeConfiguration(configuration));
      const [bytes] = (await answer) as [Buffer];
      await closed;
      return bytes.toString();
    };
    expect(await reasonOf({ sampleRate: 11_025 })).toContain("unsupported sample rate");
    const livekitEgress = { url: "ws://x", roomName: "r", publisherId: "p", apiToken: "t" };
    const both = {
      sampleRate: 16_000,
      egressType: EgressType.LIVEKIT,
      livekitEgress,
      agoraEgress: { channelName: "c" },
    };
    expect(await reasonOf(both)).toContain("both set");
    expect(await reasonOf({ ...both, agoraEgress: undefined, livekitEgress: {} })).toContain("lacks");
  });

  it("ends who floods, who sends more than can be shown, who is idle, and who stays too long", async () => {
    const flooding = await start({ limits: { messagesPerSecond: 1 } });
    const session = await open(flooding);
    for (let at = 0; at < 4; at++) session.sendAudio(new Int16Array(160)).catch(() => {});
    expect(await session.closed()).toMatchObject({ closeCode: 1008 });
    const full = await open(await start({ limits: { waitingAudioMs: 1_000 } }));
    full.sendAudio(new Int16Array(32_000)).catch(() => {});
    expect(await full.closed()).toMatchObject({ reason: "invalidRequest" });
    const idle = await open(await start({ limits: { idleMs: 500 } }));
    expect(await idle.closed()).toMatchObject({ reason: "idleTimeout" });
    const long = await open(await start({ limits: { sessionMs: 1_000 } }));
    expect(await long.closed()).toMatchObject({ reason: "sessionDurationExceeded" });
    const crowded = await start({ limits: { sessions: 1 } });
    await open(crowded);
    expect(await failure(sessionWith(crowded).start())).toMatchObject({ reason: "serverError" });
  });

  it("cuts who does not read", async () => {
    const service = await start({ frameMs: 10, limits: { bufferedBytes: 1_024 } });
    const { socket, closed } = await dial(service);
    socket.send(encodeConfiguration({ sampleRate: 16_000 }));
    await once(socket, "message");
    const [served] = service.sessions;
    vi.spyOn(WebSocket.prototype, "bufferedAmount", "get").mockReturnValue(10_000);
    served!.fail("serverError");
    expect(await closed).toBe(1006);
    vi.restoreAllMocks();
  });
});

describe("an avatar in a room", () => {
  const egress = { url: "ws://livekit.example", roomName: "lobby", publisherId: "face" };

  class FakeRoom implements AvatarRoom {
    readonly target: { url: string; token: string };
    readonly shown: Uint8Array[] = [];
    source: AudioSource | undefined;
    isLeft = false;
    readonly data = {
      publishData: async (frame: Uint8Array) => {
        this.shown.push(frame);
      },
    };

    constructor(target: { url: string; token: string }) {
      this.target = target;
    }

    async connected(): Promise<void> {}

    publish(source: AudioSource): void {
      this.source = source;
    }

    async disconnect(): Promise<void> {
      this.isLeft = true;
    }
  }

  async function enter(more: Partial<AvatarOptions> = {}) {
    const rooms: FakeRoom[] = [];
    const joinRoom = (target: { url: string; token: string }) => {
      rooms.push(new FakeRoom(target));
      return rooms.at(-1)!;
    };
    const service = await start({ joinRoom });
    const session = await open(service, { liveKitEgress: { ...egress, apiToken: "token" }, ...more });
    return { service, session, room: rooms[0]! };
  }

  it.each([16_000, 22_050])(
    "says there what comes at %i Hz, and sends no frames back",
    async (sampleRate) => {
      const { session, room } = await enter({ sampleRate });
      expect(room.target).toEqual({ url: "ws://livekit.example", token: "token" });
      const back = vi.fn();
      session.on("frame", back);
      using sink = new AudioSink(room.source!, { sampleRate: 16_000, frameMs: 200 });
      await session.sendAudio(sine(440, 2_000, sampleRate), { end: true });
      const heard: number[] = [];
      for await (const { pcm } of sink) {
        heard.push(shareAt(440, pcm, 16_000));
        if (heard.at(-1)! > 0.9) break;
      }
      await vi.waitFor(() => expect(room.shown.length).toBeGreaterThan(2), 5_000);
      expect(back).not.toHaveBeenCalled();
      await session.close();
      await vi.waitFor(() => expect(room.isLeft).toBe(true));
    },
  );

  it("falls silent when it is interrupted", async () => {
    const { service, session, room } = await enter();
    using sink = new AudioSink(room.source!, { sampleRate: 16_000 });
    await session.sendAudio(sine(440, 30_000, 16_000), { end: true });
    await new Promise<void>((resolve) => sink.once("frame", () => resolve()));
    session.interrupt();
    await vi.waitFor(() => expect(room.source!.queuedDurationMs).toBe(0), 5_000);
    expect(service.sessions[0]!.requests[0]).toMatchObject({ interrupted: true, done: false });
  });

  it("goes on with what it says when the utterance behind it is interrupted", async () => {
    const { service, session, room } = await enter();
    using sink = new AudioSink(room.source!, { sampleRate: 16_000, frameMs: 100 });
    let tones = 0;
    sink.on("frame", ({ pcm }) => {
      if (shareAt(440, pcm, 16_000) > 0.9) tones += 1;
    });
    await session.sendAudio(sine(440, 1_500, 16_000), { end: true });
    await session.sendAudio(sine(1_000, 3_000, 16_000), { end: true });
    const { requests } = service.sessions[0]!;
    await vi.waitFor(() => expect(requests.map(({ ended }) => ended)).toEqual([true, true]), 5_000);
    session.interrupt();
    await vi.waitFor(() => expect(requests[1]!.interrupted).toBe(true), 5_000);
    await room.source!.waitForPlayout();
    await vi.waitFor(() => expect(tones).toBeGreaterThanOrEqual(14), 5_000);
    expect(requests[0]!.interrupted).toBe(false);
  });

  it("says the utterance behind one that is interrupted", async () => {
    const room = new FakeRoom({ url: "", token: "" });
    const config = create(LiveKitEgressConfigSchema, { ...egress, apiToken: "token" });
    const face = await RoomEgress.open(config, 16_000, () => room);
    using sink = new AudioSink(room.source!, { sampleRate: 16_000, frameMs: 100 });
    face.say("first", sine(440, 30_000, 16_000));
    face.say("second", sine(1_000, 30_000, 16_000));
    for await (const { pcm } of sink.stream()) if (shareAt(440, pcm, 16_000) > 0.9) break;
    face.interrupt("first");
    for await (const { pcm } of sink.stream()) if (shareAt(1_000, pcm, 16_000) > 0.9) break;
    await face.close();
    expect(room.isLeft).toBe(true);
  });

  it("makes a token of its own where it gets a key", async () => {
    const keys = { apiKey: "devkey", apiSecret: "secret", extraAttributes: { mood: "calm" } };
    const { room } = await enter({ liveKitEgress: { ...egress, ...keys } });
    expect(decodeJwt(room.target.token)).toMatchObject({
      iss: "devkey",
      sub: "face",
      video: { room: "lobby", roomJoin: true },
      attributes: { mood: "calm" },
    });
  });

  it("is refused without a key, without rooms, and where the room cannot be joined", async () => {
    const service = await start();
    const reasonOf = async (liveKitEgress: AvatarOptions["liveKitEgress"], of = service) =>
      (await failure(sessionWith(of, { liveKitEgress }).start())).reason;
    expect(await reasonOf(egress)).toBe("invalidEgressConfig");
    expect(await reasonOf({ ...egress, apiToken: "t" })).toBe("egressUnavailable");
    const broken = await start({
      joinRoom: (target) =>
        Object.assign(new FakeRoom(target), { connected: () => Promise.reject(new Error("full")) }),
    });
    expect(await reasonOf({ ...egress, apiToken: "t" }, broken)).toBe("egressUnavailable");
  });
});
