import { describe, expect, it } from "vitest";
import { intersectCodecs, OPUS, opusParameters, PayloadTypes, VIDEO_CODECS } from "./codecs.ts";

describe("PayloadTypes", () => {
  it("gives the same codec the same number on every m-line", () => {
    const types = new PayloadTypes();
    expect(types.allocate([OPUS])).toEqual([OPUS]);
    expect(types.allocate([OPUS])).toEqual([OPUS]);
  });

  it("moves a codec whose number means something else, and its retransmission format with it", () => {
    const types = new PayloadTypes();
    types.allocate([{ ...OPUS, payloadType: 96 }]);
    const moved = types.allocate(VIDEO_CODECS.slice(0, 2));
    expect(moved[0]?.payloadType).not.toBe(96);
    expect(moved[1]).toMatchObject({ name: "rtx", format: `apt=${moved[0]?.payloadType}` });
  });

  it("numbers all known video codecs without a clash", () => {
    const numbers = new PayloadTypes()
      .allocate([OPUS, ...VIDEO_CODECS])
      .map(({ payloadType }) => payloadType);
    expect(new Set(numbers).size).toBe(numbers.length);
  });
});

describe("intersectCodecs", () => {
  it("keeps what both have, in their order, with feedback that both know", () => {
    const theirs = [
      { payloadType: 9, name: "g722", clockRate: 8000, channels: 1, feedback: [] },
      { ...OPUS, format: "stereo=1", feedback: ["nack", "transport-cc"] },
    ];
    expect(intersectCodecs([OPUS], theirs)).toEqual([{ ...OPUS, format: "stereo=1", feedback: ["nack"] }]);
  });

  it("is empty where nothing matches", () => {
    expect(intersectCodecs([OPUS], [{ ...OPUS, name: "red" }])).toEqual([]);
  });
});

describe("opusParameters", () => {
  it("does what the far side asks", () => {
    const codec = {
      ...OPUS,
      format: "minptime=10; useinbandfec=1; usedtx=1; maxaveragebitrate=24000;ptime=40",
    };
    expect(opusParameters(codec)).toEqual({ fec: true, dtx: true, bitRate: 24_000, frameMs: 40 });
  });

  it("lets the caller win, but not over the far side's ceiling", () => {
    const codec = { ...OPUS, format: "useinbandfec=1;maxaveragebitrate=24000" };
    expect(opusParameters(codec, { fec: false, bitRate: 64_000 })).toMatchObject({
      fec: false,
      bitRate: 24_000,
    });
    expect(opusParameters(codec, { bitRate: 16_000 })).toMatchObject({ bitRate: 16_000 });
  });

  it("takes a high ceiling for what it is, not for a wish", () => {
    const codec = { ...OPUS, format: "maxaveragebitrate=96000" };
    expect(opusParameters(codec)).toEqual({ fec: false, dtx: false });
  });

  it("ignores nonsense", () => {
    const codec = { ...OPUS, format: "maxaveragebitrate=banana;ptime=7;;=;x" };
    expect(opusParameters(codec)).toEqual({ fec: false, dtx: false });
  });
});
