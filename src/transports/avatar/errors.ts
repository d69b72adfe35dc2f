import { TroupeError, type TroupeErrorCode, type TroupeErrorDetails } from "../../core/index.ts";

const REASONS = {
  /** The service does not take the session token any more: another is needed. */
  sessionTokenExpired: "ACCESS_DENIED",
  sessionTokenInvalid: "ACCESS_DENIED",
  appIDUnrecognized: "ACCESS_DENIED",
  /** The token was made for another application. */
  appIDMismatch: "ACCESS_DENIED",
  avatarNotFound: "REMOTE_ERROR",
  billingRequired: "ACCESS_DENIED",
  creditsExhausted: "ACCESS_DENIED",
  sessionDurationExceeded: "REMOTE_ERROR",
  unsupportedSampleRate: "NOT_SUPPORTED",
  invalidEgressConfig: "REMOTE_ERROR",
  egressUnavailable: "REMOTE_ERROR",
  /** No audio came for so long that the service ended it. */
  idleTimeout: "REMOTE_ERROR",
  /** What drives the face behind the service failed. */
  upstreamError: "REMOTE_ERROR",
  invalidRequest: "REMOTE_ERROR",
  connectionFailed: "TRANSPORT_FAILED",
  connectionClosed: "CLOSED",
  protocolError: "INVALID_MESSAGE",
  serverError: "REMOTE_ERROR",
  unknown: "INTERNAL",
} as const satisfies Record<string, TroupeErrorCode>;

/** Why something about an avatar failed, in the service's own terms. */
export type AvatarErrorReason = keyof typeof REASONS;

/** Every {@link AvatarErrorReason}. */
export const AVATAR_ERROR_REASONS = Object.keys(REASONS) as AvatarErrorReason[];

/** What was going on when it failed. */
export type AvatarErrorPhase =
  | "session_token"
  | "websocket_connect"
  | "websocket_handshake"
  | "websocket_runtime"
  | "websocket_send";

/** What the service said, where it said something. */
export interface AvatarErrorDetails extends TroupeErrorDetails {
  httpStatus?: number;
  serverCode?: string;
  serverTitle?: string;
  serverDetail?: string;
  connectionId?: string;
  requestId?: string;
  /** Of the WebSocket. */
  closeCode?: number;
  closeReason?: string;
  /** In place of the code that goes with the reason. */
  code?: TroupeErrorCode;
}

/** Something about an avatar failed: `reason` says what in the service's terms, `phase` when. */
export class AvatarError extends TroupeError {
  override readonly name: string = "AvatarError";
  readonly reason: AvatarErrorReason;
  readonly phase: AvatarErrorPhase;
  readonly httpStatus: number | undefined;
  readonly serverCode: string | undefined;
  readonly serverTitle: string | undefined;
  readonly serverDetail: string | undefined;
  readonly connectionId: string | undefined;
  readonly requestId: string | undefined;
  readonly closeCode: number | undefined;
  readonly closeReason: string | undefined;

  constructor(
    reason: AvatarErrorReason,
    phase: AvatarErrorPhase,
    message: string,
    details: AvatarErrorDetails = {},
  ) {
    super(details.code ?? REASONS[reason], message, details);
    this.reason = reason;
    this.phase = phase;
    this.httpStatus = details.httpStatus;
    this.serverCode = details.serverCode;
    this.serverTitle = details.serverTitle;
    this.serverDetail = details.serverDetail;
    this.connectionId = details.connectionId;
    this.requestId = details.requestId;
    this.closeCode = details.closeCode;
    this.closeReason = details.closeReason;
  }
}

/** No session token could be had. */
export class SessionTokenError extends AvatarError {
  override readonly name = "SessionTokenError";

  constructor(reason: AvatarErrorReason, message: string, details: AvatarErrorDetails = {}) {
    super(reason, "session_token", message, details);
  }
}

/** What dialling again after an error needs: nothing, another token, or it cannot help. */
export type AvatarRemedy = "redial" | "reauthorize" | "none";

const REMEDIES: Partial<Record<AvatarErrorReason, AvatarRemedy>> = {
  sessionTokenExpired: "reauthorize",
  sessionTokenInvalid: "reauthorize",
  appIDUnrecognized: "none",
  appIDMismatch: "none",
  avatarNotFound: "none",
  billingRequired: "none",
  creditsExhausted: "none",
  unsupportedSampleRate: "none",
  invalidEgressConfig: "none",
  invalidRequest: "none",
};

/** What helps against an error. */
export function remedyOf(error: AvatarError): AvatarRemedy {
  return REMEDIES[error.reason] ?? "redial";
}
