import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { findSound, firstVoicedMs, responseMs, silenceMs } from "./recording.ts";
import { Timeline } from "./Timeline.ts";
import { generateTone, measureTone } from "./tone.ts";
import { within } from "./within.ts";

const RATE = 16_000;

/** Silence with tones in it, at [from, to] in ms. */
function sounding(durationMs: number, ...tones: [number, number][]): Int16Array {
  const pcm = new Int16Array((durationMs * RATE) / 1000);
  for (const [from, to] of tones)
    pcm.set(generateTone({ frequency: 500, sampleRate: RATE, durationMs: to - from }), (from * RATE) / 1000);
  return pcm;
}

describe("tones", () => {
  it("are found at their frequency and nowhere else", () => {
    const pcm = generateTone({ frequency: 440, durationMs: 200 });
    expect(measureTone(pcm, 440)).toBeGreaterThan(0.95);
    expect(measureTone(pcm, 880)).toBeLessThan(0.05);
    expect(measureTone(new Int16Array(9_600), 440)).toBe(0);
    const noise = Int16Array.from({ length: 9_600 }, (_, at) => ((at * 7_919) % 20_011) - 10_000);
    expect(measureTone(noise, 440)).toBeLessThan(0.1);
  });
});

describe("recordings", () => {
  it("sound from their first to their last loud sample, over short pauses", () => {
    const spans = findSound(sounding(2_000, [100, 400], [600, 900], [1_500, 1_600]), RATE);
    expect(spans.map(({ fromMs, toMs }) => [Math.round(fromMs), Math.round(toMs)])).toEqual([
      [100, 900],
      [1_500, 1_600],
    ]);
  });

  it("tell how long answers and interruptions took", () => {
    const caller = findSound(sounding(5_000, [0, 500], [2_000, 2_400]), RATE);
    const bot = findSound(sounding(5_000, [1_100, 2_150], [3_000, 3_500]), RATE);
    expect(responseMs(caller[0]!, bot)).toBeCloseTo(600, -1);
    expect(silenceMs(caller[1]!, bot)).toBeCloseTo(150, -1);
    expect(silenceMs(caller[0]!, bot)).toBeUndefined();
    expect(responseMs({ fromMs: 3_900, toMs: 4_000 }, bot)).toBeUndefined();
  });

  it("tells where a voice begins behind a hiss", () => {
    const hiss = 0.1 * RATE;
    let state = 1;
    const pcm = Int16Array.from({ length: 0.4 * RATE }, (_, at) => {
      state = (state * 48_271) % 2_147_483_647;
      return at < hiss
        ? (state / 2_147_483_647 - 0.5) * 8_000
        : 8_000 * Math.sin((2 * Math.PI * 120 * at) / RATE);
    });
    const span = { fromMs: 0, toMs: 400 };
    const voicedMs = firstVoicedMs(pcm, RATE, span)!;
    expect(voicedMs).toBeGreaterThan(70);
    expect(voicedMs).toBeLessThanOrEqual(100);
    expect(firstVoicedMs(pcm.subarray(0, hiss), RATE, span)).toBeUndefined();
  });
});

describe("Timeline", () => {
  it("saves what happened in order of time", async () => {
    const seen: string[] = [];
    const timeline = new Timeline({ startedAtMs: 1_000, onEntry: ({ event }) => seen.push(event) });
    timeline.note("bot", "says", { text: "hello" }, 1_500);
    timeline.note("caller", "began", {}, 1_200);
    expect(seen).toEqual(["says", "began"]);
    const folder = await mkdtemp(join(tmpdir(), "troupe-timeline-"));
    try {
      await timeline.save(join(folder, "timeline.json"));
      expect(JSON.parse(await readFile(join(folder, "timeline.json"), "utf8"))).toEqual([
        { at: 200, who: "caller", event: "began" },
        { at: 500, who: "bot", event: "says", text: "hello" },
      ]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe("within", () => {
  const never = () => new Promise<never>(() => {});

  it("gives what the work gives", async () => {
    expect(await within("work", 1_000, undefined, async () => 7)).toBe(7);
  });

  it("ends at the deadline and at the abort", async () => {
    await expect(within("work", 1, undefined, never)).rejects.toMatchObject({ code: "TIMEOUT" });
    const controller = new AbortController();
    const waiting = within("work", 60_000, controller.signal, never);
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ code: "CANCELLED" });
    await expect(within("work", 60_000, controller.signal, never)).rejects.toMatchObject({
      code: "CANCELLED",
    });
  });
});
