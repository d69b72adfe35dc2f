import { describe, expect, it } from "vitest";
import {
  canReceive,
  engineCodec,
  intersectCodecs,
  OPUS,
  OPUS_RTX,
  PayloadTypes,
  PCMA,
  PCMU,
  RED,
  sendingCodecs,
  VIDEO_CODECS,
  withoutDangling,
} from "./codecs.ts";

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

  it("lets redundancy and retransmission follow a codec that had to move, whatever stands first", () => {
    const types = new PayloadTypes();
    types.allocate([{ ...PCMU, payloadType: 111 }]);
    const [red, opus, rtx] = types.allocate([RED, OPUS, OPUS_RTX]);
    expect(opus?.payloadType).not.toBe(111);
    expect(red).toMatchObject({
      payloadType: 63,
      format: `${opus?.payloadType}/${opus?.payloadType}`,
    });
    expect(rtx?.format).toBe(`apt=${opus?.payloadType}`);
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

  it("keeps redundancy and retransmission of what both have, and drops them without it", () => {
    const ours = [OPUS, RED, OPUS_RTX];
    expect(intersectCodecs(ours, [RED, OPUS, OPUS_RTX]).map(({ name }) => name)).toEqual([
      "red",
      "opus",
      "rtx",
    ]);
    expect(intersectCodecs(ours, [RED, OPUS_RTX])).toEqual([]);
    expect(intersectCodecs(ours, [OPUS, { ...OPUS_RTX, payloadType: 99 }])).toEqual([OPUS]);
  });
});

describe("withoutDangling", () => {
  it("takes out what repeats a codec that is not there, or more than one", () => {
    expect(withoutDangling([OPUS, { ...RED, format: "111/0" }, PCMU])).toEqual([OPUS, PCMU]);
    expect(withoutDangling([OPUS, { ...RED, format: "96/96" }])).toEqual([OPUS]);
    expect(withoutDangling([OPUS, { ...OPUS, payloadType: 63, name: "red", format: undefined }])).toEqual([
      OPUS,
    ]);
    const redRtx = { ...OPUS_RTX, format: "apt=63" };
    expect(withoutDangling([OPUS, RED, redRtx])).toEqual([OPUS, RED, redRtx]);
    expect(withoutDangling([OPUS, redRtx])).toEqual([OPUS]);
  });
});

describe("engineCodec", () => {
  it("tells the engine what RED and RTX belong to", () => {
    expect(engineCodec(RED)).toEqual({
      payloadType: 63,
      name: "red",
      clockRate: 48_000,
      channels: 2,
      associatedPayloadType: 111,
    });
    expect(engineCodec(OPUS_RTX)).toMatchObject({ name: "rtx", associatedPayloadType: 111 });
    expect(engineCodec(OPUS)).not.toHaveProperty("associatedPayloadType");
  });
});

describe("sendingCodecs", () => {
  it("sends the first that it can encode", () => {
    const g722 = { payloadType: 9, name: "g722", clockRate: 8_000, channels: 1 };
    expect(sendingCodecs([g722, PCMA, PCMU])).toEqual({ codec: PCMA });
    expect(sendingCodecs([g722])).toBeUndefined();
  });

  it("sends redundantly where RED is preferred, or where it is asked to", () => {
    expect(sendingCodecs([RED, OPUS])?.redundancy).toEqual({ payloadType: 63, distance: 1 });
    expect(sendingCodecs([RED, OPUS], 0)?.redundancy).toBeUndefined();
    expect(sendingCodecs([OPUS, RED])?.redundancy).toBeUndefined();
    expect(sendingCodecs([OPUS, RED], 2)?.redundancy).toEqual({ payloadType: 63, distance: 2 });
    expect(sendingCodecs([PCMU, RED, OPUS], 2)).toEqual({ codec: PCMU });
  });

  it("repairs what it sends, not what is inside", () => {
    const redRtx = { ...OPUS_RTX, payloadType: 113, format: "apt=63" };
    expect(sendingCodecs([OPUS, OPUS_RTX])?.retransmission).toEqual(OPUS_RTX);
    expect(sendingCodecs([RED, OPUS, OPUS_RTX])?.retransmission).toBeUndefined();
    expect(sendingCodecs([RED, OPUS, OPUS_RTX, redRtx])?.retransmission).toEqual(redRtx);
  });
});

describe("canReceive", () => {
  it("takes Opus and G.711, redundant Opus and retransmission", () => {
    for (const codec of [OPUS, PCMU, PCMA, RED, OPUS_RTX]) expect(canReceive("audio", codec)).toBe(true);
    expect(canReceive("audio", { ...PCMU, clockRate: 16_000 })).toBe(false);
    expect(canReceive("audio", { ...PCMU, name: "g722" })).toBe(false);
    expect(canReceive("audio", { ...RED, clockRate: 8_000 })).toBe(false);
  });
});
