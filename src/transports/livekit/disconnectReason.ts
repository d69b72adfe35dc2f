import { DisconnectReason } from "@livekit/protocol";

/** Why a connection ended, in LiveKit's terms. The number of each is the code of `disconnected`. */
export const DISCONNECT_REASONS = {
  unknown: DisconnectReason.UNKNOWN_REASON,
  clientInitiated: DisconnectReason.CLIENT_INITIATED,
  duplicateIdentity: DisconnectReason.DUPLICATE_IDENTITY,
  serverShutdown: DisconnectReason.SERVER_SHUTDOWN,
  participantRemoved: DisconnectReason.PARTICIPANT_REMOVED,
  roomDeleted: DisconnectReason.ROOM_DELETED,
  stateMismatch: DisconnectReason.STATE_MISMATCH,
  joinFailure: DisconnectReason.JOIN_FAILURE,
  migration: DisconnectReason.MIGRATION,
  signalClose: DisconnectReason.SIGNAL_CLOSE,
  roomClosed: DisconnectReason.ROOM_CLOSED,
  userUnavailable: DisconnectReason.USER_UNAVAILABLE,
  userRejected: DisconnectReason.USER_REJECTED,
  sipTrunkFailure: DisconnectReason.SIP_TRUNK_FAILURE,
  connectionTimeout: DisconnectReason.CONNECTION_TIMEOUT,
  mediaFailure: DisconnectReason.MEDIA_FAILURE,
  agentError: DisconnectReason.AGENT_ERROR,
} as const;

export type LiveKitDisconnectReason = keyof typeof DISCONNECT_REASONS;

/** The name of a reason; `unknown` for one that is not known here. */
export function disconnectReasonOf(code: number): LiveKitDisconnectReason {
  const names = Object.keys(DISCONNECT_REASONS) as LiveKitDisconnectReason[];
  return names.find((name) => DISCONNECT_REASONS[name] === code) ?? "unknown";
}
