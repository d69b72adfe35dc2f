import { z } from "zod";
import { type SdpCodec, VIDEO_CODECS } from "../webrtc/index.ts";

/** Codecs of video as Sora names them. */
export const videoCodecType = z.enum(["VP8", "VP9", "AV1", "H264", "H265"]);

/** Layers by their rid; r0 is the smallest. */
export const simulcastRid = z.enum(["r0", "r1", "r2"]);
export const requestedRid = z.enum(["none", "r0", "r1", "r2"]);

/** A layer that a member wants, or none of them. */
export type RequestedRid = z.output<typeof requestedRid>;

/** What a client asks for or accepts, in the order of preference, when it names no codec. */
const DEFAULT_CODEC = "VP9";

/** Where the estimate of a simulcast sender begins, in kbit/s: with libwebrtc's own 300 its best layer comes late. */
const START_KBITS = 3000;

/** How one layer of a simulcast sender is made: an RTCRtpEncodingParameters of WebRTC. */
const simulcastEncodingSchema = z.strictObject({
  rid: simulcastRid,
  active: z.boolean().default(true),
  scaleResolutionDownBy: z.number().min(1).optional(),
  scaleResolutionDownTo: z.strictObject({ maxWidth: z.int().min(1), maxHeight: z.int().min(1) }).optional(),
  /** bit/s */
  maxBitrate: z.int().min(1).optional(),
  maxFramerate: z.number().min(0).optional(),
  adaptivePtime: z.boolean().optional(),
  scalabilityMode: z.string().max(16).optional(),
  /** Another codec than the one that was asked for: `{ mimeType: "video/VP8", clockRate: 90000 }`. */
  codec: z
    .strictObject({
      mimeType: z.string().regex(/^video\/(VP8|VP9|AV1|H264|H265)$/, "video/VP8, VP9, AV1, H264 or H265"),
      clockRate: z.literal(90_000).default(90_000),
      sdpFmtpLine: z.string().max(256).optional(),
    })
    .optional(),
});

export type SimulcastEncoding = z.output<typeof simulcastEncodingSchema>;

/** The layers of a stage: each rid once, and scaled to a size either all or none, as WebRTC has it. */
export const simulcastEncodingsSchema = z
  .array(simulcastEncodingSchema)
  .min(1, "1 to 3 layers")
  .max(3, "1 to 3 layers")
  .refine((layers) => new Set(layers.map(({ rid }) => rid)).size === layers.length, "each rid once")
  .refine((layers) => {
    const sized = layers
      .filter(({ active }) => active)
      .map((layer) => layer.scaleResolutionDownTo !== undefined);
    return new Set(sized).size <= 1;
  }, "scaleResolutionDownTo for all active layers or for none");

/** The layers of a stage that was told nothing else. */
export const DEFAULT_ENCODINGS: readonly SimulcastEncoding[] = [
  { rid: "r0", active: true, scaleResolutionDownBy: 4 },
  { rid: "r1", active: true, scaleResolutionDownBy: 2 },
  { rid: "r2", active: true, scaleResolutionDownBy: 1 },
];

/** `video` of a client's connect, where it is more than yes or no. Bit rates in kbit/s, for all layers together. */
export const videoWishSchema = z.looseObject({
  codec_type: videoCodecType.optional(),
  bit_rate: z.number().min(0).max(50_000).optional(),
  vp9_params: z.looseObject({ profile_id: z.int().min(0).max(3).optional() }).optional(),
  h264_params: z
    .looseObject({
      profile_level_id: z
        .string()
        .regex(/^[0-9a-fA-F]{6}$/, "six hexadecimal digits")
        .optional(),
    })
    .optional(),
  h265_params: z.looseObject({ level_id: z.int().min(0).max(255).optional() }).optional(),
  av1_params: z.looseObject({ profile: z.int().min(0).max(2).optional() }).optional(),
});

export type VideoWish = z.output<typeof videoWishSchema>;

/** What the line of a client's video offers: the codec that it asked for, those of the layers, and their RTX. */
export function videoCodecs(wish: VideoWish, layers: readonly SimulcastEncoding[]): SdpCodec[] {
  const layered = layers.flatMap(({ codec }) => (codec ? [codec.mimeType.slice("video/".length)] : []));
  const names = new Set([wish.codec_type ?? DEFAULT_CODEC, ...layered].map((name) => name.toLowerCase()));
  return [...names].flatMap((name) => {
    const at = VIDEO_CODECS.findIndex((codec) => codec.name === name);
    const codec = VIDEO_CODECS[at];
    const rtx = VIDEO_CODECS[at + 1];
    if (!codec || !rtx) return [];
    const start = layers.length > 0 ? [`x-google-start-bitrate=${START_KBITS}`] : [];
    const format = [formatOf(codec, wish), ...start].filter(Boolean).join(";");
    const feedback = [...(codec.feedback ?? []), "goog-remb"];
    return [{ ...codec, feedback, ...(format ? { format } : {}) }, rtx];
  });
}

function formatOf({ name, format = "" }: SdpCodec, wish: VideoWish): string {
  const wanted: Record<string, [parameter: string, value: string | number | undefined]> = {
    vp9: ["profile-id", wish.vp9_params?.profile_id],
    h264: ["profile-level-id", wish.h264_params?.profile_level_id],
    h265: ["level-id", wish.h265_params?.level_id],
    av1: ["profile", wish.av1_params?.profile],
  };
  const [parameter, value] = wanted[name] ?? [];
  if (parameter === undefined || value === undefined) return format;
  return format
    .split(";")
    .map((part) => (part.startsWith(`${parameter}=`) ? `${parameter}=${value}` : part))
    .join(";");
}
