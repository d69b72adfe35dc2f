import type { LayerSwitch } from "./Downstreams.ts";

/** Who a member is, as the others are told. */
export interface MemberIdentity {
  readonly role: "sendonly" | "recvonly" | "sendrecv";
  readonly sessionId: string;
  readonly channelId: string;
  readonly connectionId: string;
  readonly clientId: string;
  readonly bundleId: string;
  readonly audio: boolean;
  readonly video: boolean;
  /** signaling_notify_metadata of its connect. */
  readonly notifyMetadata: unknown;
  readonly createdAtMs: number;
}

export type ConnectionEventType = "connection.created" | "connection.updated" | "connection.destroyed";

/** A `notify` about a member, as every member of the channel gets it. */
export function connectionNotify(
  eventType: ConnectionEventType,
  about: MemberIdentity,
  channel: readonly MemberIdentity[],
  others: readonly MemberIdentity[],
  nowMs = Date.now(),
): Record<string, unknown> {
  const count = (role: MemberIdentity["role"]) => channel.filter((member) => member.role === role).length;
  return {
    type: "notify",
    event_type: eventType,
    timestamp: new Date(nowMs).toISOString(),
    role: about.role,
    channel_id: about.channelId,
    session_id: about.sessionId,
    client_id: about.clientId,
    bundle_id: about.bundleId,
    connection_id: about.connectionId,
    audio: about.audio,
    video: about.video,
    ...metadataOf(about),
    minutes: Math.floor((nowMs - about.createdAtMs) / 60_000),
    channel_connections: channel.length,
    channel_sendrecv_connections: count("sendrecv"),
    channel_sendonly_connections: count("sendonly"),
    channel_recvonly_connections: count("recvonly"),
    data: others.map((other) => ({
      role: other.role,
      client_id: other.clientId,
      bundle_id: other.bundleId,
      connection_id: other.connectionId,
      ...metadataOf(other),
    })),
  };
}

/** `simulcast.switched`, for who gets another layer of a sender now. */
export function layerNotify(
  { senderId, requested, current, previous }: LayerSwitch,
  nowMs = Date.now(),
): Record<string, unknown> {
  return {
    type: "notify",
    event_type: "simulcast.switched",
    timestamp: new Date(nowMs).toISOString(),
    sender_connection_id: senderId,
    priority: current > previous ? "higher" : "lower",
    // Another layer than the one that was asked for means that the sender does not send that one.
    trigger: current === requested ? "receiver" : "sender",
    rpc_rids: [],
    auto_rids: [],
    request_rid: requested,
    current_rid: current,
    previous_rid: previous,
  };
}

/** `spotlight.focused`, `spotlight.unfocused` and `spotlight.changed`, about a sender. */
export function spotlightNotify(
  change: "focused" | "unfocused" | "changed",
  about: MemberIdentity,
): Record<string, unknown> {
  return {
    type: "notify",
    event_type: `spotlight.${change}`,
    channel_id: about.channelId,
    client_id: about.clientId,
    bundle_id: about.bundleId,
    connection_id: about.connectionId,
    ...(change === "changed" ? { spotlight_id: about.sessionId } : {}),
    fixed: false,
    audio: about.audio,
    video: about.video,
  };
}

function metadataOf(member: MemberIdentity): Record<string, unknown> {
  if (member.notifyMetadata === undefined) return {};
  return { authn_metadata: member.notifyMetadata, metadata: member.notifyMetadata };
}
