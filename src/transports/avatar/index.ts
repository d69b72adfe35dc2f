// `troupe/avatar`: sessions with an avatar service, the speech that goes through a face, and a pool of faces.
export { AvatarSession, type AvatarSessionEvents } from "./AvatarSession.ts";
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
