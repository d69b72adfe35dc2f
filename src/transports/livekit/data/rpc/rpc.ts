/** What a caller says. */
export interface RpcCall {
  destinationIdentity: string;
  method: string;
  /** By custom JSON. At most 15,360 bytes to a participant whose client has protocol 0. */
  payload: string;
  /** How long the response may take from the acknowledgement on, ms; 15,000 when left out. */
  responseTimeoutMs?: number;
  /** How long the acknowledgement may take, ms; 7,000 when left out. */
  maximumRoundTripMs?: number;
  /** Ends the wait; the handler runs on. */
  signal?: AbortSignal;
}

/** What a handler is given. */
export interface RpcInvocation {
  /** The same at both sides. */
  requestId: string;
  callerIdentity: string;
  method: string;
  payload: string;
  /** How long the caller will wait, ms. */
  responseTimeoutMs: number;
  /** Aborts when the response came too late, when the caller left, and when we leave the room. */
  signal: AbortSignal;
}

/** Answers calls of a method. An `RpcError` that it throws goes to the caller, anything else becomes 1500. */
export type RpcHandler = (invocation: RpcInvocation) => string | Promise<string>;

/** The longest payload of a packet, in bytes of UTF-8. */
export const MAXIMUM_PACKET_PAYLOAD_BYTES = 15_360;
/** The client protocol from which on payloads go by streams, without that limit. */
export const STREAM_RPC_PROTOCOL = 1;
export const PACKET_RPC_VERSION = 1;
export const STREAM_RPC_VERSION = 2;

export const RPC_REQUEST_TOPIC = "lk.rpc_request";
export const RPC_RESPONSE_TOPIC = "lk.rpc_response";

/** What the header of a stream says of the call that it carries. */
export const RPC_ATTRIBUTES = {
  requestId: "lk.rpc_request_id",
  method: "lk.rpc_request_method",
  responseTimeoutMs: "lk.rpc_request_response_timeout_ms",
  version: "lk.rpc_request_version",
} as const;
