import type { CodecParameters } from "../../native/index.ts";
import type { MediaKind, SdpCodec } from "../types.ts";

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

/**
 * Redundant Opus (RFC 2198). Behind Opus in an offer it is taken and not sent; before it, it is what we send where the
 * far side agrees.
 */
export const RED: SdpCodec = {
  payloadType: 63,
  name: "red",
  clockRate: 48_000,
  channels: 2,
  format: "111/111",
  feedback: [],
};

/** Opus sent again on request as a stream of its own (RFC 4588). */
export const OPUS_RTX: SdpCodec = {
  payloadType: 112,
  name: "rtx",
  clockRate: 48_000,
  channels: 2,
  format: "apt=111",
  feedback: [],
};

/** G.711 as telephony has it: 64 kbit/s at 8 kHz. */
export const PCMU: SdpCodec = { payloadType: 0, name: "pcmu", clockRate: 8_000, channels: 1, feedback: [] };
export const PCMA: SdpCodec = { payloadType: 8, name: "pcma", clockRate: 8_000, channels: 1, feedback: [] };

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
export function canEncode({ name, clockRate }: SdpCodec): boolean {
  return name === "opus" ? clockRate === OPUS.clockRate : isG711(name) && clockRate === PCMU.clockRate;
}

/**
 * Whether we ask for it to be sent to us: what we can decode for audio, plain, redundant or sent again; any known
 * video, which is forwarded or dropped.
 */
export function canReceive(kind: MediaKind, codec: SdpCodec): boolean {
  if (codec.name === "rtx") return true;
  if (kind === "audio") return canEncode(codec) || isRedundancy(codec);
  return VIDEO_CODECS.some(({ name }) => name === codec.name);
}

/** Without formats that repeat codecs that are not there: libwebrtc refuses those. */
export function withoutDangling(codecs: readonly SdpCodec[]): SdpCodec[] {
  const primary = codecs.filter(({ name }) => name !== "rtx" && name !== "red");
  const redundant = codecs.filter((codec) => codec.name === "red" && refersTo(codec, primary));
  const repairable = [...primary, ...redundant];
  return codecs.filter((codec) =>
    codec.name === "rtx" ? refersTo(codec, repairable) : repairable.includes(codec),
  );
}

function refersTo(codec: SdpCodec, others: readonly SdpCodec[]): boolean {
  const target = associatedPayloadType(codec);
  return others.some(({ payloadType }) => payloadType === target);
}

/** What `rtx` repairs (RFC 4588, section 8.6), and what the blocks of `red` are encoded in (RFC 2198, section 5). */
function associatedPayloadType(codec: SdpCodec): number | undefined {
  if (codec.name === "rtx") return Number(formatParameter(codec, "apt"));
  if (codec.name !== "red") return undefined;
  const numbers = new Set(codec.format?.split("/").map(Number));
  // Blocks of more than one encoding are more than we unpack.
  return numbers.size === 1 ? [...numbers][0] : undefined;
}

/** What the engine is told of a codec. */
export function engineCodec(codec: SdpCodec): CodecParameters {
  const { payloadType, name, clockRate, channels } = codec;
  const associated = associatedPayloadType(codec);
  return {
    payloadType,
    name,
    clockRate,
    channels,
    ...(associated === undefined ? {} : { associatedPayloadType: associated }),
  };
}

/** What an audio sender sends of what was agreed. */
export interface SendingCodecs {
  codec: SdpCodec;
  /** RED around it. */
  redundancy?: { payloadType: number; distance: number };
  /** RTX for it. */
  retransmission?: SdpCodec;
}

/**
 * Picks the first codec that we can encode. Redundancy goes around it as `distance` says; without that, one payload
 * back where `red` stands before the codec itself, as libwebrtc has it.
 */
export function sendingCodecs(codecs: readonly SdpCodec[], distance?: number): SendingCodecs | undefined {
  const codec = codecs.find(canEncode);
  if (!codec) return undefined;
  const result: SendingCodecs = { codec };
  const red = codecs.find((one) => one.name === "red" && associatedPayloadType(one) === codec.payloadType);
  const wanted = distance ?? (red && codecs.indexOf(red) < codecs.indexOf(codec) ? 1 : 0);
  if (red && wanted > 0) result.redundancy = { payloadType: red.payloadType, distance: wanted };
  const sent = result.redundancy?.payloadType ?? codec.payloadType;
  const rtx = codecs.find((one) => one.name === "rtx" && associatedPayloadType(one) === sent);
  return rtx ? { ...result, retransmission: rtx } : result;
}

function isG711(name: string): boolean {
  return name === "pcmu" || name === "pcma";
}

function isRedundancy({ name, clockRate }: SdpCodec): boolean {
  return name === "red" && clockRate === OPUS.clockRate;
}

function packetTimes({ packetMs, maximumPacketMs }: SdpCodec): Partial<SdpCodec> {
  return {
    ...(packetMs === undefined ? {} : { packetMs }),
    ...(maximumPacketMs === undefined ? {} : { maximumPacketMs }),
  };
}

function sameCodec(a: SdpCodec, b: SdpCodec): boolean {
  return a.name === b.name && a.clockRate === b.clockRate && a.channels === b.channels;
}

/** One parameter of a codec's fmtp value; undefined when it is not there. */
export function formatParameter(codec: SdpCodec, name: string): string | undefined {
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
      (their.name === "rtx" || their.name === "red" ? undefined : ours.find((one) => sameCodec(one, their)));
    if (!our || result.some(({ payloadType }) => payloadType === our.payloadType)) continue;
    const feedback = (our.feedback ?? []).filter((one) => their.feedback?.includes(one));
    // Formats that name payload types keep ours: the numbers are ours.
    const format = our.name === "rtx" || our.name === "red" ? our.format : their.format;
    result.push({ ...our, format, feedback, ...packetTimes(their) });
  }
  return withoutDangling(result);
}

/**
 * Gives payload types out so that in a bundle one number never means two things (RFC 8843, section 9.1).
 */
export class PayloadTypes {
  readonly #taken = new Map<number, string>();

  /** The codecs as they may be offered: renumbered where their number means something else already. */
  allocate(codecs: readonly SdpCodec[]): SdpCodec[] {
    const moved = new Map<number, number>();
    const numbered = new Map<SdpCodec, SdpCodec>();
    // What names another's number comes after it, in whatever order they are preferred.
    for (const codec of codecs.toSorted((a, b) => namingDepth(a) - namingDepth(b))) {
      const result = this.#number(codec, moved);
      moved.set(codec.payloadType, result.payloadType);
      numbered.set(codec, result);
    }
    return codecs.map((codec) => numbered.get(codec)!);
  }

  #number(codec: SdpCodec, moved: Map<number, number>): SdpCodec {
    const format = retarget(codec, moved);
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

/** 0 for what names no other codec, 1 for what names such a one, 2 for what may name either. */
function namingDepth({ name }: SdpCodec): number {
  return name === "rtx" ? 2 : Number(name === "red");
}

/** The format with the numbers that the codecs before it were given. */
function retarget(codec: SdpCodec, moved: ReadonlyMap<number, number>): string | undefined {
  const target = moved.get(associatedPayloadType(codec) ?? -1);
  if (target === undefined) return codec.format;
  if (codec.name === "rtx") return `apt=${target}`;
  return codec.format?.split("/").fill(String(target)).join("/");
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
