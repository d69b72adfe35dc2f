import { describe, expect, it } from "vitest";
import { OPUS, PCMU } from "./codecs.ts";
import { answeredFormat, opusParameters, packetLength } from "./opus.ts";

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

  it("never exceeds what the far side plays or takes", () => {
    const codec = { ...OPUS, format: "maxplaybackrate=16000;stereo=0", maximumPacketMs: 40 };
    expect(opusParameters(codec, { maxPlaybackRate: 48_000, channels: 2, frameMs: 60 })).toMatchObject({
      maxPlaybackRate: 16_000,
      channels: 1,
      frameMs: 40,
    });
    expect(opusParameters(codec, { maxPlaybackRate: 8_000 })).toMatchObject({ maxPlaybackRate: 8_000 });
    expect(opusParameters({ ...OPUS, format: "maxplaybackrate=3000" })).not.toHaveProperty("maxPlaybackRate");
  });

  it("keeps the bit rate constant where it is asked to, and stereo where nothing is said against it", () => {
    expect(opusParameters({ ...OPUS, format: "cbr=1" })).toMatchObject({ cbr: true });
    expect(opusParameters({ ...OPUS, format: "cbr=1" }, { cbr: false })).toMatchObject({ cbr: false });
    expect(opusParameters(OPUS, { channels: 2 })).toMatchObject({ channels: 2 });
    expect(opusParameters({ ...OPUS, format: "stereo=1" }, { channels: 2 })).toMatchObject({ channels: 2 });
  });
});

describe("packetLength", () => {
  it("is the caller's, else what a=ptime asks, within the far side's bounds", () => {
    const row = (packetMs: number | undefined, maximumPacketMs: number | undefined, format: string) => ({
      ...PCMU,
      format,
      ...(packetMs === undefined ? {} : { packetMs }),
      ...(maximumPacketMs === undefined ? {} : { maximumPacketMs }),
    });
    expect(packetLength(row(undefined, undefined, ""), undefined)).toBeUndefined();
    expect(packetLength(row(40, undefined, ""), undefined)).toBe(40);
    expect(packetLength(row(40, undefined, ""), 10)).toBe(10);
    expect(packetLength(row(30, undefined, ""), undefined)).toBeUndefined();
    expect(packetLength(row(undefined, 30, ""), 60)).toBe(20);
    expect(packetLength(row(undefined, 10, ""), undefined)).toBe(10);
    expect(packetLength(row(undefined, 5, ""), undefined)).toBe(10);
    expect(packetLength(row(undefined, undefined, "minptime=30"), 10)).toBe(40);
    expect(packetLength(row(undefined, undefined, "minptime=10"), 10)).toBe(10);
    expect(packetLength(row(undefined, undefined, "ptime=60"), undefined)).toBe(60);
  });
});

describe("answeredFormat", () => {
  it("asks for correction always, for stereo and pauses where they are to be had", () => {
    expect(answeredFormat(OPUS, false)).toBe("minptime=10;useinbandfec=1");
    const rich = { ...OPUS, format: "sprop-stereo=1;usedtx=1;maxaveragebitrate=24000;maxplaybackrate=16000" };
    expect(answeredFormat(rich, false)).toBe("minptime=10;useinbandfec=1;stereo=1;usedtx=1");
    expect(answeredFormat({ ...OPUS, format: "stereo=1" }, true)).toBe(
      "minptime=10;useinbandfec=1;stereo=1;sprop-stereo=1",
    );
  });
});
