import { mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AudioSource } from "./AudioSource.ts";
import { decodeWav } from "./decodeWav.ts";
import { Recorder } from "./Recorder.ts";
import { ScriptedEngine } from "./testing/ScriptedEngine.ts";
import { RECORDING_HEADER_BYTES } from "./wav.ts";

const SAMPLE_RATE = 8_000;
const START_US = 1_000_000;
/** 10 ms */
const FRAME = SAMPLE_RATE / 100;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "recorder-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function create(path = join(folder, "call.wav")) {
  const engine = new ScriptedEngine();
  const tracks = [1, 2].map(() => new AudioSource({ sampleRate: SAMPLE_RATE }, engine));
  const time = { nowUs: START_US, timer: () => {} };
  const clock = {
    nowUs: () => time.nowUs,
    setTimeout: (callback: () => void) => {
      time.timer = callback;
    },
    clearTimeout: () => {
      time.timer = () => {};
    },
  };
  const recorder = new Recorder({ path, tracks, sampleRate: SAMPLE_RATE }, { engine, clock });
  /** Lets `ms` pass, with the recorder's timer. */
  const pass = (ms: number) => {
    time.nowUs += ms * 1_000;
    time.timer();
  };
  const frame = (channel: 0 | 1, atMs: number, value: number) =>
    engine.frame(engine.sinks[channel]!, new Int16Array(FRAME).fill(value), START_US + atMs * 1_000);
  return { path, tracks, recorder, frame, pass };
}

async function readChannels(path: string): Promise<{ sampleRate: number; channels: number[][] }> {
  const { pcm, sampleRate, channels } = decodeWav(await readFile(path));
  expect(channels).toBe(2);
  const channel = (index: number) => [...pcm].filter((_, at) => at % 2 === index);
  return { sampleRate, channels: [channel(0), channel(1)] };
}

describe("Recorder", () => {
  it("counts what comes too late for its place as dropped", async () => {
    const { recorder, frame } = create();
    for (let ms = 0; ms < 2_000; ms += 10) frame(0, ms, 100);
    expect(recorder.droppedMs).toBe(0);
    frame(1, 0, 200);
    expect(recorder.droppedMs).toBe(10);
    await recorder.close();
  });

  it("writes one channel per track, aligned by time, with silence in the gaps", async () => {
    const { path, recorder, frame } = create();
    for (let ms = 0; ms < 2_000; ms += 10) {
      frame(0, ms, 100);
      if (ms >= 500 && ms < 1_000) frame(1, ms, 200);
    }
    await recorder.close();
    const { sampleRate, channels } = await readChannels(path);
    expect(sampleRate).toBe(SAMPLE_RATE);
    expect(channels[0]).toEqual(new Array(2 * SAMPLE_RATE).fill(100));
    const silence = new Array(SAMPLE_RATE / 2).fill(0);
    expect(channels[1]).toEqual([
      ...silence,
      ...new Array(SAMPLE_RATE / 2).fill(200),
      ...silence,
      ...silence,
    ]);
    expect(recorder.durationMs).toBe(2_000);
    expect(recorder.startedAtUs).toBe(START_US);
  });

  it("writes a valid empty file when it lasted no time", async () => {
    const { path, recorder } = create();
    await recorder.close();
    const { channels } = await readChannels(path);
    expect(channels).toEqual([[], []]);
  });

  it("lasts as long as it was made for, also when nobody said anything", async () => {
    const { path, recorder, frame, pass } = create();
    for (let ms = 0; ms < 3_000; ms += 500) pass(500);
    expect(recorder.durationMs).toBeGreaterThan(1_000);
    frame(0, 3_000, 9);
    pass(1_000);
    await recorder.close();
    const { channels } = await readChannels(path);
    expect(channels.map((channel) => channel.length)).toEqual([4 * SAMPLE_RATE, 4 * SAMPLE_RATE]);
    expect(channels[0]!.indexOf(9)).toBe(3 * SAMPLE_RATE);
    expect(channels[1]!.every((sample) => sample === 0)).toBe(true);
  });

  it("goes on beyond the 4 GB of a WAV file, in RF64", async () => {
    const { path, recorder, frame, pass } = create();
    const hours = 40;
    for (let hour = 0; hour < hours; hour++) pass(3_600_000);
    frame(0, hours * 3_600_000, 5);
    await recorder.close();
    expect(recorder.durationMs).toBe(hours * 3_600_000 + 10);
    const file = await open(path);
    try {
      const dataBytes = (hours * 3_600 * SAMPLE_RATE + FRAME) * 4;
      expect((await file.stat()).size).toBe(RECORDING_HEADER_BYTES + dataBytes);
      const header = Buffer.alloc(RECORDING_HEADER_BYTES);
      await file.read(header, 0, header.length, 0);
      expect(header.toString("latin1", 0, 4) + header.toString("latin1", 8, 16)).toBe("RF64WAVEds64");
      expect(Number(header.readBigUInt64LE(28))).toBe(dataBytes);
      const last = Buffer.alloc(4);
      await file.read(last, 0, 4, RECORDING_HEADER_BYTES + dataBytes - 4);
      expect([last.readInt16LE(0), last.readInt16LE(2)]).toEqual([5, 0]);
    } finally {
      await file.close();
    }
  });

  it("writes Ogg Opus by the name of the file", async () => {
    const { path, recorder, frame, pass } = create(join(folder, "call.ogg"));
    for (let ms = 0; ms < 2_000; ms += 10) frame(0, ms, ms % 20 === 0 ? 1_000 : -1_000);
    pass(3_000);
    await recorder.close();
    const file = await readFile(path);
    expect(file.toString("latin1", 0, 4)).toBe("OggS");
    expect(file.toString("latin1", 28, 36)).toBe("OpusHead");
    expect(file[28 + 9]).toBe(2);
    const lastPage = file.lastIndexOf("OggS");
    const preSkip = file.readUInt16LE(28 + 10);
    expect(Number(file.readBigUInt64LE(lastPage + 6))).toBe(preSkip + 3 * 48_000);
    expect(file.length).toBeLessThan(3 * 2 * 8_000);
  });

  it("lets go of its tracks when it closes, and leaves them open", async () => {
    const { tracks, recorder } = create();
    expect(tracks[0]!.state).toBe("idle");
    await recorder.close();
    await recorder.close();
    expect(tracks.map((track) => [track.state, track.closed])).toEqual([
      ["detached", false],
      ["detached", false],
    ]);
    for (const track of tracks) track.close();
  });

  it("says once that the file can not be written, and in close", async () => {
    const { recorder, frame } = create(join(folder, "missing", "call.wav"));
    const failure = Promise.withResolvers<unknown>();
    recorder.on("failed", failure.resolve);
    expect(await failure.promise).toMatchObject({
      code: "INTERNAL",
      message: expect.stringContaining("ENOENT"),
    });
    frame(0, 0, 1);
    await expect(recorder.close()).rejects.toMatchObject({ code: "INTERNAL" });
  });

  it("refuses options that are not usable", () => {
    const engine = new ScriptedEngine();
    expect(() => new Recorder({ path: "", tracks: [] }, { engine })).toThrow(
      expect.objectContaining({ code: "INVALID_OPTION", field: "Recorder.path" }),
    );
    expect(() => new Recorder({ path: "a.wav", tracks: [] }, { engine })).toThrow(
      expect.objectContaining({ field: "Recorder.tracks", expected: "1 to 32 tracks" }),
    );
    expect(
      () =>
        new Recorder(
          { path: "a.opus", tracks: [new AudioSource({}, engine)], sampleRate: 44_100 },
          { engine },
        ),
    ).toThrow(expect.objectContaining({ field: "Recorder.sampleRate" }));
    const [source, ended] = [new AudioSource({}, engine), new AudioSource({}, engine)];
    ended.close();
    expect(() => new Recorder({ path: "a.wav", tracks: [source, ended] }, { engine })).toThrow(
      expect.objectContaining({ code: "CLOSED", field: "Recorder.tracks.1" }),
    );
    expect(engine.sinks).toEqual([]);
    expect(source.producerEvents.listenerCount("changed")).toBe(0);
    source.close();
  });
});
