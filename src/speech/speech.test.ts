import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { TroupeError } from "../core/index.ts";
import { type AudioFrame, concatenateFrames, frameDurationMs } from "../media/index.ts";
import { FliteVoice, Pocketsphinx } from "./index.ts";
import { runTool } from "./runTool.ts";

const GRAMMAR = `#JSGF V1.0;
grammar order;
public <order> = [i would like] <thing> [and <thing>] [please];
<thing> = (a | one | two | three) (coffee | coffees | green tea | green teas);
`;
const LINE = "I would like two coffees and a green tea please";

async function speak(text: string, voice: "slt" | "rms" = "slt"): Promise<Int16Array> {
  return concatenateFrames(await collect(new FliteVoice({ voice }).speak(text))).pcm;
}

async function collect(frames: AsyncIterable<AudioFrame>): Promise<AudioFrame[]> {
  const all: AudioFrame[] = [];
  for await (const frame of frames) all.push(frame);
  return all;
}

/** Fails while anything is left in the folder for temporary files, which each test has to itself. */
async function expectNothingLeft(): Promise<void> {
  await vi.waitFor(async () => expect(await readdir(folder)).toEqual([]));
}

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "troupe-speech-test-"));
  vi.stubEnv("TMPDIR", folder);
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
  vi.unstubAllEnvs();
});

describe("FliteVoice", () => {
  it("speaks sentence by sentence, without silence at either end", async () => {
    const frames = await collect(new FliteVoice().speak("Good morning. How are you?"));
    const length = frames.reduce((sum, frame) => sum + frameDurationMs(frame), 0);
    expect(length).toBeGreaterThan(1_000);
    expect(length).toBeLessThan(4_000);
    const { pcm } = concatenateFrames(frames);
    expect(pcm.subarray(0, 800).some((sample) => Math.abs(sample) >= 160)).toBe(true);
  });

  it("takes text as text, whatever it looks like", async () => {
    expect((await speak("-o /tmp/evil $(touch evil); `true` & it's fine")).length).toBeGreaterThan(8_000);
    expect(await collect(new FliteVoice().speak(" ... "))).toEqual([]);
  });

  it("ends when it is cancelled, and leaves nothing behind", async () => {
    const controller = new AbortController();
    const speaking = collect(new FliteVoice().speak("Never to be heard", controller.signal));
    controller.abort();
    await expect(speaking).rejects.toMatchObject({ code: "CANCELLED" });
    await expectNothingLeft();
  });

  it("refuses unknown voices and texts that are none", async () => {
    expect(() => new FliteVoice({ voice: "nobody" as never })).toThrow(TroupeError);
    await expect(collect(new FliteVoice().speak(7 as never))).rejects.toMatchObject({
      code: "INVALID_OPTION",
    });
  });

  it("names the package that is missing", async () => {
    vi.stubEnv("PATH", "/nowhere");
    await expect(collect(new FliteVoice().speak("Hello"))).rejects.toMatchObject({
      code: "NOT_INSTALLED",
      message: expect.stringContaining("apt-get install flite"),
    });
  });
});

describe("Pocketsphinx", () => {
  it("recognises what flite says, under a grammar", async () => {
    for (const voice of ["slt", "rms"] as const) {
      const stream = new Pocketsphinx({ grammar: GRAMMAR }).open();
      const pcm = await speak(LINE, voice);
      for (let at = 0; at < pcm.length; at += 160) stream.write(pcm.subarray(at, at + 160));
      const transcript = await stream.end();
      expect(transcript.text).toBe(LINE.toLowerCase());
      expect(transcript.durationMs).toBeCloseTo(pcm.length / 16, 3);
    }
  });

  it("understands nothing in silence", async () => {
    const stream = new Pocketsphinx({ grammar: GRAMMAR }).open();
    stream.write(new Int16Array(32_000));
    expect((await stream.end()).text).toBe("");
  });

  it("is done at once when nothing was said at all", async () => {
    expect((await new Pocketsphinx({ grammar: GRAMMAR }).open().end()).text).toBe("");
  });

  it("fails clearly on a broken grammar", async () => {
    const stream = new Pocketsphinx({ grammar: "#JSGF V1.0; grammar broken; public <a> = <b" }).open();
    stream.write(new Int16Array(64_000));
    await expect(stream.end()).rejects.toMatchObject({ code: "INTERNAL" });
  });

  it("ends the program when the stream is closed or its signal aborts, and leaves nothing behind", async () => {
    const recognizer = new Pocketsphinx({ grammar: GRAMMAR });
    const controller = new AbortController();
    const aborted = recognizer.open({ signal: controller.signal });
    const closed = recognizer.open();
    const waiting = [aborted.end(), closed.end()];
    controller.abort();
    closed.close();
    for (const promise of waiting) await expect(promise).rejects.toMatchObject({ code: "CANCELLED" });
    expect(() => closed.write(new Int16Array(160))).toThrow(expect.objectContaining({ code: "CLOSED" }));
    await expectNothingLeft();
  });

  it("gives up after its deadline when the program hangs, and ends the program", async () => {
    const processId = join(folder, "processId");
    // Takes what is said and never answers.
    const hanging = `#!/bin/sh\necho $$ >"${processId}"\ncat "$2" >/dev/null\nexec sleep 600\n`;
    await writeFile(join(folder, "pocketsphinx_continuous"), hanging, { mode: 0o755 });
    vi.stubEnv("PATH", `${folder}:${process.env.PATH}`);
    const stream = new Pocketsphinx({ grammar: GRAMMAR, timeoutMs: 2_000 }).open();
    stream.write(new Int16Array(16_000));
    await expect(stream.end()).rejects.toMatchObject({ code: "TIMEOUT" });
    const id = Number(await readFile(processId, "utf8"));
    await vi.waitFor(() => expect(() => process.kill(id, 0)).toThrow("ESRCH"));
  });

  it("refuses more utterances than may wait", async () => {
    const recognizer = new Pocketsphinx({ grammar: GRAMMAR, concurrency: 1, maximumWaiting: 1 });
    const streams = [recognizer.open(), recognizer.open()];
    expect(() => recognizer.open()).toThrow(expect.objectContaining({ code: "QUEUE_FULL" }));
    for (const stream of streams) stream.close();
    await Promise.allSettled(streams.map((stream) => stream.end()));
  });

  it("names the packages that are missing", async () => {
    const stream = new Pocketsphinx().open();
    vi.stubEnv("PATH", "/nowhere");
    await expect(stream.end()).rejects.toMatchObject({ code: "NOT_INSTALLED" });
  });

  it("refuses other formats", () => {
    const stream = new Pocketsphinx().open();
    expect(() => stream.write("hello" as never)).toThrow(expect.objectContaining({ code: "INVALID_AUDIO" }));
    expect(() => new Pocketsphinx().open({ sampleRate: 8_000 })).toThrow(/16000/);
    stream.close();
    return expect(stream.end()).rejects.toMatchObject({ code: "CANCELLED" });
  });
});

describe("runTool", () => {
  it("ends a program that takes too long", async () => {
    await expect(
      runTool("sleep", ["30"], { debianPackage: "coreutils", timeoutMs: 50 }),
    ).rejects.toMatchObject({
      code: "TIMEOUT",
    });
  });

  it("passes on what a failing program said", async () => {
    const options = { debianPackage: "coreutils", timeoutMs: 5_000 };
    await expect(runTool("ls", ["/no/such/place"], options)).rejects.toMatchObject({
      code: "INTERNAL",
      message: expect.stringContaining("No such file"),
    });
  });
});
