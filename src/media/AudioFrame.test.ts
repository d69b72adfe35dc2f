import { describe, expect, it } from "vitest";
import {
  combineAudioFrames,
  concatenateFrames,
  copyFrame,
  createFrame,
  frameDurationMs,
  frameFromJson,
  frameToJson,
  remixFrame,
  silentFrame,
} from "./AudioFrame.ts";

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

  it("is made of bytes, aligned or not, and of samples that go on beyond it", () => {
    const bytes = new Uint8Array([0, 1, 0, 2, 0]);
    const options = { sampleRate: 8_000 };
    expect(createFrame(bytes.subarray(0, 4), options).pcm).toEqual(pcm(256, 512));
    expect(createFrame(bytes.subarray(1), options).pcm).toEqual(pcm(1, 2));
    const longer = createFrame(pcm(1, 2, 3, 4, 5), { sampleRate: 8_000, channels: 2, samplesPerChannel: 2 });
    expect([longer.pcm, longer.samplesPerChannel]).toEqual([pcm(1, 2, 3, 4), 2]);
    const invalid = expect.objectContaining({ code: "INVALID_AUDIO" });
    expect(() => createFrame(bytes.subarray(0, 3), options)).toThrow(invalid);
    expect(() => createFrame(pcm(1, 2, 3), { ...options, channels: 2, samplesPerChannel: 2 })).toThrow(
      invalid,
    );
  });

  it("carries what its user attaches, but not into JSON", () => {
    const frame = createFrame(pcm(1, -2), { sampleRate: 8_000, userdata: { speaker: "ann" } });
    expect(frame.userdata).toEqual({ speaker: "ann" });
    const json = JSON.parse(JSON.stringify(frameToJson(frame)));
    expect(json).toEqual({ data: "AQD+/w==", sample_rate: 8_000, num_channels: 1, samples_per_channel: 2 });
    expect(frameFromJson(json)).toEqual(createFrame(pcm(1, -2), { sampleRate: 8_000 }));
    for (const wrong of [null, {}, { ...json, data: "AQ==" }, { ...json, sample_rate: "8000" }])
      expect(() => frameFromJson(wrong)).toThrow(expect.objectContaining({ code: "INVALID_AUDIO" }));
  });

  it("changes its channels", () => {
    const mono = createFrame(pcm(10, 20), { sampleRate: 8_000, timestampUs: 3 });
    const stereo = createFrame(pcm(10, 20, 30, 50), { sampleRate: 8_000, channels: 2 });
    expect(remixFrame(mono, 1)).toBe(mono);
    expect(remixFrame(mono, 2)).toMatchObject({ pcm: pcm(10, 10, 20, 20), channels: 2, timestampUs: 3 });
    expect(remixFrame(stereo, 1).pcm).toEqual(pcm(15, 40));
    expect(remixFrame(stereo, 3).pcm).toEqual(pcm(10, 20, 0, 30, 50, 0));
    expect(remixFrame(remixFrame(stereo, 3), 2).pcm).toEqual(stereo.pcm);
    expect(() => remixFrame(mono, 0)).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
  });

  it("is made of silence", () => {
    const frame = silentFrame({ sampleRate: 16_000, channels: 2, samplesPerChannel: 160 });
    expect(frame).toMatchObject({ samplesPerChannel: 160, channels: 2 });
    expect(frame.pcm).toEqual(new Int16Array(320));
  });

  it("comes back as it is when it is combined alone", () => {
    const frame = createFrame(pcm(1), { sampleRate: 8_000 });
    expect(combineAudioFrames(frame)).toBe(frame);
    expect(combineAudioFrames([frame, frame]).pcm).toEqual(pcm(1, 1));
    expect(() => combineAudioFrames([])).toThrow(expect.objectContaining({ code: "INVALID_AUDIO" }));
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
