import { type Logger, TroupeError, TypedEvents } from "../core/index.ts";
import type { MediaKind, Session, StatsReport } from "../webrtc/index.ts";
import { type BoundedSocket, CloseCode } from "./BoundedSocket.ts";
import { Downstreams, type LayerSwitch } from "./Downstreams.ts";
import { DataChannels } from "./dataChannels.ts";
import type { RequestedRid, SimulcastEncoding } from "./encodings.ts";
import { isForwarded } from "./forwarding.ts";
import type { StageLimits } from "./limits.ts";
import { MemberSignalling } from "./MemberSignalling.ts";
import type { ConnectMessage, MemberMessage } from "./messages.ts";
import { Negotiation } from "./Negotiation.ts";
import type { MemberIdentity } from "./notify.ts";
import { offerMessage } from "./offer.ts";
import { answerRpc, type RpcMethod } from "./rpc.ts";
import { type Publication, Upstreams } from "./Upstreams.ts";

/** How long channels may take to close before their transport goes; clients wait 5 s for them. */
const CHANNEL_CLOSE_MS = 1000;

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
  /** The layers of a sender that wants simulcast. */
  encodings: readonly SimulcastEncoding[];
  socket: BoundedSocket;
  session: Session;
  limits: StageLimits;
  times: MemberTimes;
  log: Logger;
}

type MemberState = "offering" | "connected" | "leaving" | "left";

/** One connection of a client: its signalling, its session, and what it sends and gets. */
export class Member {
  readonly identity: MemberIdentity;
  readonly events: TypedEvents<{
    /** Its transport is up. */
    connected: [];
    /** What it sends began or ended. */
    upstream: [];
    /** It gets another layer of a sender's simulcast. */
    layer: [change: LayerSwitch];
    /** A message on a `#` label. */
    message: [label: string, data: Buffer];
    /** A minute passed. */
    minute: [];
    /** It is gone; the reason is for logs. Fires once. */
    left: [reason: string];
  }>;
  readonly channels: DataChannels;
  readonly #options: MemberOptions;
  readonly #signalling: MemberSignalling;
  readonly #session: Session;
  readonly #upstreams: Upstreams;
  readonly #downstreams: Downstreams;
  readonly #negotiation: Negotiation;
  readonly #log: Logger;
  readonly #timers = new Set<NodeJS.Timeout>();
  #state: MemberState = "offering";
  #minutes = 0;
  #handshake: NodeJS.Timeout | undefined;

  constructor(options: MemberOptions) {
    const { connect, encodings, identity, limits, log, methods, session, socket } = options;
    this.identity = identity;
    this.events = new TypedEvents(log);
    this.#options = options;
    this.#log = log;
    this.#session = session;
    const switches = connect.data_channel_signaling === true;
    this.channels = new DataChannels(connect.data_channels, switches, methods.size > 0, limits, log);
    this.#signalling = new MemberSignalling(connect, identity.connectionId, socket, this.channels, log);
    this.#upstreams = new Upstreams(session, connect, encodings, log);
    this.#downstreams = new Downstreams(
      session,
      connect.simulcast_request_rid ?? connect.simulcast_rid ?? "r2",
      log,
    );
    this.#negotiation = new Negotiation(session, this.#downstreams, log);
    if (this.channels.wanted) session.addApplication();
    this.#listen();
  }

  get state(): MemberState {
    return this.#state;
  }

  /** What its connect asked for. */
  get connect(): ConnectMessage {
    return this.#options.connect;
  }

  /** What it sends, while it is in. */
  get publications(): readonly Publication[] {
    return this.#state === "connected" ? this.#upstreams.publications(this.identity.connectionId) : [];
  }

  /** Whether it wants what `other` sends: by its role, by what it asked for, and by its forwarding filters. */
  wants(other: Member, kind: MediaKind): boolean {
    if (this.identity.role === "sendonly" || !this.identity[kind]) return false;
    const { forwarding_filters: filters = [], forwarding_filter: single } = this.connect;
    return isForwarded(single ? [...filters, single] : filters, other.identity, kind);
  }

  /** Sends the offer. */
  async start(wanted: () => readonly Publication[]): Promise<void> {
    this.#handshake = setTimeout(
      () => this.leave("HANDSHAKE-TIMEOUT", CloseCode.refused),
      this.#options.limits.handshakeMs,
    );
    try {
      const sdp = await this.#negotiation.firstOffer(wanted);
      this.#signalling.say(offerMessage(this.#options, sdp, this.#upstreams.mid, this.channels));
    } catch (error) {
      if (this.#state !== "offering") return;
      this.#log.error("an offer could not be made", { error });
      this.leave("INTERNAL-ERROR", CloseCode.internal);
    }
  }

  /** Sets what it gets of the others. */
  get(wanted: readonly Publication[]): void {
    this.#negotiation.want(wanted);
  }

  /** Which simulcast layer it gets of one sender, or of all, from that layer's next key frame. */
  requestLayer(rid: RequestedRid, senderId?: string): void {
    this.#downstreams.requestLayer(rid, senderId);
  }

  /** Asks the client for a key frame of each of its video streams. */
  requestKeyFrame(): void {
    for (const { kind, receiver } of this.publications) if (kind === "video") receiver.requestKeyFrame();
  }

  /** Passes a `notify` or `push` on, the way its signalling goes now. */
  tell(label: "notify" | "push", message: object): void {
    this.#signalling.tell(label, message);
  }

  /** Asks the client for its statistics; an empty list when it does not answer within 3 s. */
  requestStats(): Promise<unknown[]> {
    return this.#signalling.requestStats();
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
    this.#signalling.announceEnd(code, reason);
    this.events.emit("left", reason);
    this.#signalling.close(code, reason);
    this.#negotiation.close();
    this.#downstreams.close();
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
    this.#signalling.dispose();
    this.#upstreams.events.removeAllListeners();
    this.events.removeAllListeners();
  }

  #listen(): void {
    this.#session.events.on("state", (state, reason) => {
      if (state === "connected") this.#connected();
      else if (state === "failed" || state === "closed") this.#transportLost(reason);
    });
    this.#session.events.on("network", (isPathLost) => isPathLost && this.#negotiation.restart());
    this.#session.events.on("error", (error) => this.#log.warn("a session reports an error", { error }));
    this.#signalling.events.on("message", (message) => this.#handle(message));
    this.#signalling.events.on("call", (message) => void this.#answerCall(message));
    this.#signalling.events.on("lost", () => this.leave("WEBSOCKET-CLOSED"));
    this.#upstreams.events.on("changed", () => this.events.emit("upstream"));
    this.#downstreams.events.on("layer", (change) => this.events.emit("layer", change));
    this.#negotiation.events.on("offer", (sdp) => this.#sendReOffer(sdp));
    this.#negotiation.events.on("failed", (reason) => this.leave(reason, CloseCode.internal));
    this.channels.events.on("message", (label, data) => this.events.emit("message", label, data));
  }

  #connected(): void {
    if (this.#state !== "offering") return;
    const { pingMs, lifetimeMs } = this.#options.times;
    this.#state = "connected";
    clearTimeout(this.#handshake);
    this.#signalling.expectPongs();
    this.#every(pingMs, () => this.#ping());
    if (lifetimeMs > 0) this.#after(lifetimeMs, () => this.leave("LIFETIME-EXPIRED"));
    try {
      this.channels.openOn(this.#session);
    } catch (error) {
      this.#log.warn("the data channels could not be opened", { error });
    }
    this.events.emit("connected");
  }

  #ping(): void {
    const minutes = Math.floor((Date.now() - this.identity.createdAtMs) / 60_000);
    if (minutes > this.#minutes) this.events.emit("minute");
    this.#minutes = minutes;
    if (!this.#signalling.ping(this.#options.times.pongMs)) this.leave("PONG-TIMEOUT", CloseCode.refused);
  }

  #sendReOffer(sdp: string): void {
    // A data channel goes by the path that a restart is to replace.
    const message = { type: "re-offer", sdp };
    const isPathDead =
      this.#session.transport.state === "disconnected" || this.#session.liveness === "stalled";
    if (!(isPathDead && this.#signalling.say(message)) && !this.#signalling.tell("signaling", message))
      this.leave("SIGNALING-LOST", CloseCode.internal);
  }

  async #answerCall(message: unknown): Promise<void> {
    const answer = await answerRpc(message, this.#options.methods, this.identity, this.#log);
    if (answer && !this.channels.sendSystem("rpc", answer))
      this.#log.debug("an answer to a call was not sent");
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

  #transportLost(reason: string): void {
    this.#log.info("a member's transport is lost", { reason, connectionId: this.identity.connectionId });
    this.leave("TRANSPORT-LOST", CloseCode.internal);
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
