import { TroupeError, type TroupeErrorCode } from "../../core/index.ts";

/** How a connection ended, in the terms of Sora's own SDKs. */
export const SORA_ERROR_CODES = [
  "CLOSE_SUCCEEDED",
  "CLOSE_FAILED",
  "INTERNAL_ERROR",
  "INVALID_PARAMETER",
  "WEBSOCKET_HANDSHAKE_FAILED",
  "WEBSOCKET_ONCLOSE",
  "WEBSOCKET_ONERROR",
  "PEER_CONNECTION_STATE_FAILED",
  "ICE_FAILED",
] as const;

export type SoraErrorCode = (typeof SORA_ERROR_CODES)[number];

/** The close code for a server that does not answer a `disconnect`. */
export const LEAVE_TIMEOUT = { code: 4999, reason: "DISCONNECT-WAIT-TIMEOUT-ERROR" } as const;

const BY_CODE: Partial<Record<TroupeErrorCode, SoraErrorCode>> = {
  INVALID_OPTION: "INVALID_PARAMETER",
  ACCESS_DENIED: "WEBSOCKET_ONCLOSE",
  SIGNALLING_FAILED: "WEBSOCKET_HANDSHAKE_FAILED",
  TRANSPORT_FAILED: "PEER_CONNECTION_STATE_FAILED",
  CLOSED: "CLOSE_SUCCEEDED",
};

/** The Sora code that fits an error: that of `sora()` for bad options is INVALID_PARAMETER. */
export function soraErrorCodeOf(error: unknown): SoraErrorCode {
  return (error instanceof TroupeError && BY_CODE[error.code]) || "INTERNAL_ERROR";
}
