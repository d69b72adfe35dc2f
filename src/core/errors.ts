/** Every code that a {@link TroupeError} can carry. */
export type TroupeErrorCode =
  | "INVALID_OPTION"
  | "INVALID_AUDIO"
  | "INVALID_SDP"
  | "INVALID_STATE"
  | "INVALID_MESSAGE"
  | "CLOSED"
  | "CANCELLED"
  | "TIMEOUT"
  | "QUEUE_FULL"
  | "SIGNALLING_FAILED"
  | "TRANSPORT_FAILED"
  | "NEGOTIATION_FAILED"
  | "NOT_SUPPORTED"
  | "NOT_INSTALLED"
  | "ACCESS_DENIED"
  | "REMOTE_ERROR"
  | "INTERNAL";

/** What else an error says: which field, what was expected there, what came, and the error below it. */
export interface TroupeErrorDetails {
  /** The option or message field at fault, as a path: `dataChannels.0.label`. */
  field?: string;
  /** What would have been right. */
  expected?: string;
  /** What came instead, shortened; never a secret. */
  received?: string;
  cause?: unknown;
}

/** The one error class of Troupe: a stable `code` to branch on and a sentence for people. */
export class TroupeError extends Error {
  override readonly name: string = "TroupeError";
  readonly code: TroupeErrorCode;
  readonly field: string | undefined;
  readonly expected: string | undefined;
  readonly received: string | undefined;

  constructor(code: TroupeErrorCode, message: string, details: TroupeErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.field = details.field;
    this.expected = details.expected;
    this.received = details.received;
  }

  /**
   * Says "Expected X for Y but received Z" for one bad value.
   *
   * @example
   * throw TroupeError.expected("INVALID_OPTION", "role", "sendonly, recvonly or sendrecv", role);
   */
  static expected(code: TroupeErrorCode, field: string, expected: string, value: unknown): TroupeError {
    const received = describeValue(value);
    return new TroupeError(code, `Expected ${expected} for ${field} but received ${received}`, {
      field,
      expected,
      received,
    });
  }

  /** Gives `error` back when it is a TroupeError, else wraps it under `code`. */
  static from(code: TroupeErrorCode, error: unknown, message?: string): TroupeError {
    if (error instanceof TroupeError) return error;
    const text = error instanceof Error ? error.message : String(error);
    return new TroupeError(code, message ? `${message}: ${text}` : text, { cause: error });
  }
}

/** A short, safe description of a value of unknown type: at most 80 characters. */
function describeValue(value: unknown): string {
  if (value === null) return "null";
  if (typeof value === "string") return `${JSON.stringify(value.slice(0, 60))} of type string`;
  if (typeof value === "number" || typeof value === "boolean" || typeof value === "bigint") {
    return `${String(value)} of type ${typeof value}`;
  }
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === "object") return `an object of type ${value.constructor?.name ?? "Object"}`;
  return typeof value;
}
