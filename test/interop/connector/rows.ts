import type { AudioConnectorCaller, AudioConnectorCallerOptions } from "../../../src/stage/index.ts";
import { generateTone, measureTone } from "../../../src/testing/index.ts";
import { expect } from "../sora/Checks.ts";

/** One row of the table: the same for every server. */
export interface Row {
  name: string;
  /** Gives a detail to print, or throws. */
  run(dial: Dial): Promise<string | undefined>;
}

/** Calls the server that is checked. */
export type Dial = (options?: Partial<AudioConnectorCallerOptions>) => Promise<AudioConnectorCaller>;

type Reply = Record<string, unknown>;

const REPLY_MS = 5_000;
const PLAYOUT_SECONDS = 60;
const PLAYED_BY_MS = 75_000;
/** How much more than the window the far side may have: what it plays while the window is filled. */
const SPARE_MESSAGES = 15;
const LONGEST_FLUSH_MS = 100;

export const ROWS: Row[] = [
  {
    name: "info has the ids of the request, its path and headers",
    run: (dial) =>
      onCall(
        dial,
        { sessionId: "s-1", connectionId: "c-1", conferenceId: "f-1", leadingSpace: true },
        async (caller) => {
          const { info } = (await ask(caller, { order: "info" }, "info")) as { info: Reply };
          expect(info.sessionId === "s-1", `the session id is ${info.sessionId}`);
          expect(info.connectionId === "c-1", `the connection id is ${info.connectionId}`);
          expect(info.conferenceId === "f-1", `the conference id is ${info.conferenceId}`);
          expect(info.uri === "/", `the path is ${info.uri}`);
          expect("x-opentok-ws-sessionid" in (info.customHeaders as object), "there are no headers");
          return undefined;
        },
      ),
  },
  {
    name: "the id of a call is its connection id",
    run: (dial) =>
      onCall(dial, { connectionId: "c-2" }, async (caller) => {
        const { info } = (await ask(caller, { order: "info" }, "info")) as { info: Reply };
        expect(info.id === "c-2", `it is ${info.id}`);
        return undefined;
      }),
  },
  ...([8_000, 16_000, 24_000] as const).map((rate) => toneRow(rate)),
  {
    name: "the last frame is filled up when that is asked for",
    run: (dial) =>
      onCall(dial, {}, async (caller) => {
        order(caller, {
          order: "tone",
          hz: 700,
          rate: 16_000,
          seconds: 0.05,
          options: { pad_last_frame: true },
        });
        await playedFrames(caller, 3);
        expectSizes(caller, { 640: 3 });
        return undefined;
      }),
  },
  {
    name: "a buffer shorter than a frame is sent when it is filled up",
    run: (dial) =>
      onCall(dial, {}, async (caller) => {
        order(caller, {
          order: "tone",
          hz: 700,
          rate: 16_000,
          seconds: 0.01,
          options: { pad_last_frame: true },
        });
        await within("the frame", 1_000, playedFrames(caller, 1));
        expectSizes(caller, { 640: 1 });
        return undefined;
      }),
  },
  {
    name: "frames of 10 ms have the rate of the call",
    run: (dial) =>
      onCall(dial, { sampleRate: 24_000 }, async (caller) => {
        const options = { frames_ms: 10, bytes_per_sample: 480 };
        order(caller, { order: "tone", hz: 700, rate: 24_000, seconds: 0.2, options });
        await playedFrames(caller, 20);
        expectSizes(caller, { 480: 20 });
        return undefined;
      }),
  },
  {
    name: "a tone of the caller is heard",
    run: (dial) => onCall(dial, {}, hearsTone),
  },
  {
    name: "a tone of the caller in JSON is heard",
    run: (dial) => onCall(dial, { audioTransport: "json" }, hearsTone),
  },
  {
    name: "keys come in both forms",
    run: (dial) =>
      onCall(dial, {}, async (caller) => {
        caller.sendDtmf("5", 260);
        caller.sendDtmf("#", 100, "bare");
        const { texts } = await ask(caller, { order: "heard" }, "heard");
        expect(JSON.stringify(texts) === '["5","#"]', `they are ${JSON.stringify(texts)}`);
        return undefined;
      }),
  },
  {
    name: "what the far side tells of itself comes by its name",
    run: (dial) =>
      onCall(dial, {}, async (caller) => {
        caller.sendMediaUpdate(false);
        caller.sendMediaUpdate(true);
        caller.sendMessage({ event: "websocket:cleared" });
        caller.sendMessage({ event: "websocket:notify", payload: { mark: 7 } });
        const { texts } = await ask(caller, { order: "heard" }, "heard");
        const told = ["update false", "update true", "cleared", "notify 7"];
        expect(JSON.stringify(texts) === JSON.stringify(told), `they are ${JSON.stringify(texts)}`);
        return undefined;
      }),
  },
  {
    name: "the far side's end is noticed",
    run: async (dial) => {
      const first = await dial();
      await ask(first, { order: "name", name: "one that ends" }, "named");
      await first.hangUp();
      return await onCall(dial, {}, async (caller) => {
        await ask(caller, { order: "awaitEnd", name: "one that ends" }, "ended");
        return undefined;
      });
    },
  },
  {
    name: "no more is sent than the far side holds",
    run: (dial) =>
      onCall(dial, { sampleRate: 8_000 }, async (caller) => {
        order(caller, { order: "timing", seconds: 60 });
        const options = { bytes_per_sample: 320 };
        order(caller, { order: "tone", hz: 700, rate: 8_000, seconds: 70, options });
        await playedFrames(caller, 50);
        const { overruns, highestBufferedMessages: most } = caller.report;
        expect(overruns === 0, `${overruns} messages were too many`);
        return `${most} messages at the most`;
      }),
  },
  {
    name: "a message that is no JSON is refused",
    run: (dial) =>
      onCall(dial, {}, async (caller) => {
        await ask(caller, { order: "broken" }, "refused");
        return undefined;
      }),
  },
  {
    name: "a flush ends what is played, at once",
    run: (dial) =>
      onCall(dial, {}, async (caller) => {
        order(caller, { order: "tone", hz: 700, rate: 16_000, seconds: 30 });
        await playedFrames(caller, 20);
        const askedMs = performance.now();
        order(caller, { order: "flush" });
        await new Promise<void>((resolve) => caller.on("played", (pcm) => pcm === null && resolve()));
        const ms = performance.now() - askedMs;
        expect(ms <= LONGEST_FLUSH_MS, `it took ${Math.round(ms)} ms`);
        const { framesPlayed } = caller.report;
        // What was queued behind it does not come either.
        await new Promise((resolve) => setTimeout(resolve, 500));
        expect(caller.report.framesPlayed === framesPlayed, "there came more");
        return `${Math.round(ms)} ms`;
      }),
  },
  {
    name: "the active window is that of the rate",
    run: (dial) =>
      onCall(dial, { sampleRate: 8_000 }, async (caller) => {
        order(caller, { order: "timing", seconds: 2 });
        order(caller, {
          order: "tone",
          hz: 700,
          rate: 8_000,
          seconds: 30,
          options: { bytes_per_sample: 320 },
        });
        await playedFrames(caller, 150);
        const { highestBufferedMessages: most, underruns } = caller.report;
        expect(most <= 100 + SPARE_MESSAGES, `the far side had ${most} messages`);
        expect(underruns === 0, `${underruns} frames were missed`);
        return `${most} messages at the most`;
      }),
  },
  {
    name: "the server ends a call",
    run: async (dial) => {
      const caller = await dial();
      order(caller, { order: "disconnect" });
      const { code } = await within("the close", REPLY_MS, caller.closed());
      expect(code === 1000, `the code is ${code}`);
      return undefined;
    },
  },
];

/** The long rows, which run side by side: the far clock's drift, and how the server is told to play. */
export const PLAYOUT_ROWS: Row[] = (["tone", "live"] as const).flatMap((kind) =>
  [200, -200].map((driftPpm) => ({
    name: `${kind === "live" ? "a track" : "a buffer"} plays for ${PLAYOUT_SECONDS} s without a gap at ${driftPpm} ppm`,
    run: (dial: Dial) => onCall(dial, { driftPpm }, (caller) => playsThrough(caller, kind)),
  })),
);

async function playsThrough(caller: AudioConnectorCaller, kind: "tone" | "live"): Promise<string> {
  const wrong = { frames: 0 };
  let last: Int16Array | undefined;
  caller.on("played", (pcm) => {
    if (!pcm) return;
    const frame = samplesOf(pcm);
    // The first and the last may hold silence.
    if (last && !isTone(last, 16_000)) wrong.frames += 1;
    last = isSilent(frame) && !last ? undefined : frame;
  });
  const unsupported = nextReply(caller, "unknown");
  order(caller, { order: kind, hz: 700, rate: 16_000, seconds: PLAYOUT_SECONDS });
  const frames = PLAYOUT_SECONDS * 50;
  const refused = unsupported.then(() => {
    throw new Error("it has no such thing");
  });
  await Promise.race([within("the playout", PLAYED_BY_MS, playedFrames(caller, frames)), refused]);
  const { underruns, overruns, truncated, short, highestBufferedMessages } = caller.report;
  expect(underruns === 0, `${underruns} frames were missed`);
  expect(overruns + truncated + short === 0, `${overruns} over, ${truncated} truncated, ${short} short`);
  expect(wrong.frames === 0, `${wrong.frames} frames were no tone`);
  return `at most ${highestBufferedMessages} messages ahead`;
}

function toneRow(rate: 8_000 | 16_000 | 24_000): Row {
  const bytes = rate / 25;
  return {
    name: `a tone at ${rate} Hz comes in frames of ${bytes} bytes`,
    run: (dial) =>
      onCall(dial, { sampleRate: rate }, async (caller) => {
        const heard: Int16Array[] = [];
        caller.on("played", (pcm) => pcm && heard.push(samplesOf(pcm)));
        order(caller, { order: "tone", hz: 700, rate, seconds: 1, options: { bytes_per_sample: bytes } });
        await playedFrames(caller, 50);
        expectSizes(caller, { [bytes]: 50 });
        const wrong = heard.filter((pcm) => !isTone(pcm, rate)).length;
        expect(wrong === 0, `${wrong} frames were no tone`);
        return undefined;
      }),
  };
}

async function hearsTone(caller: AudioConnectorCaller): Promise<undefined> {
  caller.say(generateTone({ frequency: 500, sampleRate: 16_000, durationMs: 2_500 }));
  await new Promise((resolve) => setTimeout(resolve, 1_800));
  const { pcm } = await ask(caller, { order: "heard" }, "heard");
  const heard = samplesOf(Buffer.from(String(pcm), "hex"));
  expect(heard.length > 8_000, `${heard.length} samples were heard`);
  expect(measureTone(heard, 500, 16_000) > 0.9, "it was no tone");
  return undefined;
}

async function onCall<Result>(
  dial: Dial,
  options: Partial<AudioConnectorCallerOptions>,
  work: (caller: AudioConnectorCaller) => Promise<Result>,
): Promise<Result> {
  const caller = await dial(options);
  try {
    return await work(caller);
  } finally {
    await caller.hangUp();
  }
}

function order(caller: AudioConnectorCaller, message: object): void {
  caller.sendMessage(message);
}

async function ask(caller: AudioConnectorCaller, message: object, reply: string): Promise<Reply> {
  const answered = nextReply(caller, reply);
  order(caller, message);
  return await within(`the answer ${reply}`, REPLY_MS, answered);
}

function nextReply(caller: AudioConnectorCaller, reply: string): Promise<Reply> {
  return new Promise((resolve) =>
    caller.on("message", (text) => {
      const message = JSON.parse(text) as Reply;
      if (message.reply === reply) resolve(message);
    }),
  );
}

function playedFrames(caller: AudioConnectorCaller, count: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  caller.on("played", () => caller.report.framesPlayed >= count && resolve());
  return promise;
}

async function within<Value>(what: string, ms: number, work: Promise<Value>): Promise<Value> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`${what} took longer than ${ms} ms`)), ms);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

function expectSizes(caller: AudioConnectorCaller, sizes: Record<number, number>): void {
  const seen = JSON.stringify(caller.report.sizes);
  expect(seen === JSON.stringify(sizes), `messages by size are ${seen}`);
}

function samplesOf(pcm: Buffer): Int16Array {
  return new Int16Array(Uint8Array.from(pcm).buffer);
}

function isTone(pcm: Int16Array, rate: number): boolean {
  return measureTone(pcm, 700, rate) > 0.9;
}

function isSilent(pcm: Int16Array): boolean {
  return pcm.every((sample) => sample === 0);
}
