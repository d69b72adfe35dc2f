import { type Logger, randomId, secretsMatch, TroupeError, withDeadline } from "../core/index.ts";
import { type PeerTransport, Session } from "../webrtc/index.ts";
import { type MediaOverrides, overrideMedia, readAccessToken } from "./accessToken.ts";
import { type BoundedSocket, CloseCode } from "./BoundedSocket.ts";
import type { Channels } from "./Channels.ts";
import type { SimulcastEncoding } from "./encodings.ts";
import { layerMethods } from "./layerMethods.ts";
import type { StageLimits } from "./limits.ts";
import { Member, type MemberTimes } from "./Member.ts";
import { type ConnectMessage, connectSchema, parseJson } from "./messages.ts";
import type { MemberIdentity } from "./notify.ts";
import type { RpcMethod } from "./rpc.ts";

/** Who wants to come in, for an authenticator. */
export interface AuthenticateRequest {
  channelId: string;
  connectionId: string;
  clientId: string;
  bundleId: string;
  role: "sendonly" | "recvonly" | "sendrecv";
  /** `metadata` of the client's connect, as it came. */
  metadata: unknown;
  remoteAddress: string;
  /** Aborts when the client has gone or the time for the handshake is over. */
  signal: AbortSignal;
}

/**
 * `metadata` reaches the client in its offer; `reason` reaches it with the refusal; `overrides` are set in place
 * of what the client asked for.
 */
export type AuthenticateResult =
  | boolean
  | { allowed: boolean; reason?: string; metadata?: unknown; overrides?: MediaOverrides };

export interface EntranceOptions {
  secret: string | undefined;
  /** Signs the access tokens of clients, which then take the place of the secret. */
  accessTokenSecret: string | undefined;
  methods: ReadonlyMap<string, RpcMethod>;
  authenticate:
    | ((request: AuthenticateRequest) => AuthenticateResult | Promise<AuthenticateResult>)
    | undefined;
  createTransport: () => PeerTransport;
  channels: Channels;
  /** The layers of senders that want simulcast. */
  encodings: readonly SimulcastEncoding[];
  /** Where clients are sent that were not sent here. */
  redirectUrl: string | undefined;
  limits: StageLimits;
  times: MemberTimes;
  log: Logger;
}

/** From an opened WebSocket to a member of a channel: reads `connect`, asks who it is, and makes room. */
export class Entrance {
  readonly #options: EntranceOptions;

  constructor(options: EntranceOptions) {
    this.#options = options;
  }

  /** @param trusted its browser opened the page with a token, which stands in for the secret. */
  admit(socket: BoundedSocket, remoteAddress: string, trusted: boolean): void {
    const { limits, log } = this.#options;
    const gone = new AbortController();
    const deadline = setTimeout(
      () => socket.close(CloseCode.refused, "HANDSHAKE-TIMEOUT"),
      limits.handshakeMs,
    );
    const offBinary = socket.events.on("binary", () => refuse(socket, "INVALID-MESSAGE"));
    const offClosed = socket.events.on("closed", () => {
      clearTimeout(deadline);
      gone.abort();
    });
    socket.events.once("text", (text) => {
      clearTimeout(deadline);
      offBinary();
      this.#connect(socket, text, remoteAddress, trusted, gone.signal).then(offClosed, (error) => {
        if (gone.signal.aborted) return;
        if (error instanceof TroupeError && error.code !== "INTERNAL") {
          log.info("a client is refused", { reason: error.message });
          refuse(socket, error.message);
        } else {
          log.error("a client could not be let in", { error, cause: (error as Error).cause });
          socket.close(CloseCode.internal, "INTERNAL-ERROR");
        }
      });
    });
  }

  async #connect(
    socket: BoundedSocket,
    text: string,
    remoteAddress: string,
    trusted: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    const { limits, channels, encodings, redirectUrl, times, log } = this.#options;
    const wish = readConnect(text, limits);
    if (redirectUrl !== undefined && wish.redirect !== true) {
      socket.send({ type: "redirect", location: redirectUrl });
      // The client goes on only once this WebSocket is closed.
      socket.close(CloseCode.normal, "REDIRECT");
      return;
    }
    const connectionId = randomId();
    const allowed = await this.#authenticate(wish, connectionId, remoteAddress, trusted, signal);
    if (signal.aborted) return;
    const connect = overrideMedia(wish, allowed.overrides);
    const channel = channels.open(connect.channel_id);
    if (typeof channel === "string") throw new TroupeError("ACCESS_DENIED", channel);
    const identity = identify(connect, connectionId, channel.sessionId);
    let session: Session | undefined;
    let member: Member;
    try {
      session = new Session({ transport: this.#options.createTransport(), role: "offerer", log });
      const methods = new Map([...this.#options.methods, ...layerMethods(connect, channels)]);
      const { metadata } = allowed;
      const common = { socket, session, limits, times, log };
      member = new Member({ identity, connect, metadata, methods, encodings, ...common });
    } catch (error) {
      session?.close();
      channels.release(channel);
      throw new TroupeError("INTERNAL", "The member could not be made", { cause: error });
    }
    await channel.join(member);
  }

  async #authenticate(
    connect: ConnectMessage,
    connectionId: string,
    remoteAddress: string,
    trusted: boolean,
    parent: AbortSignal,
  ): Promise<{ metadata?: unknown; overrides: MediaOverrides }> {
    const { authenticate, limits } = this.#options;
    const claimed = trusted ? {} : await this.#checkToken(connect);
    if (!authenticate) return { overrides: claimed };
    const ask = async (signal: AbortSignal) =>
      authenticate({
        channelId: connect.channel_id,
        connectionId,
        clientId: connect.client_id ?? connectionId,
        bundleId: connect.bundle_id ?? connectionId,
        role: connect.role,
        metadata: connect.metadata,
        remoteAddress,
        signal,
      });
    const given = await withDeadline("authenticate", limits.handshakeMs, ask, parent).catch((error) => {
      this.#options.log.warn("authenticate failed; the client is refused", { error });
      return false;
    });
    const result = typeof given === "object" ? given : { allowed: given === true };
    if (result.allowed !== true)
      throw new TroupeError("ACCESS_DENIED", result.reason ?? "AUTHENTICATION-FAILED");
    return { metadata: result.metadata, overrides: { ...claimed, ...result.overrides } };
  }

  async #checkToken(connect: ConnectMessage): Promise<MediaOverrides> {
    const { secret, accessTokenSecret } = this.#options;
    const token = accessToken(connect.metadata);
    if (accessTokenSecret !== undefined) return readAccessToken(token, accessTokenSecret, connect.channel_id);
    if (secret !== undefined && !secretsMatch(token, secret)) {
      throw new TroupeError("ACCESS_DENIED", "AUTHENTICATION-FAILED");
    }
    return {};
  }
}

/** @throws TroupeError INVALID_MESSAGE whose message is the reason that the client gets. */
function readConnect(text: string, limits: StageLimits): ConnectMessage {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    throw new TroupeError("INVALID_MESSAGE", "INVALID-JSON", { cause: error });
  }
  const parsed = connectSchema.safeParse(value);
  if (!parsed.success) {
    const field = parsed.error.issues[0]?.path.join(".") || "message";
    throw new TroupeError("INVALID_MESSAGE", `INVALID-CONNECT ${field}`, { cause: parsed.error });
  }
  const labels = parsed.data.data_channels.map((wish) => wish.label);
  if (labels.length > limits.dataChannels || new Set(labels).size < labels.length) {
    throw new TroupeError("INVALID_MESSAGE", "INVALID-CONNECT data_channels");
  }
  return parsed.data;
}

function identify(connect: ConnectMessage, connectionId: string, sessionId: string): MemberIdentity {
  return {
    role: connect.role,
    sessionId,
    channelId: connect.channel_id,
    connectionId,
    clientId: connect.client_id ?? connectionId,
    bundleId: connect.bundle_id ?? connectionId,
    audio: connect.audio !== false,
    video: connect.video !== false,
    notifyMetadata: connect.signaling_notify_metadata,
    createdAtMs: Date.now(),
  };
}

/** Sora's clients have no field for a secret; by custom it travels as `metadata.access_token`. */
function accessToken(metadata: unknown): unknown {
  return typeof metadata === "object" && metadata !== null
    ? (metadata as { access_token?: unknown }).access_token
    : undefined;
}

function refuse(socket: BoundedSocket, reason: string): void {
  socket.close(CloseCode.refused, reason);
}
