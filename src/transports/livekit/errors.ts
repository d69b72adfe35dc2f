import { TroupeError, type TroupeErrorCode, type TroupeErrorDetails } from "../../core/index.ts";

/** Why a room could not be joined. */
export type ConnectFailure =
  | "unauthorized"
  | "notAllowed"
  | "notFound"
  | "serviceNotFound"
  | "roomFull"
  | "serverUnreachable"
  | "timeout"
  | "left"
  | "transport"
  | "noRelay"
  | "cancelled"
  | "internal";

const CONNECT_CODES: Record<ConnectFailure, TroupeErrorCode> = {
  unauthorized: "ACCESS_DENIED",
  notAllowed: "ACCESS_DENIED",
  notFound: "SIGNALLING_FAILED",
  serviceNotFound: "SIGNALLING_FAILED",
  roomFull: "ACCESS_DENIED",
  serverUnreachable: "SIGNALLING_FAILED",
  timeout: "TIMEOUT",
  left: "SIGNALLING_FAILED",
  transport: "TRANSPORT_FAILED",
  noRelay: "TRANSPORT_FAILED",
  cancelled: "CANCELLED",
  internal: "INTERNAL",
};

/** A room could not be joined. `status` is the HTTP status that the server gave, where it gave one. */
export class ConnectError extends TroupeError {
  override readonly name = "ConnectError";
  readonly reason: ConnectFailure;
  readonly status: number | undefined;

  constructor(
    reason: ConnectFailure,
    message: string,
    details: TroupeErrorDetails & { status?: number } = {},
  ) {
    super(CONNECT_CODES[reason], message, details);
    this.reason = reason;
    this.status = details.status;
  }
}

/** A local track was not published: refused by the server, or no answer came in time. */
export class PublishTrackError extends TroupeError {
  override readonly name = "PublishTrackError";
}

/** A local track was not taken back: it is not published, or the connection is closed. */
export class UnpublishTrackError extends TroupeError {
  override readonly name = "UnpublishTrackError";
}

/** A data packet was not sent: too long, too much waits already, or the connection is closed. */
export class PublishDataError extends TroupeError {
  override readonly name = "PublishDataError";
}

/** A DTMF digit was not sent. */
export class PublishDtmfError extends TroupeError {
  override readonly name = "PublishDtmfError";
}

/** A transcription was not sent. */
export class PublishTranscriptionError extends TroupeError {
  override readonly name = "PublishTranscriptionError";
}

/** Why a text or byte stream did not come to its end, or could not be used. */
export type StreamFailure =
  | "handlerAlreadyRegistered"
  | "abnormalEnd"
  | "incomplete"
  | "lengthExceeded"
  | "payloadTooLarge"
  | "headerTooLarge"
  | "chunkMissing"
  | "decodeFailed"
  | "decompressFailed"
  | "encryptionMismatch"
  | "tooSlow"
  | "tooMany"
  | "cancelled"
  | "closed"
  | "sendFailed"
  | "fileUnreadable";

const STREAM_CODES: Record<StreamFailure, TroupeErrorCode> = {
  handlerAlreadyRegistered: "INVALID_STATE",
  abnormalEnd: "CLOSED",
  incomplete: "INVALID_MESSAGE",
  lengthExceeded: "INVALID_MESSAGE",
  payloadTooLarge: "INVALID_MESSAGE",
  headerTooLarge: "INVALID_OPTION",
  chunkMissing: "INVALID_MESSAGE",
  decodeFailed: "INVALID_MESSAGE",
  decompressFailed: "INVALID_MESSAGE",
  encryptionMismatch: "INVALID_MESSAGE",
  tooSlow: "QUEUE_FULL",
  tooMany: "QUEUE_FULL",
  cancelled: "CANCELLED",
  closed: "CLOSED",
  sendFailed: "TRANSPORT_FAILED",
  fileUnreadable: "INVALID_OPTION",
};

/** A text or byte stream failed: at the sender's side, on the way, or by a limit of ours. */
export class StreamError extends TroupeError {
  override readonly name = "StreamError";
  readonly reason: StreamFailure;

  constructor(reason: StreamFailure, message: string, details: TroupeErrorDetails = {}) {
    super(STREAM_CODES[reason], message, details);
    this.reason = reason;
  }
}

/** The codes that LiveKit reserves for RPC (1001 to 1999); an application takes others. */
export const RPC_ERROR_CODES = {
  UNSUPPORTED_METHOD: 1400,
  RECIPIENT_NOT_FOUND: 1401,
  REQUEST_PAYLOAD_TOO_LARGE: 1402,
  UNSUPPORTED_SERVER: 1403,
  UNSUPPORTED_VERSION: 1404,
  APPLICATION_ERROR: 1500,
  CONNECTION_TIMEOUT: 1501,
  RESPONSE_TIMEOUT: 1502,
  RECIPIENT_DISCONNECTED: 1503,
  RESPONSE_PAYLOAD_TOO_LARGE: 1504,
  SEND_FAILED: 1505,
} as const;
export type RpcErrorName = keyof typeof RPC_ERROR_CODES;

const RPC_MESSAGES: Record<RpcErrorName, string> = {
  UNSUPPORTED_METHOD: "The recipient has no such method",
  RECIPIENT_NOT_FOUND: "No participant has this identity",
  REQUEST_PAYLOAD_TOO_LARGE: "The request's payload is too long",
  UNSUPPORTED_SERVER: "The server does not pass RPC on",
  UNSUPPORTED_VERSION: "The recipient does not speak this RPC version",
  APPLICATION_ERROR: "The method's handler failed",
  CONNECTION_TIMEOUT: "The recipient did not acknowledge the request in time",
  RESPONSE_TIMEOUT: "No response came in time",
  RECIPIENT_DISCONNECTED: "The recipient left",
  RESPONSE_PAYLOAD_TOO_LARGE: "The response's payload is too long",
  SEND_FAILED: "The request could not be sent",
};

const RPC_TROUPE_CODES: Partial<Record<number, TroupeErrorCode>> = {
  1400: "NOT_SUPPORTED",
  1401: "INVALID_OPTION",
  1402: "INVALID_OPTION",
  1403: "NOT_SUPPORTED",
  1404: "NOT_SUPPORTED",
  1501: "TIMEOUT",
  1502: "TIMEOUT",
  1503: "CLOSED",
  1504: "INVALID_MESSAGE",
  1505: "TRANSPORT_FAILED",
};

/** The longest message and the longest data of an error on the wire, in bytes of UTF-8; longer ones are cut. */
const MAXIMUM_MESSAGE_BYTES = 256;
const MAXIMUM_DATA_BYTES = 15_360;

/**
 * A remote procedure call failed. Thrown by a handler it goes to the caller as it is; whatever else a handler
 * throws arrives as 1500. `rpcCode` is the code on the wire, `data` what the far side added, JSON by custom.
 */
export class RpcError extends TroupeError {
  override readonly name = "RpcError";
  readonly rpcCode: number;
  readonly data: string | undefined;

  constructor(rpcCode: number, message: string, data?: string, details: TroupeErrorDetails = {}) {
    super(RPC_TROUPE_CODES[rpcCode] ?? "INTERNAL", cutUtf8(message, MAXIMUM_MESSAGE_BYTES), details);
    this.rpcCode = rpcCode;
    this.data = data ? cutUtf8(data, MAXIMUM_DATA_BYTES) : undefined;
  }

  /** One of the reserved errors, with its usual message. */
  static of(name: RpcErrorName, data?: string, details: TroupeErrorDetails = {}): RpcError {
    return new RpcError(RPC_ERROR_CODES[name], RPC_MESSAGES[name], data, details);
  }
}

/** The longest beginning of `text` that has at most `bytes` bytes of UTF-8; no character is cut in two. */
function cutUtf8(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text;
  const cut = Buffer.alloc(bytes);
  // Buffer.write never writes part of a character.
  return cut.toString("utf8", 0, cut.write(text));
}
