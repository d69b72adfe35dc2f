import { deflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { FakeChannel } from "../../../test/fixtures/FakeChannel.ts";
import { FakeSource, join, joinSwitched, start, WITH_BOB } from "../../../test/fixtures/soraConnection.ts";

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

describe("remote procedure calls", () => {
  it("give the result of the answer with the same id, in any order", async () => {
    const started = await start();
    const { channels } = await joinSwitched(started, true);
    const told: string[] = [];
    started.connection.on("rpc", (text) => told.push(text));
    const first = started.connection.rpc("2025.2.0/RequestSimulcastRid", { rid: "r0" });
    const second = started.connection.rpc("2025.2.0/Other");
    await expect.poll(() => channels.rpc!.sent.length).toBe(2);
    expect(JSON.parse(String(channels.rpc!.sent[0]))).toEqual({
      jsonrpc: "2.0",
      id: 1,
      method: "2025.2.0/RequestSimulcastRid",
      params: { rid: "r0" },
    });
    const answers = ['{"jsonrpc":"2.0","id":2,"result":[2]}', '{"jsonrpc":"2.0","id":1,"result":{"a":1}}'];
    for (const answer of ["{", '{"jsonrpc":"2.0","id":99,"result":1}', ...answers])
      channels.rpc!.receive(answer);
    expect([await first, await second]).toEqual([{ a: 1 }, [2]]);
    expect(told.slice(2)).toEqual(answers);
  });

  it("throw what the server says", async () => {
    const started = await start();
    const { channels } = await joinSwitched(started, true);
    const call = started.connection.rpc("none");
    channels.rpc!.receive(
      '{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"Method not found","data":7}}',
    );
    await expect(call).rejects.toMatchObject({
      name: "SoraRpcError",
      code: "REMOTE_ERROR",
      rpcCode: -32601,
      message: "Method not found",
      data: 7,
    });
  });

  it("end by time, by signal and with the connection", async () => {
    const started = await start();
    await expect(started.connection.rpc("early")).rejects.toMatchObject({ code: "INVALID_STATE" });
    const { channels } = await joinSwitched(started, true);
    const { connection } = started;
    await expect(connection.rpc("slow", {}, { timeoutMs: 1 })).rejects.toMatchObject({ code: "TIMEOUT" });
    const aborted = connection.rpc("unwanted", {}, { signal: AbortSignal.abort() });
    await expect(aborted).rejects.toMatchObject({ code: "CANCELLED" });
    const lost = connection.rpc("lost");
    channels.rpc!.end();
    await expect(lost).rejects.toMatchObject({ code: "CLOSED" });
    await expect(connection.rpc("late")).rejects.toMatchObject({ code: "INVALID_STATE" });
  });

  it("need no answer as notifications", async () => {
    const started = await start();
    const { channels } = await joinSwitched(started, true);
    await started.connection.rpcNotify("told", { a: 1 });
    expect(JSON.parse(String(channels.rpc!.sent[0]))).toEqual({
      jsonrpc: "2.0",
      method: "told",
      params: { a: 1 },
    });
  });
});
