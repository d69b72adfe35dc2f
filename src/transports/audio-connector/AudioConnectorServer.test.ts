import { createConnection } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { heard, nextCall, startCall } from "../../../test/fixtures/audioConnectorCall.ts";
import { AudioConnectorCaller } from "../../stage/index.ts";
import { TestSocket, upgradeStatus } from "../../stage/testing/request.ts";
import { AudioConnectorServer } from "./index.ts";
import type { AudioConnectorServerOptions } from "./options.ts";

const TOKEN = "Kk3yq0Zr7bW1mN5t";
const SECRET = "4d0e6f1b9c2a8e7d";

let server: AudioConnectorServer | undefined;

async function start(options: AudioConnectorServerOptions = {}): Promise<AudioConnectorServer> {
  server = await AudioConnectorServer.start(options);
  return server;
}

afterEach(() => server?.stop({ drainMs: 0 }));

describe("a server", () => {
  it("tells of its start, its address and its stop", async () => {
    const told: string[] = [];
    const { address, host, port, running } = await start({
      onStart: () => void told.push("started"),
      onStop: () => void told.push("stopped"),
    });
    expect([host, running, address]).toEqual(["127.0.0.1", true, `ws://127.0.0.1:${port}`]);
    await server!.stop();
    expect([told, server!.running]).toEqual([["started", "stopped"], false]);
    await expect(AudioConnectorCaller.dial({ url: address })).rejects.toMatchObject({
      code: "SIGNALLING_FAILED",
    });
  });

  it("is stopped also when onStop fails, which stop() tells", async () => {
    const failing = await AudioConnectorServer.start({
      port: 0,
      onStop: () => Promise.reject(new Error("no")),
    });
    let stopped = false;
    failing.on("stopped", () => (stopped = true));
    await expect(failing.stop()).rejects.toThrow("no");
    expect([stopped, failing.running, failing.listenerCount("stopped")]).toEqual([true, false, 0]);
  });

  it("says which port is taken, and frees its own when onStart fails", async () => {
    const { port } = await start();
    await expect(AudioConnectorServer.start({ port })).rejects.toMatchObject({ code: "SIGNALLING_FAILED" });
    const failing = () =>
      AudioConnectorServer.start({ port: 0, onStart: () => Promise.reject(new Error("no")) });
    await expect(failing()).rejects.toThrow("no");
  });

  it.each([
    [{ host: "0.0.0.0" }, "ACCESS_DENIED", "authentication"],
    [{ port: -1 }, "INVALID_OPTION", "AudioConnectorServer.port"],
    [
      { authentication: { pathToken: "short" } },
      "INVALID_OPTION",
      "AudioConnectorServer.authentication.pathToken",
    ],
    [{ call: { sampleRate: 44_100 } }, "INVALID_OPTION", "AudioConnectorServer.call.sampleRate"],
    [{ paths: ["calls"] }, "INVALID_OPTION", "AudioConnectorServer.paths.0"],
    [{ onConnect: "no" }, "INVALID_OPTION", "AudioConnectorServer.onConnect"],
  ])("refuses options that are wrong: %j", async (options, code, field) => {
    await expect(AudioConnectorServer.start(options as AudioConnectorServerOptions)).rejects.toMatchObject({
      code,
      field,
    });
  });

  it("listens on another address with authentication", async () => {
    const { host } = await start({ host: "0.0.0.0", authentication: { pathToken: TOKEN } });
    expect(host).toBe("0.0.0.0");
  });

  it("stops once what it still sends has been played, and in the time that it is given", async () => {
    const test = await startCall();
    void test.call.sendAudio(new Int16Array(16_000 * 0.3));
    const stopped = test.server.stop();
    await expect(AudioConnectorCaller.dial({ url: test.server.address })).rejects.toThrow();
    await stopped;
    expect(test.caller.report.framesPlayed).toBeGreaterThanOrEqual(14);
    expect((await test.caller.closed()).code).toBe(1000);

    const hasty = await startCall();
    void hasty.call.sendAudio(new Int16Array(16_000 * 60));
    await hasty.server.stop({ drainMs: 50 });
    expect(hasty.call.state).toBe("disconnected");
  });
});

describe("who may come in", () => {
  it("has the path token, and no log or info has it", async () => {
    const { address } = await start({ authentication: { pathToken: TOKEN }, paths: ["/calls"] });
    expect(await upgradeStatus(`${address}/calls`)).toBe(404);
    expect(await upgradeStatus(`${address}/calls/${TOKEN.toLowerCase()}`)).toBe(404);
    expect(await upgradeStatus(`${address}/other/${TOKEN}`)).toBe(404);
    const begun = nextCall(server!);
    await using _caller = await AudioConnectorCaller.dial({ url: `${address}/calls/${TOKEN}?a=1` });
    const { uri, customHeaders } = (await begun).info();
    expect(uri).toBe("/calls?a=1");
    expect(JSON.stringify(customHeaders)).not.toContain(TOKEN);
  });

  it("has the secret header, which info leaves out", async () => {
    const { address } = await start({ authentication: { header: { name: "X-Secret", value: SECRET } } });
    expect(await upgradeStatus(address)).toBe(401);
    expect(await upgradeStatus(address, { "x-secret": `${SECRET}x` })).toBe(401);
    const begun = nextCall(server!);
    const headers = { "X-Secret": SECRET, "x-name": "seven" };
    await using _caller = await AudioConnectorCaller.dial({ url: address, headers });
    const info = (await begun).info();
    expect(info.customHeaders).toMatchObject({ "x-name": "seven" });
    expect(info.customData).toEqual({ "x-name": "seven" });
    expect(JSON.stringify(info)).not.toContain(SECRET);
  });

  it("is who authorize takes", async () => {
    const seen: string[] = [];
    const { address } = await start({
      authentication: {
        authorize: async ({ path, headers, remoteAddress }) => {
          seen.push(`${path} ${headers.name} ${remoteAddress}`);
          if (headers.name === "broken") throw new Error("broken");
          return headers.name === "alice";
        },
      },
    });
    expect(await upgradeStatus(`${address}/a?b=c`, { name: "alice" })).toBe(101);
    expect(await upgradeStatus(address, { name: "bob" })).toBe(403);
    expect(await upgradeStatus(address, { name: "broken" })).toBe(403);
    expect(seen[0]).toBe("/a?b=c alice 127.0.0.1");
  });

  it("is no web page, unless it is allowed", async () => {
    const { address } = await start({ allowedOrigins: ["https://console.example"] });
    expect(await upgradeStatus(address, { origin: "https://evil.example" })).toBe(403);
    expect(await upgradeStatus(address, { origin: "https://console.example" })).toBe(101);
  });

  it("comes to a path that is served", async () => {
    const { address } = await start({ paths: ["/calls", /^\/bots\/\w+$/] });
    const statuses = ["/calls", "/bots/seven", "/", "/bots/", "/bots/a/b"].map((path) =>
      upgradeStatus(`${address}${path}`),
    );
    expect(await Promise.all(statuses)).toEqual([101, 101, 404, 404, 404]);
  });
});

describe("bounds", () => {
  it("turn the next caller away when every place is taken, and take one again afterwards", async () => {
    const { address } = await start({ limits: { connections: 2 } });
    const callers = await Promise.all([1, 2].map(() => AudioConnectorCaller.dial({ url: address })));
    expect(await upgradeStatus(address)).toBe(503);
    await callers[0]!.close();
    await using _next = await AudioConnectorCaller.dial({ url: address });
    await callers[1]!.close();
  });

  it("count calls that wait to come back, which have their place", async () => {
    const full = await start({ limits: { connections: 1 }, call: { graceMs: 60_000 } });
    const { address } = full;
    const begun = nextCall(full);
    const caller = await AudioConnectorCaller.dial({ url: address, connectionId: "c-1" });
    const call = await begun;
    await call.connected();
    const lost = new Promise<void>((resolve) => call.once("reconnecting", () => resolve()));
    caller.drop();
    await lost;
    await caller.closed();
    await using stranger = await AudioConnectorCaller.dial({ url: address, connectionId: "c-2" });
    expect(await stranger.closed()).toEqual({ code: 1013, reason: "no place is free" });
    const back = new Promise<void>((resolve) => call.once("reconnected", resolve));
    await using again = await AudioConnectorCaller.dial({ url: address, connectionId: "c-1" });
    await back;
    expect([again.open, full.calls]).toEqual([true, [call]]);
  });

  it("close who says nothing", async () => {
    const { address } = await start({ limits: { handshakeMs: 50 } });
    expect(await new TestSocket(address).closed).toEqual({ code: 1008, reason: "nothing came" });
  });

  it("close who sends a message that is too long", async () => {
    const test = await startCall({ limits: { messageBytes: 2_048 }, call: { graceMs: 0 } });
    test.caller.sendBytes(Buffer.alloc(2_049));
    expect((await test.caller.closed()).code).toBe(1009);
    await test.call.disconnected();
    await test.end();
  });

  it("close who floods, while the call beside is untouched", async () => {
    const { address } = await start({ limits: { messagesPerSecond: 100 }, call: { graceMs: 0 } });
    await using peaceful = await AudioConnectorCaller.dial({ url: address });
    const flooder = await AudioConnectorCaller.dial({ url: address, quiet: true });
    for (let at = 0; at < 400; at++) flooder.sendText('{"hello":1}');
    expect(await flooder.closed()).toEqual({ code: 1008, reason: "too many messages" });
    expect(peaceful.open).toBe(true);
  });

  it("refuse more for who does not read, and take it again once that is read", async () => {
    const test = await startCall({ limits: { bufferedBytes: 4_096 } }, { quiet: true });
    const text = JSON.stringify("x".repeat(60_000));
    test.caller.pause();
    let refused: unknown;
    while (!refused) {
      await test.call.sendJson(text).catch((error) => {
        refused = error;
      });
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(refused).toMatchObject({ code: "QUEUE_FULL" });
    expect(test.call.getStats()[0]!.bufferedBytes).toBeLessThan(4_096 + 2 * text.length);
    void test.call.sendAudio(new Int16Array(3_200));
    test.caller.resume();
    await heard<Buffer>(
      (listener) => test.caller.on("audio", listener),
      () => test.caller.report.sizes[640] === 10,
    );
    await test.end();
  });

  it("cut who is silent although its connection is there", async () => {
    const { address } = await start({ limits: { silentMs: 200 }, call: { graceMs: 0 } });
    const begun = nextCall(server!);
    const socket = createConnection(Number(new URL(address).port), "127.0.0.1");
    const lines = [
      "GET / HTTP/1.1",
      "Host: here",
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    ];
    socket.write(`${lines.join("\r\n")}\r\n\r\n`);
    // A masked text frame that says {}, and then nothing more: no pong either.
    socket.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x7b, 0x7d]));
    const call = await begun;
    await call.disconnected();
    expect(call.state).toBe("disconnected");
    socket.destroy();
  });
});

describe("what makes no sense", () => {
  it("as audio leaves the call alive", async () => {
    const test = await startCall({}, { quiet: true });
    for (const length of [0, 1, 2, 639, 641, 5_000, 60_000])
      test.caller.sendBytes(Buffer.alloc(length, 0x5a));
    test.caller.sendText('{"audio":"%%%"}');
    test.caller.sendText('{"audio":""}');
    test.caller.sendDtmf("1");
    await heard<string>(
      (listener) => test.call.on("dtmf", listener),
      () => true,
    );
    expect(test.call.state).toContain("connected(");
    await test.end();
  });

  it("as a first message begins a call all the same", async () => {
    const { address } = await start({ call: { sampleRate: 8_000 } });
    const begun = nextCall(server!);
    const socket = await new TestSocket(address).opened();
    const texts: string[] = [];
    server!.once("connection", (call) =>
      call.on("message", (_, data) => texts.push(Buffer.from(data).toString())),
    );
    socket.socket.send("\u0000 nonsense");
    const call = await begun;
    await heard<string>(
      (listener) => call.on("message", (_, data) => listener(Buffer.from(data).toString())),
      () => true,
    );
    expect([texts, call.info().sampleRate]).toEqual([["\u0000 nonsense"], 8_000]);
    socket.socket.terminate();
  });

  it("as HTTP is answered, and the server lives", async () => {
    const { address, port } = await start();
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(426);
    const socket = createConnection(port, "127.0.0.1");
    socket.on("error", () => {});
    socket.write("\u0000\u0001 not HTTP\r\n\r\n");
    await new Promise((resolve) => socket.once("close", resolve));
    expect(await upgradeStatus(address)).toBe(101);
  });
});

describe("onConnect", () => {
  it("is done before messages come, and what it publishes is carried", async () => {
    const told: string[] = [];
    const gate = Promise.withResolvers<void>();
    const { address } = await start({
      onConnect: async (call) => {
        call.on("dtmf", (digit) => told.push(digit));
        call.on("track", () => told.push("track"));
        await gate.promise;
        told.push("ready");
      },
    });
    const begun = nextCall(server!);
    await using caller = await AudioConnectorCaller.dial({ url: address });
    caller.sendDtmf("1");
    caller.sendDtmf("2");
    const call = await begun;
    const second = heard<string>(
      (listener) => call.on("dtmf", listener),
      (digit) => digit === "2",
    );
    gate.resolve();
    await second;
    expect(told).toEqual(["track", "ready", "1", "2"]);
  });

  it("that fails leaves the call to others", async () => {
    const { address } = await start({ onConnect: () => Promise.reject(new Error("broke")) });
    const begun = nextCall(server!);
    await using caller = await AudioConnectorCaller.dial({ url: address });
    const call = await begun;
    const digit = heard<string>(
      (listener) => call.on("dtmf", listener),
      () => true,
    );
    caller.sendDtmf("9");
    expect(await digit).toBe("9");
  });
});
