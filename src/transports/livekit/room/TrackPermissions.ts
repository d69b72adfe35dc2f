import { SubscriptionPermission, TrackPermission } from "@livekit/protocol";
import { z } from "zod";
import { parseOptions } from "../../../core/index.ts";

const sid = z.string("a text").max(256, "at most 256 characters");

const permissionSchema = z
  .object({
    participantIdentity: sid.default(""),
    participantSid: sid.default(""),
    allowAll: z.boolean("a boolean").default(false),
    allowedTrackSids: z.array(sid, "an array of track sids").max(1000, "at most 1000").default([]),
  })
  .refine(
    (permission) => permission.participantIdentity !== "" || permission.participantSid !== "",
    "a participantIdentity or a participantSid",
  );

const schema = z.object({
  allParticipantsAllowed: z.boolean("a boolean"),
  participantPermissions: z
    .array(permissionSchema, "an array of permissions")
    .max(1000, "at most 1000")
    .default([]),
});

/** Who may subscribe to one participant's tracks: to every one, or to those listed. */
export interface ParticipantTrackPermission {
  /** Who; either this or the sid. */
  participantIdentity?: string;
  participantSid?: string;
  /** Every track, those published later among them. */
  allowAll?: boolean;
  allowedTrackSids?: string[];
}

/** Who may subscribe to what we publish. */
export interface TrackPermissions {
  /** When true, `participantPermissions` does not count. */
  allParticipantsAllowed: boolean;
  participantPermissions?: ParticipantTrackPermission[];
}

/** @throws TroupeError INVALID_OPTION */
export function parseTrackPermissions(permissions: TrackPermissions): SubscriptionPermission {
  const { allParticipantsAllowed, participantPermissions } = parseOptions(schema, permissions, "permissions");
  return new SubscriptionPermission({
    allParticipants: allParticipantsAllowed,
    trackPermissions: allParticipantsAllowed
      ? []
      : participantPermissions.map(
          (permission) =>
            new TrackPermission({
              participantIdentity: permission.participantIdentity,
              participantSid: permission.participantSid,
              allTracks: permission.allowAll,
              trackSids: permission.allowedTrackSids,
            }),
        ),
  });
}
