import type { DriverEvent } from "../../actors/index.ts";
import type { ConnectionHost, LocalTrack, StatsEntry } from "../../connection/index.ts";
import { type Clock, type Logger, TroupeError, type TypedEvents } from "../../core/index.ts";
import {
  type AnswerChoice,
  hasRelay,
  type OfferedLine,
  type Session,
  type Transceiver,
} from "../../webrtc/index.ts";
import { RPC_LABEL, type SignallingPath, SoraClient, type SoraEnding } from "./client.ts";
import type { DataChannel } from "./DataChannel.ts";
import type { SoraErrorCode } from "./errorCode.ts";
import type { SoraConnectionEvents } from "./events.ts";
import type { SoraSettings } from "./options.ts";
import { opusOf } from "./opus.ts";
import { RemoteTracks } from "./RemoteTracks.ts";
import { RpcCalls } from "./rpc.ts";
import type { ServerMessage, SoraNotify, SoraOffer } from "./wire.ts";

/** After so many redials in a row each waits longer for ICE. */
const REDIALS_OF_ONE_PATIENCE = 4;

/** How long the signalling path has to say why the peer connection is gone, in ms. */
const WORD_MS = 300;

export interface IceServer {
  urls: string[];
  username?: string;
  credential?: string;
}

/** Makes the session of an attempt, an answerer; replaced in tests. */
export type CreateSession = (iceServers: IceServer[]) => Session;

/** What the attempts of one connection share. */
export interface AttemptContext {
  settings: SoraSettings;
  host: ConnectionHost;
  events: Pick<TypedEvents<SoraConnectionEvents>, "emit">;
  createSession: CreateSession;
  clock: Clock;
  log: Logger;
  trackKeys: Map<string, string>;
  /** A label of the user's is open, or closed. */
  channelOpened: (channel: DataChannel) => void;
  channelClosed: (label: string) => void;
  /** Says once per connection what is ignored. */
  ignored: (what: string) => void;
}

/** One attempt to be in a channel: from the dialled WebSocket until it is lost or left. */
export class Attempt {
  /** How it ended, once it has. */
  errorCode: SoraErrorCode | undefined;
  connectionId = "";
  readonly #context: AttemptContext;
  readonly #redial: number;
  readonly #report: (event: DriverEvent) => void;
  readonly #client: SoraClient;
  readonly #tracks: RemoteTracks;
  readonly #timers = new Set<unknown>();
  readonly rpc: RpcCalls;
  #phase: "dialing" | "negotiating" | "securing" | "joined" | "leaving" | "closed" = "dialing";
  #session: Session | undefined;
  #offer: SoraOffer | undefined;
  #answered = false;
  #candidates: string[] = [];
  #upstreamMid: string | undefined;
  #local: LocalTrack | undefined;
  #sender: Transceiver["sender"] = null;
  #connected = false;
  #created = false;
  #present: Set<string> | undefined;
  #moved: "no" | "switching" | "switched" = "no";
  #awaitedSwitch: { ignore: boolean | undefined } | undefined;
  #probing = false;
  #reportedStall = false;
  #pathLost = false;
  #unwanted = false;

  /** @param redial how many attempts in a row failed before it; 0 for the first one of a connection. */
  constructor(context: AttemptContext, redial: number, report: (event: DriverEvent) => void) {
    this.#context = context;
    this.#redial = redial;
    this.#report = (event) => {
      if (this.#phase !== "closed") report(event);
    };
    this.#client = new SoraClient(context.settings, context.clock);
    this.#tracks = new RemoteTracks(context.host, this.#report, context.trackKeys);
    this.rpc = new RpcCalls((text) => this.#sendRpc(text), context.clock);
    this.#listen();
  }

  get isOpen(): boolean {
    return this.#phase !== "closed";
  }

  /** Whether a change of the machine's network ended it, so that another attempt may go another way. */
  get endedByNetwork(): boolean {
    return this.#pathLost || this.#client.endedByNetwork;
  }

  start(): void {
    this.#client.connect().catch((error) => this.#fail(error, false, "WEBSOCKET_HANDSHAKE_FAILED"));
  }

  publish(track: LocalTrack): void {
    this.#local ??= track;
    this.#attachSender();
  }

  unpublish(track: LocalTrack): void {
    if (this.#local === track) this.#local = undefined;
  }

  get rpcMethods(): readonly string[] {
    return this.#offer?.rpc_methods ?? [];
  }

  channel(label: string) {
    return this.#client.channel(label);
  }

  getStats(): StatsEntry[] {
    return (this.#session?.getStats() ?? []).map((entry) => ({ ...entry }));
  }

  async leave(reason: string): Promise<SoraEnding> {
    this.#phase = "leaving";
    const ending = await this.#client.leave(reason);
    this.errorCode ??= ending.errorCode;
    return ending;
  }

  /** The user is about to leave: an end without a farewell is in order, then. */
  expectEnd(): void {
    this.#unwanted = true;
  }

  /** Drops it with another one to follow at once: nothing stays attached to what it carried. */
  abandon(): void {
    if (this.#sender && this.#local) this.#context.host.senderGone(this.#local.id);
    this.#tracks.detach();
    this.close();
  }

  /** Drops it on the spot. */
  close(): void {
    if (this.#phase === "closed") return;
    this.errorCode ??= this.#codeOfAbort();
    this.#phase = "closed";
    for (const timer of this.#timers) this.#context.clock.clearTimeout(timer);
    this.#timers.clear();
    this.rpc.close();
    this.#client.close(
      this.errorCode === "CLOSE_SUCCEEDED" ? "NO-ERROR" : this.errorCode.replaceAll("_", "-"),
    );
    this.#session?.close();
  }

  /** The machine ended it, by a deadline or for the user: by how far it had come. */
  #codeOfAbort(): SoraErrorCode {
    if (this.#unwanted && this.#phase !== "leaving") return "CLOSE_SUCCEEDED";
    if (this.#phase === "dialing") return "WEBSOCKET_HANDSHAKE_FAILED";
    if (this.#phase === "negotiating") return "INTERNAL_ERROR";
    if (this.#phase === "securing") return "ICE_FAILED";
    return this.#phase === "leaving" ? "CLOSE_FAILED" : "PEER_CONNECTION_STATE_FAILED";
  }

  #listen(): void {
    const { events } = this.#client;
    const { host } = this.#context;
    events.on("open", () => {
      if (this.#phase !== "dialing") return;
      this.#phase = "negotiating";
      this.#report({ type: "signalling.open" });
    });
    events.on("message", (message, path) => this.#onMessage(message, path));
    events.on("raw", (path, direction, text) =>
      this.#context.events.emit("signalingMessage", path, direction, text),
    );
    events.on("ignored", (what) => this.#context.ignored(what));
    events.on("channel", (channel) => {
      if (SoraClient.isUserLabel(channel.label)) this.#context.channelOpened(channel);
      else if (channel.label === "signaling") this.#onSignalingChannel();
    });
    events.on("channelClosed", (label) => {
      if (label === RPC_LABEL) this.rpc.close();
      this.#context.channelClosed(label);
    });
    events.on("rpc", (text) => {
      this.rpc.receive(text);
      this.#context.events.emit("rpc", text);
    });
    events.on("userMessage", (label, data, sender) => {
      host.message(label, data);
      this.#context.events.emit("channelMessage", { label, data, senderConnectionId: sender });
    });
    events.on("webSocketClosed", (code, reason) => this.#context.events.emit("wsClose", code, reason));
    events.on("lost", (ending) => this.#onLost(ending));
    events.on("ended", (ending) => this.#onEnded(ending));
  }

  #onMessage(message: ServerMessage, path: SignallingPath): void {
    if (this.#phase === "closed") return;
    switch (message.type) {
      case "offer":
        this.#onOffer(message);
        break;
      case "redirect":
        this.#onRedirect(message.location);
        break;
      case "re-offer":
        this.#onReoffer(message.sdp, "re-answer", path);
        break;
      case "update":
        this.#onReoffer(message.sdp, "update", path);
        break;
      case "candidate":
        this.#session?.addRemoteCandidate(message.candidate, message.sdpMid ?? undefined);
        break;
      case "ping":
        this.#client.send(message.stats ? { type: "pong", stats: this.getStats() } : { type: "pong" }, path);
        break;
      case "req-stats":
        this.#client.send({ type: "stats", reports: this.getStats() });
        break;
      case "notify":
        this.#onNotify(message);
        break;
      case "push":
        this.#context.events.emit("push", message);
        break;
      case "switched":
        this.#onSwitched(message.ignore_disconnect_websocket);
        break;
      case "close":
        this.#onEnded({ code: message.code, reason: message.reason, errorCode: "CLOSE_SUCCEEDED" });
    }
  }

  async #sendRpc(text: string): Promise<void> {
    const channel = this.#client.channel(RPC_LABEL);
    if (!channel) throw new TroupeError("CLOSED", "The data channel of remote procedure calls is closed");
    await channel.send(Buffer.from(text));
  }

  #onRedirect(location: string): void {
    this.#client.redirect(location).catch((error) => this.#fail(error, false, "WEBSOCKET_HANDSHAKE_FAILED"));
  }

  // Negotiation

  #onOffer(offer: SoraOffer): void {
    if (this.#session) {
      this.#context.ignored("a second offer");
      return;
    }
    this.connectionId = offer.connection_id;
    this.#upstreamMid = offer.mid?.audio;
    this.#offer = offer;
    this.#context.events.emit("offer", offer);
    if (this.#context.settings.network?.relayOnly && !hasRelay(offer.config?.iceServers ?? [])) {
      const message = "Media may go by TURN servers alone (network.relayOnly), but the server named none";
      this.#fail(new TroupeError("TRANSPORT_FAILED", message), true, "ICE_FAILED");
      return;
    }
    try {
      this.#client.expect(offer.data_channels);
      const session = this.#createSession(offer);
      const sdp = session.acceptOffer(offer.sdp, (line) => this.#choose(line));
      this.#client.send({ type: "answer", sdp }, "websocket");
    } catch (error) {
      this.#fail(error, false, "INTERNAL_ERROR");
      return;
    }
    this.#answered = true;
    this.#phase = "securing";
    for (const candidate of this.#candidates.splice(0)) this.#sendCandidate(candidate);
    this.#attachSender();
    this.#tracks.refresh();
    this.#report({ type: "negotiated" });
    this.#boundRedial();
    this.#mayJoin();
  }

  /**
   * ICE asks ever more seldom while nothing answers. So a redial over a network that is away gives up early: the next
   * one asks often again. Where many fail in a row it is not the network alone that is slow, and they get longer.
   */
  #boundRedial(): void {
    if (this.#redial === 0) return;
    const { redialIceMs } = this.#context.settings.timeouts;
    const patienceMs = redialIceMs * (1 + Math.floor(this.#redial / REDIALS_OF_ONE_PATIENCE));
    this.#after(patienceMs, () => {
      if (this.#connected) return;
      const error = new TroupeError("TRANSPORT_FAILED", `No path was found within ${patienceMs} ms`);
      this.#fail(error, false, "ICE_FAILED");
    });
  }

  #createSession(offer: SoraOffer): Session {
    const { createSession, log } = this.#context;
    const iceServers = (offer.config?.iceServers ?? []).map(({ urls, username, credential }) => ({
      urls,
      username,
      credential,
    }));
    const session = createSession(iceServers);
    this.#session = session;
    session.events.on("candidate", (candidate) => this.#sendCandidate(candidate));
    session.events.on("state", (state, reason) => this.#onTransportState(state, reason));
    session.events.on("channel", (channel) => this.#client.addChannel(channel));
    session.events.on("liveness", (state) => this.#onLiveness(state));
    session.events.on("network", (isPathLost) => isPathLost && this.#onPathLost());
    session.events.on("track", (transceiver, streamId) => this.#onTrack(transceiver, streamId));
    session.events.on("trackRemoved", (transceiver) => this.#tracks.remove(transceiver));
    session.events.on("error", (error) => log.warn("a session failed at something", { error }));
    return session;
  }

  /** What we do with an m-line. The one for what we send is named in the offer, or is the first that fits. */
  #choose(line: OfferedLine): AnswerChoice {
    const { role, audio } = this.#context.settings;
    const receive = role !== "sendonly" && line.streamId !== this.connectionId;
    if (role === "recvonly" || audio === false || line.kind !== "audio" || !line.canSend) return { receive };
    this.#upstreamMid ??= line.mid;
    if (line.mid !== this.#upstreamMid) return { receive };
    const opus = { ...opusOf(this.#context.settings), ...this.#local?.opus };
    return { receive, send: { streamId: this.connectionId, opus } };
  }

  /** A broken offer leaves the session as it is: what flows goes on flowing. */
  #onReoffer(sdp: string, type: "re-answer" | "update", path: SignallingPath): void {
    if (!this.#session) return;
    try {
      this.#client.send({ type, sdp: this.#session.acceptOffer(sdp) }, path);
    } catch (error) {
      this.#context.log.warn("a re-offer could not be answered", { error });
      return;
    }
    this.#attachSender();
    this.#tracks.refresh();
  }

  #sendCandidate(candidate: string): void {
    if (candidate === "") return;
    if (this.#answered) this.#client.send({ type: "candidate", candidate });
    else this.#candidates.push(candidate);
  }

  /** Gives the sender of our m-line to what is published, whenever either of them is new. */
  #attachSender(): void {
    this.#local ??= this.#context.host.localTracks.find(({ state }) => state !== "ended");
    const transceiver = this.#session?.transceivers.find(({ mid }) => mid === this.#upstreamMid);
    const sender = transceiver?.sender ?? null;
    const local = this.#local;
    if (!local || (sender === this.#sender && local.sender === sender)) return;
    this.#sender = sender;
    if (!sender) {
      this.#context.host.senderGone(local.id);
      return;
    }
    if (Object.keys(local.opus).length > 0) sender.update(local.opus);
    this.#context.host.senderReady(local.id, sender);
  }

  #onTrack(transceiver: Transceiver, streamId: string): void {
    // A server may show our own stream on the line that we send on.
    if (streamId === this.connectionId || (transceiver.mid === this.#upstreamMid && streamId === "")) return;
    this.#tracks.add(transceiver, streamId);
  }

  // Joining

  #onTransportState(state: string, reason: string): void {
    if (state === "connected") {
      if (this.#connected) return;
      this.#connected = true;
      this.#report({ type: "transport.connected" });
      this.#after(this.#context.settings.timeouts.createdMs, () => {
        this.#created = true;
        this.#mayJoin();
      });
      this.#mayJoin();
      return;
    }
    if (state !== "failed" && state !== "closed") return;
    this.#client.transportGone();
    if (this.#phase === "leaving") return;
    // A server that ends a connection closes both paths, and the other one says why.
    this.#after(WORD_MS, () => {
      if (this.#phase === "leaving") return;
      this.errorCode ??= this.#connected ? "PEER_CONNECTION_STATE_FAILED" : "ICE_FAILED";
      this.#report({ type: "transport.lost", reason: reason || `the peer connection is ${state}` });
    });
  }

  /** Joined: audio can flow, and the others have been told of us (or no word of that came in time). */
  #mayJoin(): void {
    if (this.#phase !== "securing" || !this.#connected || !this.#created) return;
    this.#phase = "joined";
    if (this.#present) this.#tracks.endAbsent(this.#present);
    this.#report({ type: "joined" });
    if (this.#moved !== "no") this.#report({ type: "signalling.switching" });
    if (this.#moved === "switched") this.#report({ type: "signalling.switched" });
  }

  #onNotify(notify: SoraNotify): void {
    const isOwn = notify.event_type === "connection.created" && notify.connection_id === this.connectionId;
    if (isOwn && !this.#created) {
      this.#created = true;
      if (notify.data) this.#present = new Set(notify.data.flatMap(({ connection_id: id }) => id ?? []));
    }
    this.#context.events.emit("notify", notify);
    this.#mayJoin();
  }

  // Switching

  #onSignalingChannel(): void {
    this.#move("switching");
    if (this.#awaitedSwitch) this.#onSwitched(this.#awaitedSwitch.ignore);
  }

  /** It comes on the WebSocket, and so may be here before the data channel that it is about. */
  #onSwitched(ignore: boolean | undefined): void {
    if (!this.#client.channel("signaling")) {
      this.#awaitedSwitch = { ignore };
      return;
    }
    if (this.#moved === "switched") return;
    const ignoreDisconnect = ignore ?? this.#offer?.ignore_disconnect_websocket ?? false;
    this.#client.switch(ignoreDisconnect);
    this.#context.events.emit("switched", { ignoreDisconnectWebsocket: ignoreDisconnect });
    this.#move("switched");
  }

  #move(to: "switching" | "switched"): void {
    if (this.#moved === "switched") return;
    this.#moved = to;
    if (this.#phase === "joined") this.#report({ type: `signalling.${to}` });
  }

  // Losses

  /** Nothing comes in: ask the signalling path and the data channels for a sign of life before it counts. */
  async #onLiveness(state: "flowing" | "stalled"): Promise<void> {
    if (state === "flowing") {
      if (this.#reportedStall) this.#report({ type: "media.flowing" });
      this.#reportedStall = false;
      return;
    }
    if (this.#probing) return;
    this.#probing = true;
    // Its acknowledgement is a packet, where there is a data channel.
    const asked = this.#client.send({ type: "stats", reports: this.getStats() });
    const alive = await this.#client.probe();
    this.#probing = false;
    if (this.#phase === "closed" || this.#phase === "leaving") return;
    if (!alive)
      this.#onLost({ code: 0, reason: "the server does not answer", errorCode: "WEBSOCKET_ONERROR" });
    else if (asked) this.#after(this.#context.settings.timeouts.probeMs, () => this.#reportStall());
  }

  /** Without data channels a quiet line cannot be told from a dead one here; ICE's consent checks can. */
  #reportStall(): void {
    if (this.#session?.liveness !== "stalled" || this.#reportedStall) return;
    this.#reportedStall = true;
    this.#report({ type: "media.stalled" });
  }

  /** Media has to go another way. Only the server offers, and it may never do so again: joining anew is quicker. */
  #onPathLost(): void {
    if (this.#phase === "leaving") return;
    this.#pathLost = true;
    this.errorCode ??= "PEER_CONNECTION_STATE_FAILED";
    this.#report({ type: "transport.lost", reason: "the network changed" });
  }

  #onLost({ code, reason, errorCode }: SoraEnding): void {
    if (this.#phase === "leaving") return;
    // Closed by the server before it let us in: what it says there (bad metadata, unknown channel) stays true.
    const refused = this.#phase === "negotiating" && code === 4490;
    this.errorCode ??= errorCode;
    if (refused) {
      const error = new TroupeError(
        "ACCESS_DENIED",
        `The server refused the connection: ${reason} (${code})`,
      );
      this.#report({ type: "attempt.failed", error, permanent: true });
    } else this.#report({ type: "signalling.lost", code, reason });
  }

  #onEnded({ code, reason, errorCode }: SoraEnding): void {
    if (this.#phase === "leaving") return;
    this.errorCode ??= errorCode;
    this.#report({ type: "remote.closed", code, reason });
  }

  #fail(error: unknown, permanent: boolean, errorCode: SoraErrorCode): void {
    if (this.#phase === "closed" || this.#phase === "leaving") return;
    this.errorCode ??= errorCode;
    this.#report({
      type: "attempt.failed",
      error: TroupeError.from("NEGOTIATION_FAILED", error),
      permanent,
    });
  }

  #after(ms: number, callback: () => void): void {
    const timer = this.#context.clock.setTimeout(() => {
      this.#timers.delete(timer);
      callback();
    }, ms);
    this.#timers.add(timer);
  }
}
