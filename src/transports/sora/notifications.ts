import { z } from "zod";
import type { SoraNotify } from "./wire.ts";

const connectionId = z.string().min(1);
const count = z.int().min(0);
const rid = z.string();

/** Somebody came, changed or went: `connection.created`, `connection.updated`, `connection.destroyed`. */
const connection = z.looseObject({
  connection_id: connectionId,
  client_id: z.string().optional(),
  bundle_id: z.string().optional(),
  session_id: z.string().optional(),
  role: z.enum(["sendrecv", "sendonly", "recvonly"]).optional(),
  audio: z.boolean().optional(),
  video: z.boolean().optional(),
  /** What it said of itself: its `signalingNotifyMetadata`. */
  metadata: z.unknown().optional(),
  /** For how long it has been there, in minutes. */
  minutes: count.optional(),
  /** How many are in the channel. */
  channel_connections: count.optional(),
  channel_sendrecv_connections: count.optional(),
  channel_sendonly_connections: count.optional(),
  channel_recvonly_connections: count.optional(),
  /** Who is there besides. */
  data: z.array(z.looseObject({ connection_id: connectionId })).optional(),
});

const spotlight = z.looseObject({
  connection_id: connectionId,
  client_id: z.string().optional(),
  channel_id: z.string().optional(),
  spotlight_id: z.string().optional(),
  fixed: z.boolean().optional(),
  audio: z.boolean().optional(),
  video: z.boolean().optional(),
});

const schemas = {
  "connection.created": connection,
  "connection.updated": connection,
  "connection.destroyed": connection,
  /** Another layer of a sender's simulcast is forwarded to us. */
  "simulcast.switched": z.looseObject({
    connection_id: connectionId.optional(),
    current_rid: rid.optional(),
  }),
  "spotlight.changed": spotlight,
  "spotlight.focused": spotlight,
  "spotlight.unfocused": spotlight,
  /** How unstable our own network looks to the server: 0 (stable) to 3. */
  "network.status": z.looseObject({ unstable_level: z.int().min(0).max(3) }),
};

/** What a notification carries, by its `event_type`. */
export type SoraNotifications = { [Type in keyof typeof schemas]: z.output<(typeof schemas)[Type]> };

/**
 * Whether a notification is of this `event_type` and has what such a one has. Servers may send others, and may put
 * more into these.
 *
 * @example
 * connection.on("notify", (notify) => {
 *   if (isSoraNotify(notify, "network.status")) console.log(notify.unstable_level);
 * });
 */
export function isSoraNotify<Type extends keyof SoraNotifications>(
  notify: SoraNotify,
  type: Type,
): notify is SoraNotify & SoraNotifications[Type] & { event_type: Type } {
  return notify.event_type === type && schemas[type].safeParse(notify).success;
}
