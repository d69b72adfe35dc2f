import type { CodecParameters, OpusParameters } from "../../native/index.ts";
import type { MediaKind, SdpCodec } from "../types.ts";

/** bit/s: about what Opus takes for mono speech at full band; what a lower ceiling is measured against. */
const USUAL_BIT_RATE = 32_000;

const VIDEO_FEEDBACK = ["nack", "nack pli", "ccm fir"];

/** Opus as browsers offer it (RFC 7587), with generic NACK, which our engine answers for audio too. */
export const OPUS: SdpCodec = {
  payloadType: 111,
  name: "opus",
  clockRate: 48_000,
  channels: 2,
  format: "minptime=10;useinbandfec=1",
  feedback: ["nack"],
};

/** The video codecs that can be offered and forwarded, each with its retransmission format behind it. */
export const VIDEO_CODECS: readonly SdpCodec[] = [
  ...withRetransmission(96, "vp8"),
  ...withRetransmission(98, "vp9", "profile-id=0"),
  ...withRetransmission(
    102,
    "h264",
    "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
  ),
  ...withRetransmission(45, "av1", "level-idx=5;profile=0;tier=0"),
  ...withRetransmission(49, "h265", "level-id=93;profile-id=1;tier-flag=0;tx-mode=SRST"),
];

/** How names are written; everywhere else they are lower-case. */
const WRITTEN_NAMES: Record<string, string> = {
  vp8: "VP8",
  vp9: "VP9",
  h264: "H264",
  av1: "AV1",
  h265: "H265",
  pcmu: "PCMU",
  pcma: "PCMA",
};

/** Payload types that need no rtpmap attribute (RFC 3551, table 4). */
const STATIC_CODECS: Record<number, [name: string, clockRate: number]> = {
  0: ["pcmu", 8000],
  8: ["pcma", 8000],
  9: ["g722", 8000],
  13: ["cn", 8000],
};

/** Where payload types may lie (RFC 5761, section 4; RFC 3551): 96 to 127 first, then 35 to 63. */
const DYNAMIC_PAYLOAD_TYPES = [...range(96, 127), ...range(35, 63)];

/** What is offered when nobody says: Opus, or VP8 with its retransmission format. */
export function defaultCodecs(kind: MediaKind): SdpCodec[] {
  return kind === "audio" ? [OPUS] : VIDEO_CODECS.slice(0, 2);
}

export function staticCodec(payloadType: number): SdpCodec | undefined {
  const entry = STATIC_CODECS[payloadType];
  return entry && { payloadType, name: entry[0], clockRate: entry[1], channels: 1, feedback: [] };
}

export function writtenName(name: string): string {
  return WRITTEN_NAMES[name] ?? name;
}

/** Whether the engine can make packets of it. */
export function canEncode(codec: SdpCodec): boolean {
  return codec.name === "opus" && codec.clockRate === 48_000;
}

/** Whether we ask for it to be sent to us: Opus for audio; any known video, which is forwarded or dropped. */
export function canReceive(kind: MediaKind, codec: SdpCodec): boolean {
  if (kind === "audio") return canEncode(codec);
  return codec.name === "rtx" || VIDEO_CODECS.some(({ name }) => name === codec.name);
}

/** Without retransmission formats of codecs that are not there: libwebrtc refuses those. */
export function withoutDanglingRetransmission(codecs: readonly SdpCodec[]): SdpCodec[] {
  const numbers = new Set(codecs.filter(({ name }) => name !== "rtx").map(({ payloadType }) => payloadType));
  return codecs.filter((codec) => codec.name !== "rtx" || numbers.has(Number(formatParameter(codec, "apt"))));
}

/** What the engine is told of a codec. */
export function engineCodec({ payloadType, name, clockRate, channels }: SdpCodec): CodecParameters {
  return { payloadType, name, clockRate, channels };
}

function sameCodec(a: SdpCodec, b: SdpCodec): boolean {
  return a.name === b.name && a.clockRate === b.clockRate && a.channels === b.channels;
}

/** One parameter of a codec's fmtp value; undefined when it is not there. */
function formatParameter(codec: SdpCodec, name: string): string | undefined {
  for (const part of codec.format?.split(";") ?? []) {
    const at = part.indexOf("=");
    if (at > 0 && part.slice(0, at).trim().toLowerCase() === name) return part.slice(at + 1).trim();
  }
  return undefined;
}

/** Codecs that both have, as `ours` numbers them, in the order of `theirs`; feedback is what both know. */
export function intersectCodecs(ours: readonly SdpCodec[], theirs: readonly SdpCodec[]): SdpCodec[] {
  const result: SdpCodec[] = [];
  for (const their of theirs) {
    const our =
      ours.find((one) => one.payloadType === their.payloadType && sameCodec(one, their)) ??
      (their.name === "rtx" ? undefined : ours.find((one) => sameCodec(one, their)));
    if (!our || result.some(({ payloadType }) => payloadType === our.payloadType)) continue;
    const feedback = (our.feedback ?? []).filter((one) => their.feedback?.includes(one));
    result.push({ ...our, format: their.format, feedback });
  }
  return withoutDanglingRetransmission(result);
}

/** What the far side's Opus parameters (RFC 7587, section 6.1) ask of a sender; what `wanted` says wins. */
export function opusParameters(
  codec: SdpCodec,
  wanted: Partial<OpusParameters> = {},
): Partial<OpusParameters> {
  const asked: Partial<OpusParameters> = {
    fec: formatParameter(codec, "useinbandfec") === "1",
    dtx: formatParameter(codec, "usedtx") === "1",
  };
  const bitRate = wanted.bitRate ?? USUAL_BIT_RATE;
  const ceiling = Number(formatParameter(codec, "maxaveragebitrate"));
  if (ceiling >= 6000 && ceiling < bitRate) asked.bitRate = ceiling;
  const frameMs = Number(formatParameter(codec, "ptime"));
  if (frameMs === 10 || frameMs === 20 || frameMs === 40 || frameMs === 60) asked.frameMs = frameMs;
  return { ...asked, ...wanted, ...(asked.bitRate ? { bitRate: asked.bitRate } : {}) };
}

/**
 * Gives payload types out so that in a bundle one number never means two things (RFC 8843, section 9.1).
 */
export class PayloadTypes {
  readonly #taken = new Map<number, string>();

  /** The codecs as they may be offered: renumbered where their number means something else already. */
  allocate(codecs: readonly SdpCodec[]): SdpCodec[] {
    const moved = new Map<number, number>();
    return codecs.map((codec) => {
      const numbered = this.#number(codec, moved);
      moved.set(codec.payloadType, numbered.payloadType);
      return numbered;
    });
  }

  #number(codec: SdpCodec, moved: Map<number, number>): SdpCodec {
    const format = codec.name === "rtx" ? retargetRetransmission(codec, moved) : codec.format;
    const key = `${codec.name}/${codec.clockRate}/${codec.channels} ${format ?? ""}`;
    const wanted = [codec.payloadType, ...DYNAMIC_PAYLOAD_TYPES];
    const free =
      wanted.find((number) => this.#taken.get(number) === key) ??
      wanted.find((number) => !this.#taken.has(number)) ??
      codec.payloadType;
    this.#taken.set(free, key);
    return { ...codec, payloadType: free, ...(format === undefined ? {} : { format }) };
  }
}

function retargetRetransmission(codec: SdpCodec, moved: Map<number, number>): string | undefined {
  const target = moved.get(Number(formatParameter(codec, "apt")));
  return target === undefined ? codec.format : `apt=${target}`;
}

function withRetransmission(payloadType: number, name: string, format?: string): SdpCodec[] {
  const common = { clockRate: 90_000, channels: 1 };
  return [
    { payloadType, name, ...common, ...(format ? { format } : {}), feedback: VIDEO_FEEDBACK },
    { payloadType: payloadType + 1, name: "rtx", ...common, format: `apt=${payloadType}`, feedback: [] },
  ];
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
