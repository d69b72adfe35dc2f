import type { AvatarErrorReason } from "../../transports/avatar/index.ts";

/** When a fault strikes. */
export type AvatarFaultPhase =
  | "session_token"
  | "websocket_connect"
  | "websocket_handshake"
  | "websocket_runtime";

/** One failure that an avatar service was asked for. */
export interface AvatarFault {
  phase: AvatarFaultPhase;
  /** `silence`: no answer at all. */
  reason: AvatarErrorReason | "silence";
}

interface Wording {
  status: number;
  /** Of the WebSocket protocol. */
  code: number;
  text: string;
}

/** How an avatar service says each error. */
const WORDINGS: Record<AvatarErrorReason, Wording> = {
  sessionTokenExpired: { status: 401, code: 2, text: "session token expired" },
  sessionTokenInvalid: { status: 400, code: 2, text: "invalid session token" },
  appIDUnrecognized: { status: 404, code: 2, text: "app id unrecognized" },
  appIDMismatch: { status: 400, code: 2, text: "app id mismatch" },
  avatarNotFound: { status: 404, code: 2, text: "avatar not found" },
  billingRequired: { status: 402, code: 2, text: "session denied" },
  creditsExhausted: { status: 402, code: 4001, text: "credits exhausted" },
  sessionDurationExceeded: { status: 403, code: 4002, text: "session time limit reached" },
  unsupportedSampleRate: { status: 400, code: 2, text: "unsupported sample rate" },
  invalidEgressConfig: { status: 400, code: 3, text: "livekit_egress is not valid" },
  egressUnavailable: { status: 503, code: 14, text: "failed to create egress connection" },
  idleTimeout: { status: 408, code: 2, text: "no audio input for too long" },
  upstreamError: { status: 502, code: 2, text: "driven server request failed" },
  invalidRequest: { status: 422, code: 3, text: "the request is not valid" },
  protocolError: { status: 400, code: 2, text: "unexpected message type" },
  serverError: { status: 500, code: 13, text: "something broke" },
  // Those that close without a word have none.
  connectionFailed: { status: 503, code: 2, text: "" },
  connectionClosed: { status: 503, code: 2, text: "" },
  unknown: { status: 302, code: 0, text: "" },
};

/** How an error is said in the WebSocket protocol. */
export function serverErrorOf(reason: AvatarErrorReason): { code: number; message: string } {
  const { code, text } = WORDINGS[reason];
  return { code, message: text };
}

/** How an error is said by HTTP. */
export function httpErrorOf(reason: AvatarErrorReason, words?: string): { status: number; body: string } {
  const { status } = WORDINGS[reason];
  const text = words ?? WORDINGS[reason].text;
  const title = text || "refused";
  const entry = { id: "emulator", status, code: reason.toUpperCase(), title, detail: text };
  return { status, body: JSON.stringify({ errors: [entry] }) };
}

/** The faults that wait to strike, in the order that they were asked for. */
export class Faults {
  readonly #waiting: AvatarFault[] = [];

  add(fault: AvatarFault): void {
    this.#waiting.push(fault);
  }

  /** The next of this phase, once. */
  take(phase: AvatarFaultPhase): AvatarFault["reason"] | undefined {
    const at = this.#waiting.findIndex((fault) => fault.phase === phase);
    return at < 0 ? undefined : this.#waiting.splice(at, 1)[0]?.reason;
  }
}
