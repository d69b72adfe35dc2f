import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { AudioSink, AudioSource, connect, encodeWav, type RemoteTrack } from "troupe";
import { type SoraConnection, sora } from "troupe/sora";
import { AudioConnectorCaller, Stage } from "troupe/stage";
import { generateTone, measureTone, readRecording, ScriptedCaller } from "troupe/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const RUNNER = fileURLToPath(new URL("../../scripts/example.mjs", import.meta.url));
const CHANNEL = "lobby";
const SAMPLE_RATE = 16_000;
/** A process has to start and join, and the bot to speak. */
const EXAMPLE_MS = 60_000;

let stage: Stage;
let folder: string;
const cleanups: (() => unknown)[] = [];

beforeEach(async () => {
  stage = await Stage.start();
  folder = await mkdtemp(join(tmpdir(), "troupe-examples-"));
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  await stage.close();
  await rm(folder, { recursive: true });
});

/** An example as its user runs it, from the sources. */
class Example {
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcess;
  readonly #said: string[] = [];
  readonly #waiting = new Set<() => void>();

  constructor(name: string, ...rest: string[]) {
    // A recording that was given no path is written where the example runs.
    this.#child = spawn(process.execPath, ["--conditions=troupe-source", RUNNER, name, ...rest], {
      cwd: folder,
    });
    this.ended = once(this.#child, "close").then(([code]) => {
      this.#note(`(${name} ended with ${code})`);
      return code as number | null;
    });
    for (const stream of [this.#child.stdout!, this.#child.stderr!])
      createInterface(stream).on("line", (line) => this.#note(line));
    cleanups.push(() => this.#child.kill("SIGKILL") && this.ended);
  }

  get said(): string {
    return this.#said.join("\n");
  }

  /** Resolves once it has printed such a line, and throws when it ends without one. */
  async says(wanted: RegExp): Promise<void> {
    while (!this.#said.some((line) => wanted.test(line))) {
      if (this.#child.exitCode !== null) throw new Error(`It never said ${wanted}:\n${this.said}`);
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
      this.#waiting.clear();
    }
  }

  /** Ctrl-C. */
  interrupt(): Promise<number | null> {
    this.#child.kill("SIGINT");
    return this.ended;
  }

  #note(line: string): void {
    this.#said.push(line);
    for (const wake of this.#waiting) wake();
  }
}

/** Somebody else in the channel, and the first that it hears there. */
function enter(audioSource?: AudioSource): { connection: SoraConnection; track: Promise<RemoteTrack> } {
  const connection = connect(
    sora({
      signalingUrls: [stage.signalingUrl],
      channelId: CHANNEL,
      role: audioSource ? "sendrecv" : "recvonly",
      audioSource,
    }),
  );
  cleanups.push(() => connection.disconnect());
  return { connection, track: new Promise((resolve) => connection.once("track", resolve)) };
}

/** A source that sounds until the test is over. */
function tone(frequency: number): AudioSource {
  const source = new AudioSource({ sampleRate: SAMPLE_RATE, channels: 1, capacityMs: 200 });
  const piece = generateTone({ frequency, sampleRate: SAMPLE_RATE, durationMs: 100 });
  const feed = async () => {
    for (;;) await source.write(piece);
  };
  feed().catch(() => {}); // ends when the source is closed
  cleanups.push(() => source.close());
  return source;
}

/** Resolves once 200 ms of what the track plays are this tone and little else. */
async function hears(track: RemoteTrack, frequency: number): Promise<void> {
  const sink = new AudioSink(track, { sampleRate: SAMPLE_RATE, frameMs: 200 });
  cleanups.push(() => sink.close());
  for await (const { pcm } of sink) if (measureTone(pcm, frequency, SAMPLE_RATE) > 0.9) return;
  throw new Error(`${frequency} Hz was not heard`);
}

describe("the examples", { timeout: EXAMPLE_MS }, () => {
  it("tone: sounds 440 Hz until Ctrl-C", async () => {
    const example = new Example("tone", stage.signalingUrl, CHANNEL);
    await hears(await enter().track, 440);
    expect(await example.interrupt(), example.said).toBe(0);
  });

  it("echo: says back what it hears until Ctrl-C", async () => {
    const example = new Example("echo", stage.signalingUrl, CHANNEL);
    await hears(await enter(tone(660)).track, 660);
    expect(await example.interrupt(), example.said).toBe(0);
  });

  it("connector: says back what a caller says, and ends the call at its key", async () => {
    const example = new Example("connector", "0");
    await example.says(/^Calls come to/m);
    const url = /ws:\S+(?=;)/.exec(example.said)![0];
    const caller = await AudioConnectorCaller.dial({ url });
    caller.say(generateTone({ frequency: 440, sampleRate: SAMPLE_RATE, durationMs: 2_000 }));
    await new Promise<void>((resolve) =>
      caller.on("played", (pcm) => {
        const samples = pcm && new Int16Array(Uint8Array.from(pcm).buffer);
        if (samples && measureTone(samples, 440, SAMPLE_RATE) > 0.9) resolve();
      }),
    );
    caller.sendDtmf("#");
    expect(await caller.closed()).toEqual({ code: 1000, reason: "bye" });
    await caller.close();
    await example.says(/pressed #/);
    expect(await example.interrupt(), example.said).toBe(0);
  });

  it("record: writes what it hears to a WAV file and leaves", async () => {
    const path = join(folder, "heard.wav");
    const example = new Example("record", stage.signalingUrl, CHANNEL, path, "2");
    enter(tone(440));
    expect(await example.ended, example.said).toBe(0);
    expect(example.said).toContain(`wrote ${path}`);
    const { channels, sampleRate } = await readRecording(path);
    expect(channels).toHaveLength(1);
    const piece = sampleRate / 10;
    const pieces = Array.from({ length: Math.floor(channels[0]!.length / piece) }, (_, at) =>
      measureTone(channels[0]!.subarray(at * piece, (at + 1) * piece), 440, sampleRate),
    );
    expect(pieces.filter((share) => share > 0.9).length, String(pieces)).toBeGreaterThan(10);
  });

  it("impairment: says what a bad network did, whoever is silent in the channel", async () => {
    const silent = new AudioSource({ sampleRate: SAMPLE_RATE });
    cleanups.push(() => silent.close());
    await enter(silent).connection.connected();
    const example = new Example("impairment", stage.signalingUrl, CHANNEL);
    expect(await example.ended, example.said).toBe(0);
    const [, lost, packets] = /the network lost (\d+) of (\d+) packets/.exec(example.said) ?? [];
    expect(Number(packets), example.said).toBeGreaterThan(250);
    expect(Number(lost)).toBeGreaterThan(10);
    expect(Number(lost)).toBeLessThan(60);
    expect(example.said).toMatch(/[\d.]+ % of the audio was made up, \d+ gaps/);
  });

  it("singleAudioClip: sends a file to an avatar and counts the frames", async () => {
    const path = join(folder, "clip.wav");
    const pcm = generateTone({ frequency: 440, sampleRate: 48_000, durationMs: 1_000 });
    await writeFile(path, encodeWav({ pcm, sampleRate: 48_000, channels: 1 }));
    const example = new Example("singleAudioClip", path);
    expect(await example.ended, example.said).toBe(0);
    expect(example.said).toMatch(/sent .*clip\.wav as \d{14}_/);
    expect(example.said).toContain("speaking: 24 frames");
    expect(example.said).toMatch(/^25 frames, \d+ bytes$/m);
  });

  it("httpService: gives PCM by its rate, and the messages of a face that says it", async () => {
    const example = new Example("httpService", "0");
    await example.says(/^http:/);
    const base = /http:\S+\d/.exec(example.said)![0];
    const get = (path: string) => fetch(`${base}${path}`);
    const audio = async (rate: number) =>
      (await (await get(`/audio?text=Hello&sampleRate=${rate}`)).arrayBuffer()).byteLength;
    expect((await audio(48_000)) / (await audio(16_000))).toBeCloseTo(3, 1);
    const animation = await get("/animation?text=Hello&sampleRate=24000");
    const {
      requestId,
      sampleRate,
      audio: pcm,
      messages,
    } = (await animation.json()) as Record<string, string>;
    expect([requestId, sampleRate]).toEqual([expect.stringMatching(/^\d{14}_/), 24_000]);
    const ms = Buffer.from(pcm!, "base64").length / 48;
    expect(messages).toHaveLength(Math.ceil(ms / 40));
    expect((await get("/animation?text=Hello&sampleRate=11025")).status).toBe(400);
    for (const unspeakable of ["...", "%E4%BD%A0%E5%A5%BD", "%01"])
      expect((await get(`/audio?text=${unspeakable}`)).status, unspeakable).toBe(400);
    expect((await get("/elsewhere?text=Hello")).status).toBe(404);
    expect(await example.interrupt(), example.said).toBe(0);
  });

  it.each(["tone", "echo", "record", "bot"])("%s: ends when the stage does", async (name) => {
    const example = new Example(name, stage.signalingUrl, CHANNEL);
    await example.says(/lobby/);
    await stage.close();
    expect(await example.ended, example.said).toBe(0);
    expect(example.said).toContain("left: 1000 SHUTDOWN");
  });

  it("bot: says again what it understands, until Ctrl-C", async () => {
    const example = new Example("bot", stage.signalingUrl, CHANNEL);
    await example.says(/Ctrl-C leaves/);
    await using caller = await ScriptedCaller.join({
      signalingUrl: stage.signalingUrl,
      channelId: CHANNEL,
      recordingPath: join(folder, "call.wav"),
    });
    const { text } = await caller.ask("Good morning");
    await example.says(/: good morning/);
    expect(text).toContain("you said");
    expect(await example.interrupt(), example.said).toBe(0);
  });

  it.each<[string, string[], string]>([
    ["connector", [""], "Expected 0 to 65535 for the port"],
    ["connector", ["70000"], "0 to 65535"],
    ["httpService", ["many"], "Expected 0 to 65535 for the port"],
    ["singleAudioClip", ["/nowhere/clip.wav"], "ENOENT: no such file or directory"],
    ["singleAudioClip", [RUNNER], "WAV"],
    ["livekit", ["http://127.0.0.1:9"], "fetch failed: "],
    [
      "livekit",
      ["notaurl"],
      'Expected a ws://, wss://, http:// or https:// URL for the server but received "notaurl"',
    ],
    [
      "record",
      ["ws://127.0.0.1:9/signaling", CHANNEL, "/nowhere/heard.wav"],
      "ENOENT: no such file or directory",
    ],
    ["record", ["ws://127.0.0.1:9/signaling", CHANNEL, "/tmp/heard.wav", "ten"], "for the seconds"],
  ])("%s %j: tells what is wrong without a stack trace", async (name, rest, message) => {
    const example = new Example(name, ...rest);
    expect(await example.ended).toBe(1);
    expect(example.said).toMatch(new RegExp(`^${name}: `, "m"));
    expect(example.said).toContain(message);
    expect(example.said).not.toMatch(/^ +at /m);
  });

  it.each(["connector", "httpService"])("%s: tells of a port that is taken", async (name) => {
    const port = new URL(stage.signalingUrl).port;
    const example = new Example(name, port);
    expect(await example.ended).toBe(1);
    expect(example.said).toMatch(new RegExp(`^${name}: .*EADDRINUSE`, "m"));
    expect(example.said).not.toMatch(/^ +at /m);
  });

  it.each(["tone", "echo", "record", "bot"])(
    "%s: tells of a wrong address without a stack trace",
    async (name) => {
      const example = new Example(name, stage.signalingUrl.replace("/signaling", "/elsewhere"), CHANNEL);
      expect(await example.ended).toBe(1);
      expect(example.said).toMatch(new RegExp(`^${name}: No signaling URL could be opened`, "m"));
      expect(example.said.match(/No signaling URL/g), example.said).toHaveLength(1);
      expect(example.said).not.toMatch(/^ +at /m);
    },
  );
});
