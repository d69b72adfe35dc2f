import { arch, platform, release } from "node:os";
import { gzipSync } from "node:zlib";
import {
  ClientInfo,
  ClientInfo_Capability,
  ClientInfo_SDK,
  ConnectionSettings,
  JoinRequest,
  type ReconnectReason,
  WrappedJoinRequest,
  WrappedJoinRequest_Compression,
} from "@livekit/protocol";
import type { ConnectionForm } from "../AttemptContext.ts";

/** The version of the signalling that we speak. */
const PROTOCOL = 17;
/** What our side understands of the other clients' data: 2 is RPC over data streams. */
const CLIENT_PROTOCOL = 2;
/** Above this a join request is compressed: it travels in an address, in bytes. */
const COMPRESS_ABOVE_BYTES = 1024;

/** What a join says beyond the token. */
export interface JoinIntent {
  autoSubscribe: boolean;
  /** Present on a resume: our participant's sid, and why. */
  resume?: { participantSid: string; reason: ReconnectReason };
}

/**
 * The WebSocket address to join by. The form with one peer connection for both directions is known to servers since
 * 1.9.10, that with two of them to all.
 *
 * @param server `ws://`, `wss://`, `http://` or `https://`, with or without a path.
 */
export function joinUrl(server: string, intent: JoinIntent, form: ConnectionForm): string {
  const url = new URL(server);
  url.protocol = url.protocol.replace("http", "ws");
  url.pathname = below(url.pathname, form === "single" ? "rtc/v1" : "rtc");
  const parameters = form === "single" ? { join_request: joinRequest(intent) } : plainParameters(intent);
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url.href;
}

/** What the single form puts into one message. */
function joinRequest(intent: JoinIntent): string {
  const request = new JoinRequest({
    clientInfo: clientInfo(),
    connectionSettings: new ConnectionSettings({
      autoSubscribe: intent.autoSubscribe,
      adaptiveStream: false,
    }),
    ...(intent.resume && {
      reconnect: true,
      reconnectReason: intent.resume.reason,
      participantSid: intent.resume.participantSid,
    }),
  }).toBinary();
  const compress = request.length > COMPRESS_ABOVE_BYTES;
  const wrapped = new WrappedJoinRequest({
    compression: compress ? WrappedJoinRequest_Compression.GZIP : WrappedJoinRequest_Compression.NONE,
    joinRequest: new Uint8Array(compress ? gzipSync(request) : request),
  });
  // The server wants base64url with its padding, which Node leaves out.
  const text = Buffer.from(wrapped.toBinary()).toString("base64");
  return text.replaceAll("+", "-").replaceAll("/", "_");
}

/** What the dual form has parameters for. */
function plainParameters({ autoSubscribe, resume }: JoinIntent): Record<string, string> {
  const { version, protocol, clientProtocol, os, osVersion, deviceModel } = clientInfo();
  return {
    auto_subscribe: autoSubscribe ? "1" : "0",
    sdk: "node",
    version,
    protocol: String(protocol),
    client_protocol: String(clientProtocol),
    capabilities: "CAP_COMPRESSION_DEFLATE_RAW",
    os,
    os_version: osVersion,
    device_model: deviceModel,
    ...(resume && {
      reconnect: "1",
      sid: resume.participantSid,
      reconnect_reason: String(resume.reason),
    }),
  };
}

/** The address that says why a join is refused: it answers with a status and a sentence. */
export function validateUrl(joinAddress: string): string {
  const url = new URL(joinAddress);
  url.protocol = url.protocol.replace("ws", "http");
  url.pathname = `${url.pathname}/validate`;
  return url.href;
}

function below(path: string, rest: string): string {
  return path.endsWith("/") ? path + rest : `${path}/${rest}`;
}

function clientInfo(): ClientInfo {
  return new ClientInfo({
    sdk: ClientInfo_SDK.NODE,
    version: "0.1.0",
    protocol: PROTOCOL,
    clientProtocol: CLIENT_PROTOCOL,
    capabilities: [ClientInfo_Capability.CAP_COMPRESSION_DEFLATE_RAW],
    os: platform(),
    osVersion: release(),
    deviceModel: arch(),
  });
}
