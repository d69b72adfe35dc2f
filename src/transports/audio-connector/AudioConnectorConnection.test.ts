import { afterEach, describe, expect, it } from "vitest";
import { heard, nextCall, startCall, type TestCall } from "../../../test/fixtures/audioConnectorCall.ts";
import { shareAt, sine } from "../../../test/fixtures/tone.ts";
import { AudioSink, AudioSource } from "../../media/index.ts";
import { AudioConnectorCaller } from "../../stage/index.ts";

let test: TestCall | undefined;

async function start(...options: Parameters<typeof startCall>): Promise<TestCall> {
  test = await startCall(...options);
  return test;
}

afterEach(() => test?.end());

const samplesOf = (pcm: Buffer) => new Int16Array(Uint8Array.from(pcm).buffer);

describe("a call", () => {
  it("is a connection with the caller's track, ids and headers", async () => {
    const { call, caller } = await start(
      {},
      { connectionId: "c-1", sessionId: "s-1", conferenceId: "f-1", headers: { caller: "alice" } },
    );
    expect(call.state).toBe("connected(signalling.webSocket, media.flowing)");
    expect(call.tracks.map(({ key, kind, senderId }) => [key, kind, senderId])).toEqual([
      ["c-1:audio", "audio", "c-1"],
    ]);
    expect(call.info()).toMatchObject({
      id: "c-1",
      connectionId: "c-1",
      sessionId: "s-1",
      conferenceId: "f-1",
      uri: "/",
      customHeaders: { caller: "alice" },
      customData: { caller: "alice" },
      sampleRate: 16_000,
    });
    await caller.hangUp();
    await call.disconnected();
    expect(call.state).toBe("disconnected");
  });

  it.each([8_000, 16_000, 24_000] as const)("at %i Hz carries a tone each way", async (sampleRate) => {
    const { call, caller } = await start({}, { sampleRate });
    const source = new AudioSource({ sampleRate: 48_000 });
    call.publish(source);
    source.tryWrite(sine(700, 400, 48_000));
    const there = await heard<Buffer | null>(
      (listener) => caller.on("played", listener),
      (pcm) => pcm !== null && shareAt(700, samplesOf(pcm), sampleRate) > 0.9,
    );
    expect(there).toHaveLength(sampleRate / 25);
    expect(Object.keys(caller.report.sizes)).toEqual([String(sampleRate / 25)]);

    using sink = new AudioSink(call.tracks[0]!, { sampleRate: 16_000, frameMs: 20 });
    caller.say(sine(500, 600, sampleRate));
    await heard<{ pcm: Int16Array }>(
      (listener) => sink.on("frame", listener),
      ({ pcm }) => shareAt(500, pcm, 16_000) > 0.9,
    );
    source.close();
  });

  it("answers in JSON who calls in JSON, and as it is told to else", async () => {
    const { call, caller } = await start({}, { audioTransport: "json" });
    const texts: string[] = [];
    using sink = new AudioSink(call.tracks[0]!, { sampleRate: 16_000, frameMs: 20 });
    caller.say(sine(500, 600, 16_000));
    await heard<{ pcm: Int16Array }>(
      (listener) => sink.on("frame", listener),
      ({ pcm }) => shareAt(500, pcm, 16_000) > 0.9,
    );
    caller.on("message", (text) => texts.push(text));
    const arrived = heard<Buffer>(
      (listener) => caller.on("audio", listener),
      () => true,
    );
    await call.sendAudio(sine(700, 20, 16_000));
    expect(shareAt(700, samplesOf(await arrived), 16_000)).toBeGreaterThan(0.9);
    expect(texts).toEqual([]);
    await test!.end();

    const binary = await start({ call: { audioTransport: "binary" } }, { audioTransport: "json" });
    await binary.call.sendAudio(new Int16Array(320));
  });

  it("brings keys, messages and the rest of what the far side says, each as its own event", async () => {
    const { call, caller } = await start({}, { leadingSpace: true, quiet: true });
    const told: unknown[] = [];
    call.on("dtmf", (digit, durationMs) => told.push(["dtmf", digit, durationMs]));
    call.on("notify", (payload) => told.push(["notify", payload]));
    call.on("mediaUpdate", (active) => told.push(["mediaUpdate", active, call.tracks[0]!.state]));
    call.setHandler({ onMessage: (text) => told.push(["message", text]) });
    caller.sendDtmf("5", 260);
    caller.sendDtmf("#", 100, "bare");
    caller.sendMediaUpdate(false);
    caller.sendMediaUpdate(true);
    await call.sendNotify({ a: 1 });
    await heard<unknown>(
      (listener) => call.on("notify", listener),
      () => true,
    );
    caller.sendText('{"hello":"world"}');
    caller.sendText("{ no json");
    await heard<string>(
      (listener) => call.on("message", (_, data) => listener(Buffer.from(data).toString())),
      (text) => text === "{ no json",
    );
    expect(told).toEqual([
      ["dtmf", "5", 260],
      ["dtmf", "#", 100],
      ["mediaUpdate", false, "muted"],
      ["mediaUpdate", true, "live"],
      ["notify", { a: 1 }],
      ["message", '{"hello":"world"}'],
      ["message", "{ no json"],
    ]);
  });

  it.each(["action", "event", "clearAudio"] as const)(
    "is flushed by the message %s: what the far side holds is not played",
    async (clear) => {
      const { call, caller } = await start({ call: { clear } }, { clears: [clear] });
      const cleared = heard<undefined>(
        (listener) => call.on("cleared", () => listener(undefined)),
        () => true,
      );
      const sent = call.sendAudio(sine(700, 20_000, 16_000));
      await heard<Buffer | null>(
        (listener) => caller.on("played", listener),
        (pcm) => pcm !== null,
      );
      expect(call.farBufferMs).toBeGreaterThan(500);
      call.flush();
      expect(call.farBufferMs).toBe(0);
      expect(await sent).toBe("flushed");
      await cleared;
      const played = caller.report.framesPlayed;
      await heard<Buffer | null>(
        (listener) => caller.on("played", listener),
        (pcm) => pcm === null,
      );
      expect(caller.report.framesPlayed).toBe(played);
      expect(caller.report).toMatchObject({ bufferedMessages: 0, cleared: 1, overruns: 0 });
    },
  );

  it("sends JSON, and refuses what is none", async () => {
    const { call, caller } = await start();
    const arrived = heard<string>(
      (listener) => caller.on("message", listener),
      (text) => text.includes("two"),
    );
    await call.sendJson('{"one":1}');
    await call.sendJson({ two: 2 });
    expect(await arrived).toBe('{"two":2}');
    await expect(call.sendJson("{ no")).rejects.toMatchObject({ code: "INVALID_OPTION", field: "message" });
    await expect(call.sendJson(undefined)).rejects.toMatchObject({ code: "INVALID_OPTION" });
    await expect(call.send("#chat", "x")).rejects.toMatchObject({ code: "INVALID_STATE" });
  });

  it("carries one track, or buffers, never both", async () => {
    const { call } = await start();
    const source = new AudioSource();
    const local = call.publish(source);
    expect(local.state).toBe("live");
    expect(() => call.publish(source)).toThrow(expect.objectContaining({ code: "INVALID_STATE" }));
    await expect(call.sendAudio(new Int16Array(320))).rejects.toMatchObject({ code: "INVALID_STATE" });
    local.unpublish();
    void call.sendAudio(new Int16Array(16_000 * 20));
    expect(() => call.publish(source)).toThrow(expect.objectContaining({ code: "INVALID_STATE" }));
    source.close();
  });

  it("has no encoded frames that could be transformed", async () => {
    const { call } = await start();
    expect(() => call.setTransform(null)).toThrow(expect.objectContaining({ code: "INVALID_STATE" }));
  });
});

describe("a call that is lost", () => {
  it("comes back with its tracks, on another WebSocket and at another rate", async () => {
    const { server, call, caller } = await start({}, { connectionId: "c-2" });
    const source = new AudioSource({ sampleRate: 16_000 });
    const local = call.publish(source);
    const states: string[] = [];
    const track = call.tracks[0]!;
    call.on("reconnecting", () => states.push(`reconnecting ${track.state} ${local.state}`));
    const back = new Promise<void>((resolve) => call.once("reconnected", resolve));
    let calls = 0;
    server.on("connection", () => {
      calls += 1;
    });
    caller.drop();
    await new Promise<void>((resolve) => call.once("reconnecting", () => resolve()));
    await using again = await AudioConnectorCaller.dial({
      url: server.address,
      connectionId: "c-2",
      sampleRate: 8_000,
    });
    await back;
    expect([call.sampleRate, track.state, local.state, call.tracks, calls]).toEqual([
      8_000,
      "live",
      "live",
      [track],
      0,
    ]);
    expect(states).toEqual(["reconnecting detached detached"]);
    source.tryWrite(sine(700, 200, 16_000));
    await heard<Buffer | null>(
      (listener) => again.on("played", listener),
      (pcm) => pcm !== null && shareAt(700, samplesOf(pcm), 8_000) > 0.9,
    );
    source.close();
  });

  it("takes the place of a WebSocket that is dead without anybody's notice", async () => {
    const { server, call } = await start({}, { connectionId: "c-3" });
    const back = new Promise<void>((resolve) => call.once("reconnected", resolve));
    await using again = await AudioConnectorCaller.dial({ url: server.address, connectionId: "c-3" });
    await back;
    expect(server.calls).toEqual([call]);
    expect(again.open).toBe(true);
  });

  it("ends where another WebSocket has its id and calls do not come back", async () => {
    const { server, call } = await start({ call: { graceMs: 0 } }, { connectionId: "c-4" });
    const ended = call.disconnected();
    const begun = nextCall(server);
    await using again = await AudioConnectorCaller.dial({ url: server.address, connectionId: "c-4" });
    const next = await begun;
    await ended;
    expect([call.state, again.open, server.calls]).toEqual(["disconnected", true, [next]]);
  });

  it.each([0, 60])("is disconnected after a grace time of %i ms", async (graceMs) => {
    const { server, call, caller } = await start({ call: { graceMs } });
    const ended = new Promise<[number, string]>((resolve) =>
      call.once("disconnected", (...how) => resolve(how)),
    );
    caller.drop();
    expect((await ended)[0]).toBe(1006);
    expect([call.state, server.calls]).toEqual(["disconnected", []]);
    await expect(call.sendAudio(new Int16Array(320))).rejects.toMatchObject({ code: "INVALID_STATE" });
  });
});
