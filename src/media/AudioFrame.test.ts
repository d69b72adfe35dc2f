import { describe, expect, it } from "vitest";
import { concatenateFrames, copyFrame, createFrame, frameDurationMs } from "./AudioFrame.ts";

const pcm = (...samples: number[]) => Int16Array.from(samples);

describe("AudioFrame", () => {
  it("is made around samples and knows how long it sounds", () => {
    const frame = createFrame(new Int16Array(960), { sampleRate: 48_000, channels: 2, timestampUs: 5 });
    expect(frame).toMatchObject({ samplesPerChannel: 480, timestampUs: 5, concealed: false });
    expect(frameDurationMs(frame)).toBe(10);
  });

  it("refuses samples of another type and halves of a stereo pair", () => {
    expect(() => createFrame([1, 2] as never, { sampleRate: 8_000 })).toThrow(
      expect.objectContaining({ code: "INVALID_AUDIO", message: expect.stringContaining("an array of 2") }),
    );
    expect(() => createFrame(pcm(1, 2, 3), { sampleRate: 8_000, channels: 2 })).toThrow(
      expect.objectContaining({ code: "INVALID_AUDIO", field: "pcm.length" }),
    );
  });

  it("copies its samples", () => {
    const frame = createFrame(pcm(1, 2), { sampleRate: 8_000 });
    const copy = copyFrame(frame);
    frame.pcm[0] = 9;
    expect(copy.pcm).toEqual(pcm(1, 2));
  });

  it("joins frames of one format", () => {
    const first = createFrame(pcm(1, 2), { sampleRate: 8_000, timestampUs: 7 });
    const second = createFrame(pcm(3), { sampleRate: 8_000, timestampUs: 9, concealed: true });
    expect(concatenateFrames([first, second])).toEqual({
      pcm: pcm(1, 2, 3),
      sampleRate: 8_000,
      channels: 1,
      samplesPerChannel: 3,
      timestampUs: 7,
      concealed: true,
    });
    const other = createFrame(pcm(3), { sampleRate: 16_000 });
    expect(() => concatenateFrames([first, other])).toThrow(
      expect.objectContaining({ field: "frame.sampleRate" }),
    );
    expect(() => concatenateFrames([])).toThrow(expect.objectContaining({ code: "INVALID_AUDIO" }));
  });
});
