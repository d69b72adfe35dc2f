import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type FakeAvatarLink, FakeAvatarService } from "../../../test/fixtures/FakeAvatarService.ts";
import { ManualClock } from "../../../test/fixtures/ManualClock.ts";
import { shareAt, sine } from "../../../test/fixtures/tone.ts";
import { Mouth, type TextToSpeech } from "../../agent/index.ts";
import { AudioSink, createFrame } from "../../media/index.ts";
import { AvatarSession } from "./AvatarSession.ts";
import { AvatarSource, type AvatarSourceOptions } from "./AvatarSource.ts";
import type { AvatarError } from "./errors.ts";
import type { AvatarOptions } from "./options.ts";

const RATE = 16_000;
const EGRESS = { url: "ws://127.0.0.1", roomName: "lobby", publisherId: "face", apiToken: "t" };

let service: FakeAvatarService;
const cleanups: (() => unknown)[] = [];

beforeEach(async () => {
  service = await FakeAvatarService.start();
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  await service.close();
});

async function open(
  more: Partial<AvatarSourceOptions> = {},
  options: Partial<AvatarOptions> = {},
  clock?: ManualClock,
) {
  const backoff = { firstMs: 1, maximumMs: 1, factor: 1, jitter: 0 };
  const session = new AvatarSession(service.options(options), { backoff });
  cleanups.push(() => session.close());
  const start = session.start();
  const link = await service.link();
  await link.configured();
  link.confirm();
  await start;
  const face = new AvatarSource({ session, firstFrameMs: 60_000, ...more }, clock ? { clock } : {});
  cleanups.push(() => face.close());
  // What nobody hears is not played.
  const sink = new AudioSink(face);
  cleanups.push(() => sink.close());
  return { session, link, face };
}

const inputs = (link: FakeAvatarLink) =>
  link.said.flatMap((message) => (message.case === "clientAudioInput" ? [message.value] : []));
const audioMs = (link: FakeAvatarLink) =>
  (inputs(link).reduce((sum, { audio }) => sum + audio.length, 0) / 2 / RATE) * 1000;

/** Resolves with the request id once its first audio came. */
async function firstAudio(link: FakeAvatarLink, count = 1): Promise<string> {
  const ids = () => [...new Set(inputs(link).map(({ reqId }) => reqId))];
  await link.until(() => ids().length >= count);
  return ids()[count - 1]!;
}

const playing = (face: AvatarSource) => new Promise<void>((resolve) => face.once("playing", resolve));
const faceless = (face: AvatarSource) =>
  new Promise<AvatarError>((resolve) => face.once("faceless", resolve));

describe("a source with a face", () => {
  it("is heard from the face's first frame on, to its end", async () => {
    const { link, face } = await open();
    const rang = playing(face);
    using sink = new AudioSink(face, { sampleRate: RATE, frameMs: 100 });
    const tones: number[] = [];
    sink.on("frame", ({ pcm }) => tones.push(shareAt(440, pcm, RATE)));
    await face.write(sine(440, 600, RATE));
    const finished = face.waitForPlayout();
    const id = await firstAudio(link);
    await link.until(() => inputs(link).some(({ end }) => end));
    expect(face.playback).toEqual({ requestId: id, positionMs: 0 });
    expect(audioMs(link)).toBe(600);
    link.frame(id);
    await rang;
    expect(await finished).toBe("played");
    await vi.waitFor(() => expect(Math.max(...tones)).toBeGreaterThan(0.9), 5_000);
    expect(face.playback).toBeNull();
  });

  it("says how much of the first of two utterances was heard, whatever waits behind it", async () => {
    const { link, face } = await open({ leadMs: 10_000 });
    using sink = new AudioSink(face, { sampleRate: RATE, frameMs: 10 });
    let heardMs = 0;
    sink.on("frame", () => {
      heardMs += 10;
    });
    const nextFrame = () => new Promise<void>((resolve) => sink.once("frame", () => resolve()));
    await face.write(sine(440, 5_000, RATE));
    const first = face.waitForPlayout();
    const rang = playing(face);
    link.frame(await firstAudio(link));
    await rang;
    await face.write(sine(440, 4_000, RATE));
    const second = face.waitForPlayout();
    const secondRang = playing(face);
    link.frame(await firstAudio(link, 2));
    await secondRang;
    while (heardMs < 300) await nextFrame();
    const { requestId, positionMs } = face.playback!;
    expect(requestId).toBe(await firstAudio(link));
    expect(positionMs).toBeGreaterThanOrEqual(heardMs);
    expect(positionMs).toBeLessThan(5_000);
    face.clear();
    expect([await first, await second]).toEqual(["cleared", "cleared"]);
  });

  it("sends no more than its lead ahead of real time", async () => {
    const clock = new ManualClock();
    const { link, face } = await open({ leadMs: 400 }, {}, clock);
    await face.write(sine(440, 5_000, RATE));
    await clock.pass(0);
    // One piece of 40 ms may go while the lead is not used up.
    await link.until(() => audioMs(link) >= 440);
    await clock.pass(1_000);
    await link.until(() => audioMs(link) >= 1_400);
    expect(audioMs(link)).toBeLessThanOrEqual(1_480);
    await clock.pass(10_000);
    await link.until(() => audioMs(link) >= 5_000);
  });

  it("does not make up for a pause by a burst", async () => {
    const clock = new ManualClock();
    const { link, face } = await open({ leadMs: 400, pauseMs: 60_000 }, {}, clock);
    await face.write(sine(440, 200, RATE));
    await link.until(() => audioMs(link) >= 200);
    await clock.pass(5_000);
    await face.write(sine(440, 5_000, RATE));
    await clock.pass(0);
    await link.until(() => audioMs(link) >= 640);
    await clock.pass(100);
    expect(audioMs(link)).toBeLessThanOrEqual(800);
  });

  it("converts what it is given to the session's rate", async () => {
    const { link, face } = await open({ sampleRate: 48_000 });
    expect(face.sampleRate).toBe(48_000);
    await face.write(createFrame(sine(440, 400, 48_000), { sampleRate: 48_000 }));
    face.waitForPlayout().catch(() => {});
    await link.until(() => inputs(link).some(({ end }) => end));
    const bytes = link.audioOf(await firstAudio(link));
    const pcm = new Int16Array(new Uint8Array(bytes).buffer);
    expect(Math.abs(audioMs(link) - 400)).toBeLessThan(5);
    expect(shareAt(440, pcm.subarray(800, 5_600), RATE)).toBeGreaterThan(0.9);
    await expect(face.write(createFrame(new Int16Array(160), { sampleRate: RATE }))).rejects.toMatchObject({
      code: "INVALID_AUDIO",
    });
  });

  it("ends an utterance after a pause, and begins another with what comes then", async () => {
    const { link, face } = await open({ pauseMs: 20 });
    await face.write(sine(440, 100, RATE));
    const id = await firstAudio(link);
    link.frame(id);
    await link.until(() => inputs(link).some(({ end }) => end));
    await face.write(sine(440, 100, RATE));
    expect(await firstAudio(link, 2)).not.toBe(id);
  });

  it("says one utterance after another, in order, when nobody waits", async () => {
    const { link, face } = await open();
    const heard: Promise<string>[] = [];
    for (let at = 0; at < 3; at++) {
      await face.write(sine(440, 100, RATE));
      heard.push(face.waitForPlayout());
    }
    await link.until(() => inputs(link).filter(({ end }) => end).length === 3);
    const ids = [...new Set(inputs(link).map(({ reqId }) => reqId))];
    expect(ids).toHaveLength(3);
    // The frames of the last overtake.
    for (const id of ids.toReversed()) link.frame(id);
    expect(await Promise.all(heard)).toEqual(["played", "played", "played"]);
  });

  it("falls silent when it is cleared, drops the face's frames and begins anew", async () => {
    const shown: string[] = [];
    const { link, face } = await open({ render: ({ requestId }) => shown.push(requestId) });
    await face.write(sine(440, 3_000, RATE));
    const finished = face.waitForPlayout();
    const id = await firstAudio(link);
    link.frame(id);
    await playing(face);
    expect(face.clear()).toBeGreaterThan(1_000);
    expect(await finished).toBe("cleared");
    await link.until(() => inputs(link).at(-1)!.end);
    expect(audioMs(link)).toBeLessThan(2_000);
    await face.write(sine(440, 100, RATE));
    const other = await firstAudio(link, 2);
    link.frame(id);
    link.frame(other);
    await playing(face);
    await vi.waitFor(() => expect(shown).toEqual([id, other]));
  });

  it("drops the frames of every utterance that a clear cuts, not of the last alone", async () => {
    const shown: string[] = [];
    const { link, face } = await open({ render: ({ requestId }) => shown.push(requestId) });
    await face.write(sine(440, 300, RATE));
    const first = face.waitForPlayout();
    await face.write(sine(440, 3_000, RATE));
    const second = await firstAudio(link, 2);
    const ids = [await firstAudio(link), second];
    face.clear();
    expect(await first).toBe("cleared");
    await face.write(sine(440, 100, RATE));
    const other = await firstAudio(link, 3);
    for (const id of [...ids, other]) link.frame(id);
    await vi.waitFor(() => expect(shown).toContain(other));
    expect(shown).toEqual([other]);
  });

  it("can be cleared before the face shows anything", async () => {
    const { link, face } = await open();
    await face.write(sine(440, 300, RATE));
    const finished = face.waitForPlayout();
    await firstAudio(link);
    expect(face.clear()).toBe(300);
    expect(await finished).toBe("cleared");
  });

  it("is heard without the face where that takes too long", async () => {
    const { link, face } = await open({ firstFrameMs: 30 });
    const late = faceless(face);
    await face.write(sine(440, 100, RATE));
    expect(await face.waitForPlayout()).toBe("played");
    expect(await late).toMatchObject({ code: "TIMEOUT" });
    expect(audioMs(link)).toBe(100);
  });

  it("goes on without the face when that is lost, and has it again with the next utterance", async () => {
    const { link, session, face } = await open({ leadMs: 40 });
    const lost = faceless(face);
    await face.write(sine(440, 1_000, RATE));
    const finished = face.waitForPlayout();
    await firstAudio(link);
    const connected = new Promise<void>((resolve) => session.once("connected", () => resolve()));
    link.socket.terminate();
    const again = await service.link();
    await again.configured();
    again.confirm();
    await connected;
    expect(await lost).toMatchObject({ reason: "connectionClosed" });
    expect(await finished).toBe("played");
    expect(inputs(again)).toEqual([]);
    await face.write(sine(440, 100, RATE));
    const id = await firstAudio(again);
    const rang = playing(face);
    again.frame(id);
    await rang;
  });

  it("is heard without the face while there is none", async () => {
    const { session, face } = await open({}, { reconnect: false });
    await session.close();
    const lost = faceless(face);
    await face.write(sine(440, 100, RATE));
    expect(await face.waitForPlayout()).toBe("played");
    expect(await lost).toMatchObject({ phase: "websocket_send", code: "CLOSED" });
  });

  it("bounds the frames that whoever shows them is too slow for, and bears that they fail", async () => {
    let isBroken = true;
    const { link, face, session } = await open({
      render: () => (isBroken ? Promise.reject(new Error("broken")) : new Promise(() => {})),
    });
    const id = await session.sendAudio(sine(440, 100, RATE));
    link.frame(id);
    await vi.waitFor(() => expect(face.droppedFrames).toBe(1));
    isBroken = false;
    for (let at = 0; at < 40; at++) link.frame(id);
    await vi.waitFor(() => expect(face.droppedFrames).toBe(9));
  });

  it("ends with its close, and the session does not", async () => {
    const { session, face } = await open();
    await face.write(sine(440, 300, RATE));
    const finished = face.waitForPlayout();
    face.close();
    expect(await finished).toBe("cleared");
    await expect(face.write(new Int16Array(160))).rejects.toMatchObject({ code: "CLOSED" });
    expect(session.ready).toBe(true);
  });

  it("checks its options", () => {
    expect(() => new AvatarSource({ session: {} as never })).toThrow(/Expected an AvatarSession/);
    const session = new AvatarSession(service.options({ sampleRate: 22_050 }));
    cleanups.push(() => session.close());
    expect(() => new AvatarSource({ session })).toThrow(/sampleRate/);
    expect(() => new AvatarSource({ session, sampleRate: RATE, leadMs: 1 })).toThrow(/leadMs/);
  });
});

describe("a mouth with a face", () => {
  const voice: TextToSpeech = {
    sampleRate: RATE,
    async *speak(text) {
      for (let at = 0; at < Number(text); at += 100)
        yield createFrame(sine(440, 100, RATE), { sampleRate: RATE });
    },
  };

  it("says a line through it", async () => {
    const { link, face } = await open();
    using mouth = new Mouth({ voice, source: face });
    const started = new Promise((resolve) => mouth.once("started", resolve));
    const said = mouth.say("300");
    link.frame(await firstAudio(link));
    expect(await started).toMatchObject({ text: "300" });
    expect(await said).toBe("finished");
    expect(audioMs(link)).toBe(300);
  });

  it("falls silent when it is interrupted, and says the next", async () => {
    const { link, face } = await open();
    using mouth = new Mouth({ voice, source: face });
    const said = mouth.say("5000");
    link.frame(await firstAudio(link));
    await playing(face);
    mouth.interrupt();
    expect(await said).toBe("interrupted");
    const next = mouth.say("100");
    link.frame(await firstAudio(link, 2));
    expect(await next).toBe("finished");
  });

  it("refuses one of another rate", async () => {
    const { face } = await open({ sampleRate: 48_000 });
    expect(() => new Mouth({ voice, source: face })).toThrow(/one of 16000 Hz/);
  });
});

describe("a source whose face is in a room of its own", () => {
  it("is not heard here, takes as long as it lasts, and interrupts there", async () => {
    const clock = new ManualClock();
    const { link, face } = await open({}, { liveKitEgress: EGRESS }, clock);
    const rang = playing(face);
    await face.write(sine(440, 1_000, RATE));
    await rang;
    let outcome = "";
    const finished = face.waitForPlayout().then((how) => {
      outcome = how;
    });
    await clock.pass(900);
    expect(outcome).toBe("");
    await clock.pass(200);
    await finished;
    expect(outcome).toBe("played");
    await face.write(sine(440, 5_000, RATE));
    const cut = face.waitForPlayout();
    const id = await firstAudio(link, 2);
    face.clear();
    expect(await cut).toBe("cleared");
    await link.until((said) => said.some((message) => message.case === "clientInterrupt"));
    expect(link.said.at(-1)?.value).toMatchObject({ reqId: id });
  });
});
