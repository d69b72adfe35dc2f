import { describe, expect, it } from "vitest";
import { createFrame } from "./AudioFrame.ts";
import { AudioProcessor } from "./AudioProcessor.ts";

const SAMPLE_RATE = 16_000;
const TEN_MS = SAMPLE_RATE / 100;

/** Steady noise, the same in every run. */
function noise(length: number, amplitude: number): Int16Array {
  let seed = 1;
  return Int16Array.from({ length }, () => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.round((seed / 2 ** 30 - 1) * amplitude);
  });
}

const rms = (pcm: Int16Array) => Math.sqrt(pcm.reduce((sum, it) => sum + it * it, 0) / pcm.length);

function frames(pcm: Int16Array) {
  return Array.from({ length: pcm.length / TEN_MS }, (_, at) =>
    createFrame(pcm.subarray(at * TEN_MS, (at + 1) * TEN_MS), { sampleRate: SAMPLE_RATE }),
  );
}

describe("AudioProcessor", () => {
  it("suppresses noise in place", () => {
    const processor = new AudioProcessor({ noiseSuppression: true });
    const pcm = noise(5 * SAMPLE_RATE, 1_000);
    const before = rms(pcm.subarray(-SAMPLE_RATE));
    for (const frame of frames(pcm)) processor.processStream(frame);
    expect(rms(pcm.subarray(-SAMPLE_RATE))).toBeLessThan(before / 4);
  });

  it("takes the echo of what was played out of what is heard", () => {
    const processor = new AudioProcessor({ echoCancellation: true });
    const delay = 5 * TEN_MS;
    processor.setStreamDelayMs(50);
    const played = noise(10 * SAMPLE_RATE, 6_000);
    const heard = new Int16Array(played.length);
    for (let at = delay; at < heard.length; at++) heard[at] = played[at - delay]! / 2;
    const before = rms(heard.subarray(-SAMPLE_RATE));
    const playedFrames = frames(played);
    for (const [at, frame] of frames(heard).entries()) {
      processor.processReverseStream(playedFrames[at]!);
      processor.processStream(frame);
    }
    expect(rms(heard.subarray(-SAMPLE_RATE))).toBeLessThan(before / 10);
  });

  it("refuses what is not 10 ms, strange rates, and a delay that makes no sense", () => {
    const processor = new AudioProcessor({ echoCancellation: true });
    const invalid = expect.objectContaining({ code: "INVALID_AUDIO" });
    const frame = (length: number, sampleRate: number, channels = 1) =>
      createFrame(new Int16Array(length), { sampleRate, channels });
    expect(() => processor.processStream(frame(320, 16_000))).toThrow(invalid);
    expect(() => processor.processStream(frame(161, 16_000))).toThrow(invalid);
    expect(() => processor.processStream(frame(960, 96_000))).toThrow(invalid);
    expect(() => processor.processReverseStream(frame(480, 16_000, 3))).toThrow(invalid);
    expect(() => processor.setStreamDelayMs(-1)).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
    expect(() => new AudioProcessor({ gainControl: 1 as never })).toThrow(
      expect.objectContaining({ code: "INVALID_OPTION", field: "AudioProcessor.gainControl" }),
    );
  });
});
