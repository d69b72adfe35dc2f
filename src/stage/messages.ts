import { z } from "zod";
import { TroupeError } from "../core/index.ts";
import { requestedRid, type SimulcastEncoding, simulcastRid, videoWishSchema } from "./encodings.ts";
import { forwardingFilterSchema } from "./forwarding.ts";

/** Deeper nesting than this is refused before it is parsed: writing it out again could overflow the stack. */
const MAXIMUM_NESTING = 64;

const identifier = z.string().min(1).max(255);
const audioWishSchema = z.looseObject({
  codec_type: z.string().max(16).optional(),
  bit_rate: z.number().min(0).max(50_000).optional(),
});

const opusParametersSchema = z.looseObject({
  channels: z.int().min(1).max(8).optional(),
  maxplaybackrate: z.int().min(8000).max(48_000).optional(),
  minptime: z.int().min(3).max(120).optional(),
  ptime: z.int().min(3).max(120).optional(),
  stereo: z.boolean().optional(),
  sprop_stereo: z.boolean().optional(),
  useinbandfec: z.boolean().optional(),
  usedtx: z.boolean().optional(),
});

const dataChannelSchema = z.looseObject({
  label: z.string().regex(/^#[\x21-\x7e]{1,30}$/, "a label of # and up to 30 printable characters"),
  direction: z.enum(["sendrecv", "sendonly", "recvonly"]),
  ordered: z.boolean().default(true),
  max_packet_life_time: z.int().min(0).max(65_535).optional(),
  max_retransmits: z.int().min(0).max(65_535).optional(),
  protocol: z.string().max(64).default(""),
  compress: z.boolean().default(false),
  header: z
    .array(z.object({ type: z.literal("sender_connection_id") }))
    .max(1)
    .optional(),
});

/** A label that a client wants, its direction as the client sees it. */
export type DataChannelWish = z.output<typeof dataChannelSchema>;

/** `connect`: what a client wants. What the stage does not know is let through and ignored. */
export const connectSchema = z.looseObject({
  type: z.literal("connect"),
  role: z.enum(["sendonly", "recvonly", "sendrecv"]),
  channel_id: identifier,
  client_id: identifier.optional(),
  bundle_id: identifier.optional(),
  metadata: z.unknown().optional(),
  signaling_notify_metadata: z.unknown().optional(),
  sora_client: z.string().max(512).optional(),
  audio: z
    .union([z.boolean(), audioWishSchema.extend({ opus_params: opusParametersSchema.optional() })])
    .default(true),
  video: z.union([z.boolean(), videoWishSchema]).default(true),
  /** Older clients say which layer they want in an object. */
  simulcast: z
    .union([z.boolean(), z.looseObject({})])
    .default(false)
    .transform((wish) => wish !== false),
  simulcast_rid: simulcastRid.optional(),
  simulcast_request_rid: requestedRid.optional(),
  spotlight: z.boolean().default(false),
  spotlight_number: z.int().min(1).max(8).optional(),
  spotlight_focus_rid: requestedRid.optional(),
  spotlight_unfocus_rid: requestedRid.optional(),
  redirect: z.boolean().optional(),
  data_channel_signaling: z.boolean().optional(),
  ignore_disconnect_websocket: z.boolean().optional(),
  data_channels: z.array(dataChannelSchema).max(256).default([]),
  forwarding_filters: z.array(forwardingFilterSchema).max(16).optional(),
  forwarding_filter: forwardingFilterSchema.optional(),
});

export type ConnectMessage = z.output<typeof connectSchema>;

const candidateSchema = z.looseObject({
  type: z.literal("candidate"),
  candidate: z.string().max(2048),
  sdpMid: z.string().max(64).nullish(),
});

const sdp = z.string().min(1);

/** What a client says once it is in, on its WebSocket or on the data channel `signaling`. */
export const memberMessageSchema = z.discriminatedUnion("type", [
  z.looseObject({ type: z.literal("answer"), sdp }),
  z.looseObject({ type: z.literal("re-answer"), sdp }),
  z.looseObject({ type: z.literal("update"), sdp }),
  candidateSchema,
  z.looseObject({ type: z.literal("pong"), stats: z.array(z.unknown()).max(2000).optional() }),
  z.looseObject({ type: z.literal("disconnect"), reason: z.string().max(256).optional() }),
]);

export type MemberMessage = z.output<typeof memberMessageSchema>;

/** What comes on the data channel `stats`. */
export const statsMessageSchema = z.looseObject({
  type: z.literal("stats"),
  reports: z.array(z.unknown()).max(2000),
});

/** `offer`, as Sora's clients read it. `config.iceServers` and `connection_id` must be there, or they abort. */
export interface OfferMessage {
  type: "offer";
  sdp: string;
  version: string;
  channel_id: string;
  session_id: string;
  client_id: string;
  bundle_id: string;
  connection_id: string;
  metadata?: unknown;
  config: { iceServers: { urls: string[] }[]; iceTransportPolicy: "all" };
  mid: { audio?: string; video?: string };
  simulcast: boolean;
  simulcast_multicodec: boolean;
  spotlight: boolean;
  encodings?: readonly SimulcastEncoding[];
  data_channel_signaling: boolean;
  ignore_disconnect_websocket: boolean;
  data_channels?: OfferedDataChannel[];
  rpc_methods?: string[];
}

export interface OfferedDataChannel {
  label: string;
  direction: "sendrecv" | "sendonly" | "recvonly";
  compress: boolean;
  header?: { type: "sender_connection_id" }[];
}

/**
 * Parses JSON from the network.
 *
 * @throws TroupeError INVALID_MESSAGE when it is not JSON or nested too deeply.
 */
export function parseJson(text: string): unknown {
  if (exceedsNesting(text, MAXIMUM_NESTING))
    throw new TroupeError("INVALID_MESSAGE", "The JSON is nested too deeply");
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw TroupeError.from("INVALID_MESSAGE", error, "Not JSON");
  }
}

/** The `type` of a message, when it has one. */
export function messageType(value: unknown): string | undefined {
  const type = typeof value === "object" && value !== null ? (value as { type?: unknown }).type : undefined;
  return typeof type === "string" ? type.slice(0, 40) : undefined;
}

function exceedsNesting(text: string, maximum: number): boolean {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (inString) {
      if (code === 0x5c) at++;
      else if (code === 0x22) inString = false;
    } else if (code === 0x22) inString = true;
    else if (code === 0x5b || code === 0x7b) {
      if (++depth > maximum) return true;
    } else if (code === 0x5d || code === 0x7d) depth--;
  }
  return false;
}
