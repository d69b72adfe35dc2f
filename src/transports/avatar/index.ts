// `troupe/avatar`: sessions with an avatar service, the speech that goes through a face, and a pool of faces.
export {
  type AvatarLease,
  AvatarPool,
  type AvatarPoolEvents,
  type AvatarPoolOptions,
} from "./AvatarPool.ts";
export { AvatarSession, type AvatarSessionEvents } from "./AvatarSession.ts";
export {
  type AvatarRenderer,
  AvatarSource,
  type AvatarSourceEvents,
  type AvatarSourceOptions,
} from "./AvatarSource.ts";
export { avatarTrack } from "./avatarTrack.ts";
export {
  AVATAR_ERROR_REASONS,
  AvatarError,
  type AvatarErrorDetails,
  type AvatarErrorPhase,
  type AvatarErrorReason,
  SessionTokenError,
} from "./errors.ts";
export { generateLogId } from "./logId.ts";
export { AVATAR_SAMPLE_RATES, type AvatarConfig, type AvatarOptions } from "./options.ts";
export type { AvatarFrame } from "./wire/AvatarLink.ts";
