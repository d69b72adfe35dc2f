import { type Logger, TroupeError, TypedEvents } from "../core/index.ts";
import type { Session, StatsReport } from "../webrtc/index.ts";
import { type BoundedSocket, CloseCode } from "./BoundedSocket.ts";
import { DataChannels, type SystemLabel } from "./dataChannels.ts";
import { isForwarded } from "./forwarding.ts";
import type { StageLimits } from "./limits.ts";
import {
  type ConnectMessage,
  type MemberMessage,
  memberMessageSchema,
  messageType,
  type OfferMessage,
  parseJson,
  statsMessageSchema,
} from "./messages.ts";
import { type Audible, Negotiation } from "./Negotiation.ts";
import type { MemberIdentity } from "./notify.ts";
import { answerRpc, type RpcMethod } from "./rpc.ts";
import { STAGE_VERSION } from "./version.ts";

/** How long channels may take to close before their transport goes; clients wait 5 s for them. */
const CHANNEL_CLOSE_MS = 1000;

/** How long the API waits for a client's statistics. */
const CLIENT_STATS_MS = 3000;

export interface MemberTimes {
  /** Between two pings on the WebSocket, in ms. */
  pingMs: number;
  /** Without any pong for so long the client counts as gone, in ms. */
  pongMs: number;
  /** How long a member may stay, in ms; 0 for ever. */
  lifetimeMs: number;
}

export interface MemberOptions {
  identity: MemberIdentity;
  connect: ConnectMessage;
  /** The authenticator's metadata, for the offer. */
  metadata: unknown;
  /** What the client can call over the data channel `rpc`. */
  methods: ReadonlyMap<string, RpcMethod>;
  socket: BoundedSocket;
  session: Session;
  limits: StageLimits;
  times: MemberTimes;
  log: Logger;
}

type MemberState = "offering" | "connected" | "leaving" | "left";

/** One connection of a client: its signalling, on the WebSocket and then on data channels, and its session. */
export class Member {
  readonly identity: MemberIdentity;
  readonly events: TypedEvents<{
    /** Its transport is up. */
    connected: [];
    /** What it sends began or ended. */
    upstream: [];
    /** A message on a `#` label. */
    message: [label: string, data: Buffer];
    /** A minute passed. */
    minute: [];
    /** It is gone; the reason is for logs. Fires once. */
    left: [reason: string];
  }>;
  readonly channels: DataChannels;
  readonly #connect: ConnectMessage;
  readonly #session: Session;
  readonly #negotiation: Negotiation;
  readonly #limits: StageLimits;
  readonly #times: MemberTimes;
  readonly #log: Logger;
  readonly #metadata: unknown;
  readonly #methods: ReadonlyMap<string, RpcMethod>;
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #statsWaiters = new Set<(reports: unknown[]) => void>();
  #socket: BoundedSocket | null;
  #state: MemberState = "offering";
  #switched = false;
  #pongAtMs = Date.now();
  #minutes = 0;
  #handshake: NodeJS.Timeout | undefined;
  #unknownLogged = false;

  constructor(options: MemberOptions) {
    const { connect, limits, log, session, socket } = options;
    this.identity = options.identity;
    this.events = new TypedEvents(log);
    this.#connect = connect;
    this.#limits = limits;
    this.#times = options.times;
    this.#log = log;
    this.#metadata = options.metadata;
    this.#methods = options.methods;
    this.#session = session;
    this.#socket = socket;
    this.channels = new DataChannels(
      connect.data_channels,
      connect.data_channel_signaling === true,
      options.methods.size > 0,
      limits,
      log,
    );
    this.#negotiation = new Negotiation(session, connect, this.channels.wanted, log);
    this.#listen(socket);
  }

  get state(): MemberState {
    return this.#state;
  }

  /** What it sends, while it is in. */
  get receiver() {
    return this.#state === "connected" ? this.#negotiation.receiver : null;
  }

  /** Whether it wants to hear `other`: by its role, by what it asked for, and by its forwarding filters. */
  hears(other: Member): boolean {
    if (this.identity.role === "sendonly" || !this.identity.audio) return false;
    const { forwarding_filters: filters = [], forwarding_filter: single } = this.#connect;
    return isForwarded(single ? [...filters, single] : filters, other.identity, "audio");
  }

  /** Sends the offer. */
  async start(audible: () => Audible): Promise<void> {
    this.#handshake = setTimeout(
      () => this.leave("HANDSHAKE-TIMEOUT", CloseCode.refused),
      this.#limits.handshakeMs,
    );
    try {
      const sdp = await this.#negotiation.firstOffer(audible);
      this.#socket?.send(this.#offerMessage(sdp));
    } catch (error) {
      if (this.#state !== "offering") return;
      this.#log.error("an offer could not be made", { error });
      this.leave("INTERNAL-ERROR", CloseCode.internal);
    }
  }

  /** Sets what it hears. */
  hear(audible: Audible): void {
    this.#negotiation.hear(audible);
  }

  /** Passes a `notify` or `push` on, the way its signalling goes now. */
  tell(label: "notify" | "push", message: object): void {
    if (this.#switched && this.channels.sendSystem(label, message)) return;
    this.#socket?.send(message);
  }

  /** Asks the client for its statistics; an empty list when it does not answer within 3 s. */
  async requestStats(): Promise<unknown[]> {
    const asked = this.#switched
      ? this.channels.sendSystem("stats", { type: "req-stats" })
      : (this.#socket?.send({ type: "ping", stats: true }) ?? false);
    if (!asked) return [];
    const { promise, resolve } = Promise.withResolvers<unknown[]>();
    this.#statsWaiters.add(resolve);
    const timer = setTimeout(() => resolve([]), CLIENT_STATS_MS);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#statsWaiters.delete(resolve);
    }
  }

  /** The stage's own view of this connection, in the WebRTC statistics shape. */
  getStats(): StatsReport {
    return this.#session.closed ? [] : this.#session.getStats();
  }

  /**
   * Ends it from the stage's side: over the WebSocket with `code` and `reason`, or over the data channel
   * when that is all there is. Does nothing the second time.
   */
  leave(reason: string, code: number = CloseCode.normal): void {
    if (this.#state === "leaving" || this.#state === "left") return;
    this.#state = "leaving";
    this.#clearTimers();
    // A client that was told to give its WebSocket up may be past listening to it.
    const deaf = this.#switched && this.#connect.ignore_disconnect_websocket === true;
    if (!this.#socket || deaf) this.channels.sendSystem("signaling", { type: "close", code, reason });
    this.events.emit("left", reason);
    this.#socket?.close(code, reason);
    this.#negotiation.close();
    if (!this.channels.open) {
      this.#end();
      return;
    }
    // The transport stays a little longer, so that the client sees its channels close and not a broken peer.
    this.channels.events.on("closed", () => this.#end());
    this.#after(CHANNEL_CLOSE_MS, () => this.#end());
    this.channels.close();
  }

  #end(): void {
    if (this.#state === "left") return;
    this.#state = "left";
    this.#clearTimers();
    this.#session.close();
    for (const resolve of this.#statsWaiters) resolve([]);
    this.channels.events.removeAllListeners();
    this.events.removeAllListeners();
  }

  #listen(socket: BoundedSocket): void {
    socket.events.on("text", (text) => this.#receiveText(text));
    socket.events.on("closed", () => this.#socketClosed());
    this.#session.events.on("state", (state, reason) => {
      if (state === "connected") this.#connected();
      else if (state === "failed" || state === "closed") this.#transportLost(reason);
    });
    this.#session.events.on("error", (error) => this.#log.warn("a session reports an error", { error }));
    this.#negotiation.events.on("offer", (sdp) => this.#sendReOffer(sdp));
    this.#negotiation.events.on("upstream", () => this.events.emit("upstream"));
    this.#negotiation.events.on("failed", (reason) => this.leave(reason, CloseCode.internal));
    this.channels.events.on("open", () => this.#channelsOpen());
    this.channels.events.on("system", (label, message) => this.#receiveSystem(label, message));
    this.channels.events.on("message", (label, data) => this.events.emit("message", label, data));
  }

  #connected(): void {
    if (this.#state !== "offering") return;
    this.#state = "connected";
    clearTimeout(this.#handshake);
    this.#pongAtMs = Date.now();
    this.#every(this.#times.pingMs, () => this.#ping());
    if (this.#times.lifetimeMs > 0) this.#after(this.#times.lifetimeMs, () => this.leave("LIFETIME-EXPIRED"));
    try {
      this.channels.openOn(this.#session);
    } catch (error) {
      this.#log.warn("the data channels could not be opened", { error });
    }
    this.events.emit("connected");
  }

  #channelsOpen(): void {
    if (this.#connect.data_channel_signaling !== true || this.#switched) return;
    this.#switched = true;
    const ignore = this.#connect.ignore_disconnect_websocket === true;
    this.#socket?.send({ type: "switched", ignore_disconnect_websocket: ignore });
  }

  #ping(): void {
    const nowMs = Date.now();
    const minutes = Math.floor((nowMs - this.identity.createdAtMs) / 60_000);
    if (minutes > this.#minutes) this.events.emit("minute");
    this.#minutes = minutes;
    if (!this.#socket) return;
    if (nowMs - this.#pongAtMs > this.#times.pongMs) this.leave("PONG-TIMEOUT", CloseCode.refused);
    else this.#socket.send({ type: "ping" });
  }

  #sendReOffer(sdp: string): void {
    const message = { type: "re-offer", sdp };
    if (this.#switched && this.channels.sendSystem("signaling", message)) return;
    if (!this.#socket?.send(message)) this.leave("SIGNALING-LOST", CloseCode.internal);
  }

  #receiveText(text: string): void {
    try {
      this.#receive(parseJson(text));
    } catch (error) {
      this.#log.debug("a message that is not JSON is ignored", { error });
    }
  }

  #receiveSystem(label: SystemLabel, message: unknown): void {
    if (label === "signaling") this.#receive(message);
    if (label === "rpc") void this.#answerCall(message);
    if (label !== "stats") return;
    const stats = statsMessageSchema.safeParse(message);
    if (stats.success) this.#statsArrived(stats.data.reports);
  }

  async #answerCall(message: unknown): Promise<void> {
    const answer = await answerRpc(message, this.#methods, this.identity, this.#log);
    if (answer && !this.channels.sendSystem("rpc", answer))
      this.#log.debug("an answer to a call was not sent");
  }

  /** Anything may come here; what is not understood is logged once and ignored. */
  #receive(value: unknown): void {
    const parsed = memberMessageSchema.safeParse(value);
    if (parsed.success) this.#handle(parsed.data);
    if (parsed.success || this.#unknownLogged) return;
    this.#unknownLogged = true;
    this.#log.warn("a message of a client is not understood; more like it are ignored in silence", {
      type: messageType(value),
      connectionId: this.identity.connectionId,
    });
  }

  #handle(message: MemberMessage): void {
    if (this.#state === "leaving" || this.#state === "left") return;
    switch (message.type) {
      case "answer":
      case "re-answer":
      case "update":
        this.#answer(message.sdp);
        return;
      case "candidate":
        this.#session.addRemoteCandidate(message.candidate, message.sdpMid ?? undefined);
        return;
      case "pong":
        this.#pongAtMs = Date.now();
        if (message.stats) this.#statsArrived(message.stats);
        return;
      case "disconnect":
        this.leave("TYPE-DISCONNECT");
    }
  }

  #answer(sdp: string): void {
    try {
      this.#negotiation.accept(sdp);
    } catch (error) {
      this.#log.warn("an answer cannot be used", { error: TroupeError.from("INVALID_SDP", error) });
      this.leave("INVALID-SDP", CloseCode.refused);
    }
  }

  #statsArrived(reports: unknown[]): void {
    for (const resolve of this.#statsWaiters) resolve(reports);
  }

  #socketClosed(): void {
    this.#socket = null;
    if (this.#state === "left" || this.#state === "leaving") return;
    if (this.#switched && this.#connect.ignore_disconnect_websocket === true) return;
    this.leave("WEBSOCKET-CLOSED");
  }

  #transportLost(reason: string): void {
    this.#log.info("a member's transport is lost", { reason, connectionId: this.identity.connectionId });
    this.leave("TRANSPORT-LOST", CloseCode.internal);
  }

  #offerMessage(sdp: string): OfferMessage {
    const { channelId, clientId, bundleId, connectionId, sessionId } = this.identity;
    const mid = this.#negotiation.upstreamMid;
    return {
      type: "offer",
      sdp,
      version: STAGE_VERSION,
      channel_id: channelId,
      session_id: sessionId,
      client_id: clientId,
      bundle_id: bundleId,
      connection_id: connectionId,
      ...(this.#metadata === undefined ? {} : { metadata: this.#metadata }),
      config: { iceServers: [], iceTransportPolicy: "all" },
      mid: mid === undefined ? {} : { audio: mid },
      simulcast: false,
      simulcast_multicodec: false,
      spotlight: false,
      data_channel_signaling: this.#connect.data_channel_signaling === true,
      ignore_disconnect_websocket: this.#connect.ignore_disconnect_websocket === true,
      ...(this.channels.wanted ? { data_channels: this.channels.describe() } : {}),
      ...(this.#methods.size > 0 ? { rpc_methods: [...this.#methods.keys()] } : {}),
    };
  }

  #after(ms: number, work: () => void): void {
    this.#timers.add(setTimeout(work, ms));
  }

  #every(ms: number, work: () => void): void {
    this.#timers.add(setInterval(work, ms));
  }

  #clearTimers(): void {
    clearTimeout(this.#handshake);
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers.clear();
  }
}
