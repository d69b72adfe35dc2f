import type { AvatarErrorPhase, AvatarErrorReason } from "../errors.ts";

/** What is known of a failure. */
export interface FailureFacts {
  phase: AvatarErrorPhase;
  httpStatus?: number | undefined;
  /** A number of the WebSocket protocol or a name of the HTTP one. */
  serverCode?: string | undefined;
  title?: string | undefined;
  detail?: string | undefined;
}

const CODES: Record<string, AvatarErrorReason> = {
  "16": "invalidEgressConfig",
  UNAUTHENTICATED: "invalidEgressConfig",
  "14": "egressUnavailable",
  UNAVAILABLE: "egressUnavailable",
  "4001": "creditsExhausted",
  "4002": "sessionDurationExceeded",
};

/**
 * What services write, in lower case; the first that is found counts. Over HTTP "unauthorized" is what status 401 is
 * called, whatever it was about, so that it says nothing there.
 */
const TEXTS: [pattern: RegExp, reason: AvatarErrorReason, where?: "webSocket"][] = [
  [/credits exhausted/, "creditsExhausted"],
  [/session time limit reached|maximum session duration/, "sessionDurationExceeded"],
  [/session denied/, "billingRequired"],
  [/invalid session token|empty token/, "sessionTokenInvalid"],
  [/token is expired|session token expired/, "sessionTokenExpired"],
  [/app id mismatch/, "appIDMismatch"],
  [/app ?id ?unrecognized/, "appIDUnrecognized"],
  [/avatar not found/, "avatarNotFound"],
  [/unsupported sample rate/, "unsupportedSampleRate"],
  [/livekit silence timeout|no audio input for/, "idleTimeout"],
  [/livekit_egress|agora_egress|missing livekit credentials|provide api_token/, "invalidEgressConfig"],
  [/unauthorized/, "invalidEgressConfig", "webSocket"],
  [/egress client is not configured|failed to create egress connection/, "egressUnavailable"],
  [/driven server (returned|request failed)/, "upstreamError"],
  [/clientconfiguresession|unexpected message type|failed to unmarshal initial message/, "protocolError"],
];

/** The reason behind what a service answered, by its code, else by its text, else by its HTTP status. */
export function classify({ phase, httpStatus, serverCode, title, detail }: FailureFacts): AvatarErrorReason {
  const text = [serverCode, title, detail].filter(Boolean).join(" | ").toLowerCase();
  if (serverCode === "3" || serverCode === "INVALID_ARGUMENT")
    return /livekit|agora|egress/.test(text) ? "invalidEgressConfig" : "invalidRequest";
  const byCode = serverCode === undefined ? undefined : CODES[serverCode];
  if (byCode) return byCode;
  const isHttp = httpStatus !== undefined;
  const byText = TEXTS.find(([pattern, , where]) => !(where === "webSocket" && isHttp) && pattern.test(text));
  if (byText) return byText[1];
  if (httpStatus !== undefined) return reasonOfStatus(httpStatus, phase);
  return phase === "websocket_handshake" || phase === "websocket_runtime" ? "serverError" : "unknown";
}

function reasonOfStatus(status: number, phase: AvatarErrorPhase): AvatarErrorReason {
  if (status === 401) return "sessionTokenExpired";
  if (status === 402) return "billingRequired";
  if (status === 404) return "appIDUnrecognized";
  if (status === 400 && phase === "websocket_connect") return "sessionTokenInvalid";
  if (status >= 400 && status < 500) return "invalidRequest";
  return status >= 500 ? "serverError" : "unknown";
}
