import { z } from "zod";
import type { SoraSettings } from "./options.ts";

/** The largest message that is parsed, in bytes, on the WebSocket and (inflated) on data channels. */
export const MAXIMUM_MESSAGE_BYTES = 1024 * 1024;

/** The length of the connection id in front of a message whose label has a header. */
export const SENDER_HEADER_BYTES = 26;

const text = (maximum: number) => z.string().max(maximum);
const sdp = z.string().min(1);
const connectionId = z.string().min(1).max(255);

const iceServer = z.looseObject({
  urls: z.union([text(1024).transform((url) => [url]), z.array(text(1024)).max(16)]),
  username: text(1024).optional(),
  credential: text(1024).optional(),
});

const offeredChannel = z.looseObject({
  label: text(255).min(1),
  direction: z.enum(["sendrecv", "sendonly", "recvonly"]).default("sendrecv"),
  compress: z.boolean().default(false),
  header: z
    .array(z.looseObject({ type: text(64) }))
    .max(8)
    .optional(),
});

const offer = z.looseObject({
  type: z.literal("offer"),
  sdp,
  connection_id: connectionId,
  client_id: text(255).optional(),
  session_id: text(255).optional(),
  bundle_id: text(255).optional(),
  channel_id: text(255).optional(),
  metadata: z.unknown().optional(),
  config: z.looseObject({ iceServers: z.array(iceServer).max(32).default([]) }).optional(),
  mid: z.looseObject({ audio: text(64).optional(), video: text(64).optional() }).optional(),
  data_channels: z.array(offeredChannel).max(256).default([]),
  data_channel_signaling: z.boolean().optional(),
  ignore_disconnect_websocket: z.boolean().optional(),
  rpc_methods: z.array(text(255)).max(1000).optional(),
});

const notify = z.looseObject({
  type: z.literal("notify"),
  event_type: text(255),
  connection_id: text(255).optional(),
  client_id: text(255).optional(),
  data: z
    .array(z.looseObject({ connection_id: text(255).optional() }))
    .max(10_000)
    .optional(),
});

const serverMessage = z.discriminatedUnion("type", [
  offer,
  notify,
  z.looseObject({ type: z.literal("redirect"), location: text(2048) }),
  z.looseObject({ type: z.literal("re-offer"), sdp }),
  z.looseObject({ type: z.literal("update"), sdp }),
  z.looseObject({ type: z.literal("candidate"), candidate: text(2048), sdpMid: text(64).nullish() }),
  z.looseObject({ type: z.literal("ping"), stats: z.boolean().optional() }),
  z.looseObject({ type: z.literal("push"), data: z.unknown().optional() }),
  z.looseObject({ type: z.literal("switched"), ignore_disconnect_websocket: z.boolean().optional() }),
  z.looseObject({ type: z.literal("req-stats") }),
  z.looseObject({ type: z.literal("close"), code: z.int().default(1000), reason: text(1024).default("") }),
]);

/** Everything that the server says, on the WebSocket or on a data channel. */
export type ServerMessage = z.output<typeof serverMessage>;
export type SoraOffer = z.output<typeof offer>;
export type OfferedChannel = z.output<typeof offeredChannel>;
export type SoraPush = Extract<ServerMessage, { type: "push" }>;

/** A notification; what it carries depends on `event_type`. */
export type SoraNotify = z.output<typeof notify>;

export type ParsedMessage =
  | { kind: "message"; message: ServerMessage }
  /** A type that is not known here. */
  | { kind: "unknown"; type: string }
  | { kind: "malformed"; why: string };

const KNOWN_TYPES = new Set(
  serverMessage.options.flatMap((option) => [...option.shape.type.values]) as string[],
);

/** Parses one message; never throws. */
export function parseServerMessage(raw: string): ParsedMessage {
  if (raw.length > MAXIMUM_MESSAGE_BYTES) return { kind: "malformed", why: "too long" };
  let value: unknown;
  try {
    value = JSON.parse(raw);
  } catch {
    return { kind: "malformed", why: "not JSON" };
  }
  const type = typeof value === "object" && value !== null ? (value as { type?: unknown }).type : undefined;
  if (typeof type !== "string") return { kind: "malformed", why: "without a type" };
  if (!KNOWN_TYPES.has(type)) return { kind: "unknown", type: type.slice(0, 40) };
  const result = serverMessage.safeParse(value);
  if (result.success) return { kind: "message", message: result.data };
  const issue = result.error.issues[0];
  return {
    kind: "malformed",
    why: `${type}.${issue?.path.join(".") ?? ""}: ${issue?.message ?? "not valid"}`,
  };
}

/** What a client says. */
export type ClientMessage =
  | { type: "connect"; [member: string]: unknown }
  | { type: "answer" | "re-answer" | "update"; sdp: string }
  | { type: "candidate"; candidate: string }
  | { type: "pong"; stats?: unknown[] }
  | { type: "stats"; reports: unknown[] }
  | { type: "disconnect"; reason: string };

/** The `connect` of these settings. `redirected` marks one that follows a `redirect`. */
export function connectMessage(settings: SoraSettings, redirected: boolean): ClientMessage {
  const { dataChannels } = settings;
  return {
    type: "connect",
    role: settings.role,
    channel_id: settings.channelId,
    client_id: settings.clientId,
    bundle_id: settings.bundleId,
    metadata: settings.metadata,
    signaling_notify_metadata: settings.signalingNotifyMetadata,
    sora_client: settings.userAgent,
    environment: `Node.js ${process.version} on ${process.platform} ${process.arch}`,
    audio: audioOf(settings.audio),
    video: settings.video,
    spotlight: settings.spotlight,
    spotlight_number: settings.spotlightNumber,
    spotlight_focus_rid: settings.spotlightFocusRid,
    spotlight_unfocus_rid: settings.spotlightUnfocusRid,
    forwarding_filters: settings.forwardingFilters,
    forwarding_filter: settings.forwardingFilter,
    audio_streaming_language_code: settings.audioStreamingLanguageCode,
    data_channel_signaling: settings.dataChannelSignaling ?? (dataChannels.length > 0 ? true : undefined),
    ignore_disconnect_websocket: settings.ignoreDisconnectWebsocket,
    data_channels: dataChannels.length > 0 ? dataChannels.map(dataChannelOf) : undefined,
    redirect: redirected ? true : undefined,
  };
}

function audioOf(audio: SoraSettings["audio"]): unknown {
  if (typeof audio === "boolean") return audio;
  const { spropStereo, ...rest } = audio.opusParams ?? {};
  return {
    codec_type: audio.codecType,
    bit_rate: audio.bitRate,
    opus_params: audio.opusParams && { ...rest, sprop_stereo: spropStereo },
  };
}

function dataChannelOf(channel: SoraSettings["dataChannels"][number]): unknown {
  const { maxPacketLifeTime, maxRetransmits, ...rest } = channel;
  return { ...rest, max_packet_life_time: maxPacketLifeTime, max_retransmits: maxRetransmits };
}
