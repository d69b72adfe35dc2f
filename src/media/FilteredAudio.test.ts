import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Engine } from "../native/index.ts";
import { AudioFilter } from "./AudioFilter.ts";
import { AudioMixer } from "./AudioMixer.ts";
import { AudioSink } from "./AudioSink.ts";
import { AudioSource } from "./AudioSource.ts";
import { FilteredAudio } from "./FilteredAudio.ts";
import type { AudioProducer } from "./producer.ts";

const SAMPLE_RATE = 48_000;

let folder: string;
let library: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "filter-"));
  library = join(folder, "filter.so");
  const source = new URL("../../test/fixtures/audioFilter.c", import.meta.url).pathname;
  execFileSync("cc", ["-shared", "-fPIC", "-o", library, source]);
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  Engine.stop();
});

/** Writes `value(at)` without end, until the source is closed. */
async function feed(source: AudioSource, value: (at: number) => number): Promise<void> {
  for (let at = 0; !source.closed; at += 4_800) {
    const piece = Int16Array.from({ length: 4_800 }, (_, offset) => value(at + offset));
    await source.write(piece).catch(() => {});
  }
}

/** Resolves with the first frame for which `isRight` holds. */
async function hearUntil(producer: AudioProducer | AudioSink, isRight: (pcm: Int16Array) => boolean) {
  using own = producer instanceof AudioSink ? undefined : new AudioSink(producer);
  const heard = Promise.withResolvers<void>();
  (own ?? (producer as AudioSink)).on("frame", ({ pcm }) => isRight(pcm) && heard.resolve());
  await heard.promise;
}

const all = (value: number) => (pcm: Int16Array) => pcm.every((sample) => sample === value);
const rms = (pcm: Int16Array) => Math.sqrt(pcm.reduce((sum, it) => sum + it * it, 0) / pcm.length);

describe("FilteredAudio", () => {
  it("cuts rumble out of a source on its way to a sink", async () => {
    using source = new AudioSource({ sampleRate: SAMPLE_RATE });
    using clean = new FilteredAudio(source, { processing: { highPassFilter: true } });
    const feeding = feed(source, (at) => Math.round(8_000 * Math.sin((2 * Math.PI * 20 * at) / SAMPLE_RATE)));
    let ticks = 0;
    await hearUntil(clean, (pcm) => {
      ticks += 1;
      return ticks > 20 && rms(pcm) > 0 && rms(pcm) < 800;
    });
    source.close();
    await feeding;
    expect(clean.producerEnded).toBe(true);
  });

  it("cancels the echo of what is played to the far side", async () => {
    using played = new AudioSource({ sampleRate: SAMPLE_RATE });
    using heard = new AudioSource({ sampleRate: SAMPLE_RATE });
    using clean = new FilteredAudio(heard, { processing: { echoCancellation: true }, reverse: played });
    const echo = (at: number) => Math.round(4_000 * Math.sin(at * 0.05) * Math.sin(at * 0.000_7));
    const feeding = [feed(played, (at) => 2 * echo(at)), feed(heard, echo)];
    await hearUntil(clean, (pcm) => rms(pcm) > 1_000);
    await hearUntil(clean, (pcm) => rms(pcm) < 100);
    played.close();
    heard.close();
    await Promise.all(feeding);
  }, 30_000);

  it("leaves a source detached while nobody listens, and frees all it has", async () => {
    const before = Engine.shared().stats().handles;
    const source = new AudioSource({ sampleRate: SAMPLE_RATE });
    const clean = new FilteredAudio(source, { processing: {} });
    expect(source.state).toBe("idle");
    const sink = new AudioSink(clean);
    sink.close();
    expect(source.state).toBe("detached");
    clean.close();
    expect(source.closed).toBe(false);
    source.close();
    expect(Engine.shared().stats().handles).toEqual(before);
  });

  it("refuses a mix that would hear itself, no filter at all, and two at once", () => {
    using mixer = new AudioMixer();
    using source = new AudioSource();
    using clean = new FilteredAudio(mixer, { processing: {} });
    expect(() => mixer.add(clean)).toThrow("hear itself");
    const invalid = expect.objectContaining({ code: "INVALID_OPTION" });
    expect(() => new FilteredAudio(source, {})).toThrow(invalid);
    const noiseCancellation = { moduleId: "test" };
    expect(() => new FilteredAudio(source, { processing: {}, noiseCancellation })).toThrow(invalid);
  });
});

describe("AudioFilter", () => {
  it("runs a vendor's library on a sink's audio", async () => {
    const filter = new AudioFilter("test.halves", library);
    expect(AudioFilter.registered()).toContain(filter);
    using source = new AudioSource({ sampleRate: SAMPLE_RATE });
    using sink = new AudioSink(source, { noiseCancellation: { moduleId: "test.halves" } });
    using muted = new AudioSink(source, {
      noiseCancellation: { moduleId: "test.halves", options: { mute: true } },
    });
    const silent = hearUntil(muted, all(0));
    const feeding = feed(source, () => 1_000);
    await hearUntil(sink, all(500));
    await silent;
    source.close();
    await feeding;
  });

  it("asks the library whether it may be used", async () => {
    const filter = new AudioFilter("test.halves", library);
    await filter.authorize({ url: "wss://example.com", token: "good" });
    await expect(filter.authorize({ url: "wss://example.com", token: "bad" })).rejects.toMatchObject({
      code: "ACCESS_DENIED",
      message: expect.stringContaining("7"),
    });
    filter.updateToken({ url: "wss://example.com", token: "next" });
    // For transports: a refusal of one keeps nobody from joining.
    await AudioFilter.authorizeAll({ url: "wss://example.com", token: "bad" });
  });

  it("says clearly why a library is refused", () => {
    const unsupported = (message: string) =>
      expect.objectContaining({ code: "NOT_SUPPORTED", message: expect.stringContaining(message) });
    expect(() => new AudioFilter("test.missing", join(folder, "missing.so"))).toThrow(
      unsupported("missing.so"),
    );
    expect(() => new AudioFilter("test", library, [join(folder, "dependency.so")])).toThrow(
      unsupported("dependency.so"),
    );
    const plain = join(folder, "plain");
    writeFileSync(`${plain}.c`, "int nothing(void) { return 0; }");
    execFileSync("cc", ["-shared", "-fPIC", "-o", `${plain}.so`, `${plain}.c`]);
    expect(() => new AudioFilter("test.plain", `${plain}.so`)).toThrow(unsupported("audio_filter_create"));
    using source = new AudioSource();
    new AudioFilter("test.halves", library);
    const refused = { moduleId: "test.halves", options: { refuse: true } };
    expect(() => new AudioSink(source, { noiseCancellation: refused })).toThrow(unsupported("no session"));
    expect(() => new AudioSink(source, { noiseCancellation: { moduleId: "unknown" } })).toThrow(
      expect.objectContaining({ code: "NOT_INSTALLED" }),
    );
  });
});
