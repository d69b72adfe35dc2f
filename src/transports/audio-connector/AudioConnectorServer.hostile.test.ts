import { afterEach, expect, it, vi } from "vitest";
import { nextCall, type TestCall } from "../../../test/fixtures/audioConnectorCall.ts";
import { type Attack, flood, sendMalformed, stayHalfOpen } from "../../../test/fixtures/hostileCallers.ts";
import { AudioConnectorCaller } from "../../stage/index.ts";
import {
  type AudioConnectorConnection,
  type AudioConnectorLimits,
  AudioConnectorServer,
  type IncomingCounts,
} from "./index.ts";

const SAMPLES = 16_000;
const FRAMES = 50;
const TEXTS = 100;
/** Of a test; an attack makes this process slow. */
const LONGEST_MS = 60_000;

type GoodCall = Pick<TestCall, "caller" | "call">;

let server: AudioConnectorServer;

async function start(limits: AudioConnectorLimits = {}): Promise<void> {
  const bounds = { messagesPerSecond: 200, handshakeMs: 500, bufferedBytes: 65_536, ...limits };
  server = await AudioConnectorServer.start({ limits: bounds, call: { graceMs: 0 } });
}

afterEach(() => server.stop({ drainMs: 0 }));

/** A call whose messages are its own: the attack's calls have no connection id. */
async function goodCall(): Promise<GoodCall> {
  const connectionId = `good-${Math.random()}`;
  const begun = new Promise<AudioConnectorConnection>((resolve) => {
    server.on("connection", (call) => {
      if (call.info().id === connectionId) resolve(call);
    });
  });
  const caller = await AudioConnectorCaller.dial({ url: server.address, connectionId, quiet: true });
  const call = await begun;
  await call.connected();
  return { caller, call };
}

/** A second of samples, each its own number and none of them silence. */
function numbered(): Int16Array {
  return Int16Array.from({ length: SAMPLES }, (_, at) => 400 + at);
}

/** Sends a second of audio and a hundred texts each way, and gives what did not come as it went. */
async function exchange({ caller, call }: GoodCall): Promise<string[]> {
  const [up, down, texts, answers] = await Promise.all([
    upAudio({ caller, call }),
    downAudio({ caller, call }),
    sendTexts(
      (text) => caller.sendText(text),
      (hear) => call.on("message", (_, data) => hear(Buffer.from(data).toString())),
    ),
    sendTexts(
      (text) => void call.sendJson(text),
      (hear) => caller.on("message", hear),
    ),
  ]);
  const wrong: string[] = [];
  // Silence follows where this process was late.
  if (up < FRAMES) wrong.push(`${up} frames came from the caller`);
  if (!down.equals(Buffer.from(numbered().buffer))) wrong.push(`${down.length} bytes went to the caller`);
  if (texts.join() !== numbers().join()) wrong.push(`texts from the caller: ${texts.join()}`);
  if (answers.join() !== numbers().join()) wrong.push(`texts to the caller: ${answers.join()}`);
  return wrong;
}

function numbers(): string[] {
  return Array.from({ length: TEXTS }, (_, at) => String(at));
}

/** The frames that the server took of it and dropped nothing of. */
async function upAudio({ caller, call }: GoodCall): Promise<number> {
  const before = framesOf(call);
  const { promise: told, resolve } = Promise.withResolvers<void>();
  const off = call.on("dtmf", () => resolve());
  caller.say(numbered());
  await caller.said();
  // Behind the audio, on the same WebSocket.
  caller.sendDtmf("1");
  await told;
  off();
  return framesOf(call) - before;
}

function framesOf(call: AudioConnectorConnection): number {
  const { framesReceived, framesDropped } = call.getStats()[0]!.received as IncomingCounts;
  return framesReceived - framesDropped;
}

async function downAudio({ caller, call }: GoodCall): Promise<Buffer> {
  const frames: Buffer[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const off = caller.on("audio", (data) => {
    frames.push(Buffer.from(data));
    if (frames.length === FRAMES) resolve();
  });
  expect(await call.sendAudio(numbered())).toBe("sent");
  await promise;
  off();
  return Buffer.concat(frames);
}

/** Numbers as texts, some in each turn of the event loop; gives those that were heard. */
async function sendTexts(
  send: (text: string) => void,
  listen: (hear: (text: string) => void) => () => void,
): Promise<string[]> {
  const heard: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const off = listen((text) => {
    heard.push(text);
    if (heard.length === TEXTS) resolve();
  });
  for (const text of numbers()) {
    send(text);
    await new Promise((next) => setImmediate(next));
  }
  await promise;
  off();
  return heard;
}

it.each<[string, (url: string) => Attack]>([
  ["a flood of nonsense", flood],
  ["frames that break the protocol", sendMalformed],
  ["handshakes that never end", stayHalfOpen],
])(
  "loses nothing of the calls beside %s, and takes the next one",
  { timeout: LONGEST_MS },
  async (_, begin) => {
    await start();
    const calls = [await goodCall(), await goodCall()];
    await using attack = begin(server.address);
    expect(await Promise.all(calls.map(exchange))).toEqual([[], []]);
    const next = await goodCall();
    expect(await exchange(next)).toEqual([]);
    // Those that attack are thrown out, again and again.
    await vi.waitFor(() => expect(attack.ended).toBeGreaterThan(0), { timeout: LONGEST_MS });
    expect(attack.opened).toBeGreaterThan(5);
    for (const { call } of [...calls, next]) expect(call.state).toContain("connected(");
  },
);

it(
  "loses nothing of the calls beside one who does not read, and bounds what waits for him",
  async () => {
    // Who does not read answers no pings: he is not to be cut before he is full.
    await start({ silentMs: 600_000 });
    const calls = [await goodCall(), await goodCall()];
    const slow = await goodCall();
    slow.caller.pause();
    const long = JSON.stringify("x".repeat(30_000));
    const refusal = () =>
      slow.call.sendJson(long).then(
        () => undefined,
        (error) => error,
      );
    await vi.waitFor(async () => expect(await refusal()).toMatchObject({ code: "QUEUE_FULL" }), {
      timeout: LONGEST_MS,
      interval: 1,
    });
    expect(await Promise.all(calls.map(exchange))).toEqual([[], []]);
    expect(await refusal()).toMatchObject({ code: "QUEUE_FULL" });
    expect(slow.call.getStats()[0]!.bufferedBytes).toBeLessThan(65_536 + 2 * long.length);
  },
  LONGEST_MS,
);

it(
  "loses nothing of the calls beside one whose network went away",
  async () => {
    await start({ silentMs: 300 });
    const good = await goodCall();
    const begun = nextCall(server);
    const gone = await AudioConnectorCaller.dial({ url: server.address, quiet: true });
    const call = await begun;
    // It answers no ping either.
    gone.pause();
    const [wrong] = await Promise.all([exchange(good), call.disconnected()]);
    expect(wrong).toEqual([]);
    expect(good.call.state).toContain("connected(");
    gone.drop();
  },
  LONGEST_MS,
);
