/** What helps against a lost link: dialling again, another token before that, or nothing. */
type Remedy = "redial" | "reauthorize" | "none";

/** What the link to the avatar service reports. */
export type AvatarLinkEvent =
  /** The WebSocket is open. */
  | { type: "opened" }
  /** The service took the configuration. */
  | { type: "confirmed" }
  /** The WebSocket closed, never opened, or the service refused. */
  | { type: "lost"; error: unknown; remedy: Remedy };

/** What the avatar machine directs. What gives no promise does not throw, but for `dial`. */
export interface AvatarDriver {
  /** Gets a session token and keeps it. */
  authorize(signal: AbortSignal): Promise<void>;
  /** Whether the token that it keeps is still good for a dial. */
  hasToken(): boolean;
  /** After how many ms the token that it keeps should be renewed. */
  renewInMs(): number;
  /** Whether an error of {@link authorize} cannot be helped by trying again. */
  isFinal(error: unknown): boolean;
  /** Dials, and reports until it is lost; what it gives hangs up. */
  dial(report: (event: AvatarLinkEvent) => void): () => void;
  configure(): void;
  /** Stops what the face says now; resolves when the service was told. */
  interrupt(): Promise<void>;
  /** Says good-bye; the link is lost soon after. */
  leave(): void;
  /** The error for what took longer than it may. */
  timeoutOf(what: "authorizing" | "dialing" | "handshaking"): unknown;
}
