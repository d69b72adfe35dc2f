import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AudioSource } from "./AudioSource.ts";
import { Recorder } from "./Recorder.ts";
import { ScriptedEngine } from "./testing/ScriptedEngine.ts";
import { WAV_HEADER_BYTES } from "./wav.ts";

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
  const clock = { nowUs: () => START_US, setTimeout: () => undefined, clearTimeout: () => {} };
  const recorder = new Recorder({ path, tracks, sampleRate: SAMPLE_RATE }, { engine, clock });
  const frame = (channel: 0 | 1, atMs: number, value: number) =>
    engine.frame(engine.sinks[channel]!, new Int16Array(FRAME).fill(value), START_US + atMs * 1_000);
  return { path, tracks, recorder, frame };
}

async function readChannels(path: string): Promise<{ header: Buffer; channels: number[][] }> {
  const file = await readFile(path);
  const samples = new Int16Array(
    file.buffer.slice(file.byteOffset + WAV_HEADER_BYTES, file.byteOffset + file.length),
  );
  const channel = (index: number) => [...samples].filter((_, at) => at % 2 === index);
  return { header: file.subarray(0, WAV_HEADER_BYTES), channels: [channel(0), channel(1)] };
}

describe("Recorder", () => {
  it("writes one channel per track, aligned by time, with silence in the gaps", async () => {
    const { path, recorder, frame } = create();
    for (let ms = 0; ms < 2_000; ms += 10) {
      frame(0, ms, 100);
      if (ms >= 500 && ms < 1_000) frame(1, ms, 200);
    }
    await recorder.close();
    const { header, channels } = await readChannels(path);
    expect(header.toString("latin1", 0, 4) + header.toString("latin1", 8, 12)).toBe("RIFFWAVE");
    expect(header.readUInt16LE(22)).toBe(2);
    expect(header.readUInt32LE(24)).toBe(SAMPLE_RATE);
    expect(header.readUInt32LE(40)).toBe(2 * 2 * 2 * SAMPLE_RATE);
    expect(header.readUInt32LE(4)).toBe(36 + 2 * 2 * 2 * SAMPLE_RATE);
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

  it("writes a valid empty file when nothing sounded", async () => {
    const { path, recorder } = create();
    await recorder.close();
    const { header, channels } = await readChannels(path);
    expect(header.readUInt32LE(40)).toBe(0);
    expect(channels).toEqual([[], []]);
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
    const [open, ended] = [new AudioSource({}, engine), new AudioSource({}, engine)];
    ended.close();
    expect(() => new Recorder({ path: "a.wav", tracks: [open, ended] }, { engine })).toThrow(
      expect.objectContaining({ code: "CLOSED", field: "Recorder.tracks.1" }),
    );
    expect(engine.sinks).toEqual([]);
    expect(open.producerEvents.listenerCount("changed")).toBe(0);
    open.close();
  });
});
