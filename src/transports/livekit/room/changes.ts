import type { ParticipantInfo, ParticipantPermission } from "@livekit/protocol";
import type { TypedEvents } from "../../../core/index.ts";
import type { AnyParticipant, RoomEvents } from "./events.ts";

/**
 * Takes over what the server says of a participant and reports what changed. False when it had said something newer
 * before; `isFresh` takes it over in any case, as after a join, where versions may begin anew.
 */
export function applyInfo(
  events: TypedEvents<RoomEvents>,
  participant: AnyParticipant,
  info: ParticipantInfo,
  isFresh = false,
): boolean {
  const before = participant.info;
  if (!isFresh && before.sid === info.sid && info.version < before.version) return false;
  participant.setInfo(info);
  if (before.name !== info.name) {
    events.emit("participantNameChanged", participant, before.name, info.name);
  }
  if (before.metadata !== info.metadata) {
    events.emit("participantMetadataChanged", participant, before.metadata, info.metadata);
  }
  const changed = changedAttributes(before.attributes, info.attributes);
  if (Object.keys(changed).length > 0) events.emit("participantAttributesChanged", changed, participant);
  if (!isSamePermission(before.permission, info.permission)) {
    events.emit("participantPermissionsChanged", participant, participant.permissions);
  }
  return true;
}

function changedAttributes(
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): Record<string, string> {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return Object.fromEntries(
    [...keys].filter((key) => before[key] !== after[key]).map((key) => [key, after[key] ?? ""]),
  );
}

function isSamePermission(
  before: ParticipantPermission | undefined,
  after: ParticipantPermission | undefined,
): boolean {
  return before && after ? before.equals(after) : before === after;
}
