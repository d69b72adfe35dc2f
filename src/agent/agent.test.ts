import { afterEach, describe, expect, it, vi } from "vitest";
import { configureLogger, TroupeError } from "../core/index.ts";
import { type AudioFrame, AudioSource, createFrame } from "../media/index.ts";
import {
  Ears,
  FliteVoice,
  Mouth,
  Pocketsphinx,
  type SpeechOutput,
  type TextToSpeech,
  TurnTaking,
} from "./index.ts";

const GRAMMAR = `#JSGF V1.0;
grammar order;
public <order> = [i would like] <thing> [and <thing>] [please];
<thing> = (a | one | two | three) (coffee | coffees | green tea | green teas);
`;
const LINE = "I would like two coffees and a green tea please";
const closing: (() => void)[] = [];

function mouthWith(voice: TextToSpeech = new FliteVoice()): Mouth {
  const mouth = new Mouth({ voice });
  closing.push(() => mouth.close());
  return mouth;
}

function earsOn(producer: AudioSource): Ears {
  const ears = new Ears(producer, { recognizer: new Pocketsphinx({ grammar: GRAMMAR }) });
  closing.push(() => ears.close());
  return ears;
}

/** Listeners keep a source playing; without one it is nobody's. */
function play(mouth: Mouth): void {
  closing.push(mouth.source.addConsumer());
}

/** A voice of a given length that needs no program. */
function tone(ms: number): TextToSpeech {
  return {
    sampleRate: 16_000,
    async *speak() {
      for (let at = 0; at < ms; at += 100)
        yield createFrame(new Int16Array(1_600).fill(3_000), { sampleRate: 16_000 });
    },
  };
}

configureLogger({ write: () => {} });

afterEach(() => {
  for (const close of closing.splice(0).reverse()) close();
});

/** A source that plays without a pause, so that nothing begins in it. */
class EndlessOutput implements SpeechOutput {
  readonly producer = null;
  readonly sampleRate = 16_000;
  readonly state = "playing";
  readonly write = async () => {};
  readonly clear = () => 0;
  readonly waitForPlayout = async () => "played" as const;
  readonly once = () => () => {};
}

it("a mouth begins and ends what follows so closely that its source never falls silent", async () => {
  const mouth = new Mouth<SpeechOutput>({ voice: tone(100), source: new EndlessOutput() });
  closing.push(() => mouth.close());
  const started: string[] = [];
  mouth.on("started", ({ text }) => started.push(text));
  expect(await Promise.all(["one", "two"].map((text) => mouth.say(text)))).toEqual(["finished", "finished"]);
  expect(started).toEqual(["one", "two"]);
});

describe("a mouth and ears", () => {
  it("say and hear a sentence through the engine", async () => {
    const mouth = mouthWith();
    const ears = earsOn(mouth.source);
    await ears.ready();
    const heard = Promise.withResolvers<string>();
    const edges: string[] = [];
    ears.on("speechStarted", () => edges.push("started"));
    ears.on("speechStopped", () => edges.push("stopped"));
    ears.on("heard", ({ text }) => heard.resolve(text));
    expect(await mouth.say(LINE)).toBe("finished");
    // The end of speech is found in the silence behind it.
    await mouth.source.write(new Int16Array(16_000));
    expect(await heard.promise).toBe(LINE.toLowerCase());
    expect(edges).toEqual(["started", "stopped"]);
  });
});

describe("Mouth", () => {
  it("is interrupted at once, with all that waits", async () => {
    const mouth = mouthWith(tone(5_000));
    earsOn(mouth.source);
    const started = new Promise((resolve) => mouth.once("started", resolve));
    const sayings = [mouth.say("one"), mouth.say("two")];
    await started;
    const interrupted = vi.fn();
    mouth.on("interrupted", interrupted);
    mouth.interrupt();
    expect(mouth.source.queuedDurationMs).toBe(0);
    expect(await Promise.all(sayings)).toEqual(["interrupted", "interrupted"]);
    expect(interrupted.mock.calls.map(([saying]) => saying.text)).toEqual(["one", "two"]);
    expect(interrupted.mock.calls[0]![1]).toBeGreaterThanOrEqual(0);
    expect(interrupted.mock.calls[1]![1]).toBe(0);
  });

  it("goes on with the next saying when the voice fails", async () => {
    let calls = 0;
    const flawed: TextToSpeech = {
      sampleRate: 16_000,
      speak(text, signal) {
        if (calls++ === 0) throw new Error("hoarse");
        return tone(100).speak(text, signal);
      },
    };
    const mouth = mouthWith(flawed);
    earsOn(mouth.source);
    const [first, second] = await Promise.allSettled([mouth.say("one"), mouth.say("two")]);
    expect(first).toMatchObject({ status: "rejected", reason: expect.any(TroupeError) });
    expect(second).toEqual({ status: "fulfilled", value: "finished" });
  });

  it("refuses more than may wait, and everything once closed", async () => {
    const mouth = new Mouth({ voice: tone(1_000), maximumQueued: 1 });
    closing.push(() => mouth.close());
    play(mouth);
    const sayings = [mouth.say("one"), mouth.say("two")];
    await expect(mouth.say("three")).rejects.toMatchObject({ code: "QUEUE_FULL" });
    mouth.close();
    expect(await Promise.all(sayings)).toEqual(["interrupted", "interrupted"]);
    await expect(mouth.say("four")).rejects.toMatchObject({ code: "CLOSED" });
    expect(() => new Mouth({ voice: "loud" as never })).toThrow(/Expected a TextToSpeech/);
  });
});

describe("Ears", () => {
  it("report an utterance that was not recognised, and hear the next", async () => {
    const mouth = mouthWith();
    let calls = 0;
    const recognizer = new Pocketsphinx({ grammar: GRAMMAR });
    const ears = new Ears(mouth.source, {
      recognizer: {
        open: (options) => {
          if (calls++ === 0) throw new Error("deaf");
          return recognizer.open(options);
        },
      },
    });
    closing.push(() => ears.close());
    await ears.ready();
    const failed = new Promise((resolve) => ears.once("failed", resolve));
    const heard = new Promise<string>((resolve) => ears.once("heard", ({ text }) => resolve(text)));
    await mouth.say(LINE);
    await mouth.source.write(new Int16Array(16_000));
    await failed;
    await mouth.say("two coffees");
    await mouth.source.write(new Int16Array(16_000));
    expect(await heard).toBe("two coffees");
  });
});

describe("TurnTaking", () => {
  it("gives the turn after speech, and makes the mouth yield to speech", async () => {
    const caller = new AudioSource({ sampleRate: 16_000, capacityMs: 10_000 });
    closing.push(() => caller.close());
    const ears = earsOn(caller);
    await ears.ready();
    const mouth = mouthWith(tone(20_000));
    play(mouth);
    const turns = new TurnTaking({ mouth });
    closing.push(() => turns.close());
    turns.listen(ears);
    const turn = new Promise<string>((resolve) => turns.once("turn", resolve));
    const speak = async (text: string) => {
      for await (const frame of new FliteVoice({ voice: "rms" }).speak(text))
        await caller.write(frame as AudioFrame);
      await caller.write(new Int16Array(16_000));
    };
    await speak("two coffees please");
    expect(await turn).toBe("two coffees please");
    earsOn(mouth.source);
    const answering = mouth.say("a long answer");
    const bargedIn = new Promise<void>((resolve) => turns.once("bargeIn", resolve));
    await speak("one green tea");
    await bargedIn;
    expect(await answering).toBe("interrupted");
    expect(mouth.source.queuedDurationMs).toBe(0);
  });
});
