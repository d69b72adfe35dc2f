import { describe, expect, it } from "vitest";
import { createFrame } from "./AudioFrame.ts";
import { DtmfDetector, ToneDetector } from "./ToneDetector.ts";
import { generateDtmf, generateTone } from "./tone.ts";

const ALL_KEYS = "1234567890ABCD*#";

function noise(length: number, amplitude: number): Int16Array {
  let seed = 7;
  return Int16Array.from({ length }, () => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.round((seed / 2 ** 30 - 1) * amplitude);
  });
}

/** Frames of 10 ms through a detector. */
function detect<Found>(
  detector: { push(frame: ReturnType<typeof createFrame>): Found[]; flush(): Found[] },
  pcm: Int16Array,
  sampleRate: number,
): Found[] {
  const found: Found[] = [];
  const length = sampleRate / 100;
  for (let at = 0; at < pcm.length; at += length) {
    const timestampUs = (at * 1e6) / sampleRate;
    found.push(...detector.push(createFrame(pcm.subarray(at, at + length), { sampleRate, timestampUs })));
  }
  return [...found, ...detector.flush()];
}

const digitsOf = (pcm: Int16Array, sampleRate: number) =>
  detect(new DtmfDetector(), pcm, sampleRate)
    .map(({ value }) => value)
    .join("");

describe("DTMF", () => {
  it("hears every key that it makes, at every rate, also the same key twice", () => {
    for (const sampleRate of [8_000, 16_000, 44_100, 48_000])
      expect(digitsOf(generateDtmf(`${ALL_KEYS}55`, { sampleRate }), sampleRate)).toBe(`${ALL_KEYS}55`);
  });

  it("hears short and faint digits, and digits in noise", () => {
    const options = { sampleRate: 8_000, toneMs: 60, pauseMs: 60, levelDb: -30 };
    expect(digitsOf(generateDtmf("90210", options), 8_000)).toBe("90210");
    const pcm = generateDtmf("90210", { sampleRate: 8_000, levelDb: -12 });
    const disturbed = noise(pcm.length, 800).map((sample, at) => sample + pcm[at]!);
    expect(digitsOf(disturbed, 8_000)).toBe("90210");
  });

  it("says when a digit began and ended", () => {
    const pcm = generateDtmf(",5", { sampleRate: 8_000, toneMs: 200, pauseMs: 300 });
    const [digit] = detect(new DtmfDetector(), pcm, 8_000);
    expect(digit).toMatchObject({ value: "5", startUs: 300_000, endUs: 500_000 });
  });

  it("ends a digit where frames stop, and reports it with the next frame or the flush", () => {
    const detector = new DtmfDetector();
    const found: { value: string; startUs: number; endUs: number }[] = [];
    const pcm = generateDtmf("5", { sampleRate: 8_000, toneMs: 100, pauseMs: 0 }).subarray(0, 800);
    const press = (atMs: number) => {
      for (let at = 0; at < pcm.length; at += 80) {
        const timestampUs = atMs * 1_000 + at * 125;
        found.push(
          ...detector.push(createFrame(pcm.subarray(at, at + 80), { sampleRate: 8_000, timestampUs })),
        );
      }
    };
    press(0);
    expect([found, detector.sounding]).toEqual([[], "5"]);
    press(1_000);
    expect(found).toEqual([{ value: "5", startUs: 0, endUs: 100_000 }]);
    found.push(...detector.flush());
    expect(found.slice(1)).toEqual([{ value: "5", startUs: 1_000_000, endUs: 1_100_000 }]);
    expect([detector.sounding, detector.flush()]).toEqual([null, []]);
  });

  it("hears one digit in frames whose times jitter", () => {
    const detector = new DtmfDetector();
    const pcm = generateDtmf("5", { sampleRate: 8_000, toneMs: 200, pauseMs: 100 });
    const found: string[] = [];
    for (let at = 0; at < pcm.length; at += 80) {
      const timestampUs = at * 125 + (at % 240 === 0 ? 0 : 8_000);
      const frame = createFrame(pcm.subarray(at, at + 80), { sampleRate: 8_000, timestampUs });
      found.push(...detector.push(frame).map(({ value }) => value));
    }
    expect(found).toEqual(["5"]);
  });

  it("hears no digit in noise, in one tone alone, or in a chord of others", () => {
    expect(digitsOf(noise(80_000, 8_000), 8_000)).toBe("");
    const tone = (...frequencies: number[]) =>
      generateTone({ frequencies, durationMs: 2_000, sampleRate: 8_000 });
    expect(digitsOf(tone(697), 8_000)).toBe("");
    expect(digitsOf(tone(440, 480), 8_000)).toBe("");
    expect(digitsOf(tone(697, 1_209, 1_000, 300), 8_000)).toBe("");
  });

  it("refuses what is no key", () => {
    expect(() => generateDtmf("12x")).toThrow(
      expect.objectContaining({ code: "INVALID_OPTION", field: "digits" }),
    );
  });
});

describe("ToneDetector", () => {
  it("hears its tone among others and says when", () => {
    const pcm = new Int16Array(3 * 16_000);
    pcm.set(generateTone({ frequencies: [1_000], durationMs: 500, sampleRate: 16_000 }), 16_000);
    pcm.set(generateTone({ frequencies: [600], durationMs: 500, sampleRate: 16_000 }), 2 * 16_000);
    const found = detect(new ToneDetector({ frequency: 1_000 }), pcm, 16_000);
    expect(found).toEqual([{ value: 1_000, startUs: 1_000_000, endUs: 1_500_000 }]);
  });

  it("refuses what is no frequency", () => {
    const invalid = expect.objectContaining({ code: "INVALID_OPTION" });
    expect(() => new ToneDetector({ frequency: 0 })).toThrow(invalid);
    expect(() => generateTone({ frequencies: [5_000], durationMs: 10, sampleRate: 8_000 })).toThrow(invalid);
    expect(() => generateTone({ frequencies: [], durationMs: 10 })).toThrow(invalid);
  });
});

describe("generateTone", () => {
  it("is as long and as loud as it should be, and begins and ends softly", () => {
    const pcm = generateTone({ frequencies: [440], durationMs: 100, sampleRate: 48_000, levelDb: -6 });
    expect(pcm.length).toBe(4_800);
    expect(Math.max(...pcm)).toBeGreaterThan(16_300);
    expect(Math.max(...pcm)).toBeLessThanOrEqual(16_423);
    expect(Math.abs(pcm[1]!) + Math.abs(pcm.at(-1)!)).toBeLessThan(200);
  });
});
