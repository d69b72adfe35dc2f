import { once } from "node:events";
import { createConnection } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Stage } from "./Stage.ts";
import { send, TestSocket, upgradeStatus } from "./testing/request.ts";

const LIMITS = { messageBytes: 4096, messagesPerSecond: 20, handshakeMs: 10_000, connections: 8 };

let stage: Stage;

beforeEach(async () => {
  stage = await Stage.start({ limits: LIMITS });
});

afterEach(() => stage.close());

/** The stage still serves: its API answers. */
async function expectAlive(): Promise<void> {
  const headers = { "x-sora-target": "Sora_20201013.ListConnections" };
  expect(await send(stage.apiUrl, { method: "POST", headers })).toMatchObject({ status: 200, text: "[]" });
}

/** Mulberry32: the same bytes at every run. */
function seededBytes(seed: number, length: number): Buffer {
  let state = seed;
  return Buffer.from(
    Uint8Array.from({ length }, () => {
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return (mixed ^ (mixed >>> 14)) & 0xff;
    }),
  );
}

async function firstWord(word: string | Buffer | object): Promise<{ code: number; reason: string }> {
  const client = await new TestSocket(stage.signalingUrl).opened();
  client.send(word);
  return client.closed;
}

describe("a first message", () => {
  it.each(["", "{", "null", "7", '"connect"', "[]", "[".repeat(2000), '{"a":'.repeat(600), "\0\0\0"])(
    "that is not a connect is refused: %j",
    async (text) => {
      const { code, reason } = await firstWord(text);
      expect(code).toBe(4490);
      expect(reason).toMatch(/^INVALID-(JSON|CONNECT)/);
    },
  );

  it.each([
    [{ type: "answer", sdp: "v=0" }, "type"],
    [{ type: "connect", channel_id: "a" }, "role"],
    [{ type: "connect", role: "upstream", channel_id: "a" }, "role"],
    [{ type: "connect", role: "sendonly" }, "channel_id"],
    [{ type: "connect", role: "sendonly", channel_id: "" }, "channel_id"],
    [{ type: "connect", role: "sendonly", channel_id: "a".repeat(256) }, "channel_id"],
    [{ type: "connect", role: "sendonly", channel_id: ["a"] }, "channel_id"],
    [{ type: "connect", role: "sendonly", channel_id: "a", audio: "yes" }, "audio"],
    [
      {
        type: "connect",
        role: "sendonly",
        channel_id: "a",
        data_channels: [{ label: "notify", direction: "sendrecv" }],
      },
      "data_channels.0.label",
    ],
    [
      {
        type: "connect",
        role: "sendonly",
        channel_id: "a",
        data_channels: [
          { label: "#a", direction: "sendrecv" },
          { label: "#a", direction: "sendrecv" },
        ],
      },
      "data_channels",
    ],
  ])("that is wrong is refused by field: %j", async (message, field) => {
    expect(await firstWord(message)).toEqual({ code: 4490, reason: `INVALID-CONNECT ${field}` });
  });

  it("that is binary is refused", async () => {
    expect(await firstWord(Buffer.from('{"type":"connect"}'))).toEqual({
      code: 4490,
      reason: "INVALID-MESSAGE",
    });
  });

  it("that never comes ends the handshake", async () => {
    await using hasty = await Stage.start({ limits: { handshakeMs: 50 } });
    const client = new TestSocket(hasty.signalingUrl);
    expect(await client.closed).toEqual({ code: 4490, reason: "HANDSHAKE-TIMEOUT" });
  });
});

describe("any bytes", () => {
  it("as messages leave the stage alive", async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const bytes = seededBytes(seed, seed * 17);
      const client = await new TestSocket(stage.signalingUrl).opened();
      client.send(seed % 2 === 0 ? bytes : bytes.toString("latin1"));
      expect((await client.closed).code).toBeGreaterThanOrEqual(1000);
    }
    await expectAlive();
  });

  it("as frames leave the stage alive", async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const client = await new TestSocket(stage.signalingUrl).opened();
      const { _socket: raw } = client.socket as unknown as { _socket: import("node:net").Socket };
      raw.end(seededBytes(seed, seed * 7));
      await client.closed;
    }
    await expectAlive();
  });

  it("as HTTP leave the stage alive", async () => {
    const port = Number(new URL(stage.apiUrl).port);
    for (let seed = 1; seed <= 30; seed++) {
      const raw = createConnection(port, "127.0.0.1");
      raw.on("error", () => {});
      raw.resume();
      raw.end(seededBytes(seed, seed * 31));
      await once(raw, "close");
    }
    await expectAlive();
  });
});

describe("limits", () => {
  it("end a WebSocket whose message is too long, before it is parsed", async () => {
    expect(await firstWord("x".repeat(LIMITS.messageBytes + 1))).toMatchObject({ code: 1009 });
    await expectAlive();
  });

  it("end a WebSocket that sends too many messages", async () => {
    const { feedUrl } = stage;
    const publisher = await new TestSocket(feedUrl).opened();
    for (let count = 0; count < 1000; count++) publisher.send("{}");
    expect(await publisher.closed).toEqual({ code: 1008, reason: "RATE-LIMIT" });
  });

  it("refuse one WebSocket too many", async () => {
    const clients = await Promise.all(
      Array.from({ length: LIMITS.connections }, () => new TestSocket(stage.signalingUrl).opened()),
    );
    expect(await upgradeStatus(stage.signalingUrl)).toBe(503);
    clients[0]!.close();
    await clients[0]!.closed;
    for (const client of clients) client.close();
  });

  it("refuse an API request that is too long or is not JSON", async () => {
    const call = (body: string) =>
      send(stage.apiUrl, { method: "POST", headers: { "x-sora-target": "x" } }, body);
    expect((await call("x".repeat(LIMITS.messageBytes + 1))).status).toBe(413);
    expect((await call("{")).status).toBe(400);
    expect((await call("{}")).text).toBe('{"error_type":"INVALID-TARGET"}');
    expect((await send(stage.apiUrl)).status).toBe(405);
  });

  it("cut a page that does not read", async () => {
    await using small = await Stage.start({ limits: { bufferedBytes: 1024 } });
    const { headers } = await send(small.pageUrl!);
    const cookie = String(headers["set-cookie"]).split(";")[0]!;
    const page = await new TestSocket(`${new URL(small.feedUrl).origin}/feed`, { cookie }).opened();
    await page.next({ type: "snapshot" });
    page.socket.pause();
    // More than the kernel's buffers of both ends take.
    for (let count = 0; count < 4000; count++) {
      small.publish({ type: "transcript", who: "bot", text: "x".repeat(4000), final: false, at: count });
    }
    page.socket.resume();
    expect((await page.closed).code).toBe(1006);
  });
});
