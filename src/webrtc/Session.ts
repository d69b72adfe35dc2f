import { type Clock, type Logger, logger, systemClock, TroupeError, TypedEvents } from "../core/index.ts";
import { type DataChannelOptions, Engine, type EnginePeer, type TransportState } from "../native/index.ts";
import { Answerer } from "./Answerer.ts";
import { Bundle } from "./Bundle.ts";
import { Demultiplexer } from "./Demultiplexer.ts";
import { Liveness } from "./Liveness.ts";
import { NetworkChanges } from "./NetworkChanges.ts";
import { Offerer } from "./Offerer.ts";
import { checkTransceiverOptions } from "./options.ts";
import type { IceRestart, PeerTransport, TransportChannel } from "./PeerTransport.ts";
import { type Changes, SessionParts } from "./SessionParts.ts";
import { buildReport, type StatsReport } from "./stats.ts";
import type { JitterBufferBounds, SessionTransceiver } from "./Transceiver.ts";
import type { AnswerChoice, OfferedLine, SessionEvents, Transceiver, TransceiverOptions } from "./types.ts";

export interface SessionOptions {
  /** The session owns it from now on and closes it. */
  transport: PeerTransport;
  /** A peer of the shared engine when left out. The session owns it, attaches it to the transport and closes it. */
  peer?: EnginePeer;
  /** Fixed for life: there is no glare. */
  role: "offerer" | "answerer";
  /** Bounds of the delay of what it receives, in ms. */
  jitterBuffer?: JitterBufferBounds | undefined;
  log?: Logger;
  clock?: Clock;
}

/**
 * Offer and answer (RFC 9429) over one bundled transport. SDP leaves and enters it as text only.
 *
 * @example
 * const session = new Session({ transport, role: "offerer" });
 * session.addTransceiver({ kind: "audio", direction: "sendrecv", streamId: "bot" }).setProducer(source);
 * session.acceptAnswer(await signal(session.createOffer()));
 */
export class Session {
  readonly transport: PeerTransport;
  readonly peer: EnginePeer;
  readonly role: "offerer" | "answerer";
  readonly events: TypedEvents<SessionEvents>;
  readonly #bundle: Bundle;
  readonly #negotiator: Offerer | Answerer;
  readonly #demultiplexer: Demultiplexer;
  readonly #liveness: Liveness;
  readonly #networkChanges: NetworkChanges;
  readonly #stopListening: (() => void)[];
  /** What the next restart has to be. */
  #restartForm: IceRestart = "same-sockets";
  #closed = false;

  constructor(options: SessionOptions) {
    this.transport = options.transport;
    this.peer = options.peer ?? Engine.shared().createPeer();
    this.role = options.role;
    this.events = new TypedEvents(options.log ?? logger);
    this.#bundle = new Bundle(this.transport);
    const parts = new SessionParts(
      this.peer,
      this.#bundle,
      (transceiver) => this.#announce(transceiver),
      options.jitterBuffer,
    );
    this.#negotiator = options.role === "offerer" ? new Offerer(parts) : new Answerer(parts);
    this.#demultiplexer = new Demultiplexer(
      () => this.#negotiator.transceivers,
      (transceiver) => this.#announce(transceiver),
    );
    this.#liveness = new Liveness(
      options.clock ?? systemClock,
      () => this.transport.sinceLastPacketMs,
      () => this.transport.probe(),
      (state) => this.#onLiveness(state),
    );
    this.#networkChanges = new NetworkChanges(
      options.clock ?? systemClock,
      () => this.#liveness.state === "stalled" || this.transport.state === "disconnected",
      (isPathLost) => this.#onNetwork(isPathLost),
    );
    this.#stopListening = this.#listen();
    try {
      this.transport.attach(this.peer);
    } catch (error) {
      // Nobody gets to see this session, so nobody else could free what it holds.
      this.close();
      throw error;
    }
  }

  /** Every transceiver that is not closed, in the order of the m-lines. */
  get transceivers(): readonly Transceiver[] {
    return this.#negotiator.transceivers;
  }

  /** Whether packets come in; `flowing` until two seconds have shown otherwise. */
  get liveness(): "flowing" | "stalled" {
    return this.#liveness.state;
  }

  /** True once close() was called. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Whether all local candidates are known, and so are in the next description. */
  get gathered(): boolean {
    return this.#bundle.gathered;
  }

  /** The largest data-channel message that the far side takes, in bytes; 0 before it said so. */
  get remoteMaximumMessageSize(): number {
    return this.#bundle.remoteMaximumMessageSize;
  }

  /**
   * Offerer: a new m-line, or a free one of the same kind used again. It takes part in the next offer.
   *
   * @throws TroupeError INVALID_OPTION, and NEGOTIATION_FAILED for an answerer.
   */
  addTransceiver(options: TransceiverOptions): Transceiver {
    return this.#offerer("addTransceiver").addTransceiver(checkTransceiverOptions(options));
  }

  /**
   * Offerer: ends it, with its sender and receiver, at once. Its m-line goes inactive with the next offer
   * and is free for another transceiver once that is answered.
   */
  removeTransceiver(transceiver: Transceiver): void {
    if (this.#closed) return;
    const removed = this.#offerer("removeTransceiver").removeTransceiver(transceiver as SessionTransceiver);
    if (removed) this.events.emit("trackRemoved", transceiver);
  }

  /** Offerer: an m-line for data channels. A second call does nothing. */
  addApplication(): void {
    this.#offerer("addApplication").addApplication();
  }

  /**
   * Offerer: the SDP of an offer, with the candidates that are known so far. It replaces an offer that was
   * not answered.
   */
  createOffer(options: { iceRestart?: boolean | IceRestart } = {}): string {
    const offerer = this.#offerer("createOffer");
    const { iceRestart = false } = options;
    if (iceRestart !== false) this.restartIce(iceRestart === true ? this.#restartForm : iceRestart);
    return offerer.createOffer();
  }

  /**
   * Has the next offer or answer of this side restart ICE, to replace a path that died: media goes on over the old
   * path until the new one is found, DTLS, tracks and data channels stay. Nothing before the far side is known.
   *
   * @param form when left out `new-sockets` where the machine's own network changed, else `same-sockets`.
   */
  restartIce(form: IceRestart = this.#restartForm): void {
    this.#mustBeOpen();
    if (form === "new-sockets") this.#restartForm = "same-sockets";
    this.#bundle.planRestart(form);
  }

  /** @throws TroupeError INVALID_SDP or NEGOTIATION_FAILED; the session is then as it was. */
  acceptAnswer(sdp: string): void {
    const offerer = this.#offerer("acceptAnswer");
    this.#settle(negotiate(() => offerer.acceptAnswer(sdp)));
  }

  /**
   * Answerer: takes an offer and gives the answer.
   *
   * @param choose what to do with each m-line of audio or video; that of the last call when left out, and
   * at first: receive whatever comes, send nothing.
   * @throws TroupeError INVALID_SDP or NEGOTIATION_FAILED; the session is then as it was.
   */
  acceptOffer(sdp: string, choose?: (line: OfferedLine) => AnswerChoice): string {
    this.#mustBeOpen();
    const answerer = this.#negotiator;
    if (!(answerer instanceof Answerer)) {
      throw new TroupeError("NEGOTIATION_FAILED", "This side offers; it takes no offer");
    }
    const { answer, changes } = negotiate(() => answerer.acceptOffer(sdp, choose));
    this.#settle(changes);
    return answer;
  }

  /**
   * Takes a candidate of the far side, `candidate:...`, now or, before its description is known, later.
   * `""` is the end of them.
   *
   * @returns false when it is of no use: malformed, of an unknown m-line, of a kind that is ignored, or one
   * too many.
   */
  addRemoteCandidate(candidate: string, mid?: string): boolean {
    return !this.#closed && this.#bundle.addRemoteCandidate(candidate, mid);
  }

  /**
   * Opens a data channel; it opens when both sides have agreed on an m-line for them.
   *
   * @throws TroupeError INVALID_STATE without such an m-line of ours, else as {@link PeerTransport.openChannel}.
   */
  openChannel(label: string, options?: Partial<DataChannelOptions>): TransportChannel {
    this.#mustBeOpen();
    if (!this.#negotiator.hasApplication) {
      throw new TroupeError("INVALID_STATE", "There is no m-line for data channels: addApplication() first");
    }
    return this.transport.openChannel(label, options);
  }

  /** The figures of the whole session in the WebRTC statistics shape; empty once closed. */
  getStats(): StatsReport {
    if (this.#closed) return [];
    return buildReport(this.peer.stats(), this.transport.stats(), this.#negotiator.transceivers);
  }

  /** Closes everything it holds, transport and peer too. Nothing fires afterwards. A second call does nothing. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#liveness.stop();
    for (const stop of this.#stopListening) stop();
    this.events.removeAllListeners();
    for (const transceiver of this.#negotiator.transceivers) transceiver.close();
    this.transport.close();
    this.peer.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #listen(): (() => void)[] {
    return [
      this.transport.events.on("candidate", (candidate) => this.#onCandidate(candidate)),
      this.transport.events.on("gathered", () => this.#onGathered()),
      this.transport.events.on("state", (state, reason) => this.#onState(state, reason)),
      this.transport.events.on("network", (isPathLost) => this.#networkChanges.changed(isPathLost)),
      this.transport.events.on("channel", (channel) => this.events.emit("channel", channel)),
      this.peer.events.on("unknownSsrc", (ssrc, payloadType, mid) =>
        this.#guard(() => this.#demultiplexer.onUnknownSsrc(ssrc, payloadType, mid)),
      ),
    ];
  }

  /** What is known before the first description stands in it. */
  #onCandidate(candidate: string): void {
    const mid = this.#bundle.localMid;
    if (mid !== null && this.#bundle.isNews(candidate)) this.events.emit("candidate", candidate, mid);
  }

  #onGathered(): void {
    this.#bundle.gathered = true;
    const mid = this.#bundle.localMid;
    if (mid !== null) this.events.emit("candidate", "", mid);
  }

  #onState(state: TransportState, reason: string): void {
    if (state === "connected") this.#liveness.start();
    else if (state === "failed" || state === "closed") this.#liveness.stop();
    this.events.emit("state", state, reason);
    if (state === "disconnected") this.#networkChanges.pathDied();
  }

  #onLiveness(state: "flowing" | "stalled"): void {
    // Before anybody takes it for a stall: that there is another way helps more than to wait.
    if (state === "stalled") this.#networkChanges.pathDied();
    this.events.emit("liveness", state);
  }

  #onNetwork(isPathLost: boolean): void {
    this.#restartForm = "new-sockets";
    // Whoever offers decides when; an answer of ours can only bring what is new along.
    if (isPathLost && this.role === "answerer") this.restartIce();
    this.events.emit("network", isPathLost);
  }

  /** Packets came on an m-line whose offer left open whether any would. */
  #announce(transceiver: SessionTransceiver): void {
    if (this.#closed || !transceiver.announce()) return;
    this.events.emit("track", transceiver, transceiver.remoteStreamId);
  }

  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.events.emit("error", TroupeError.from("INTERNAL", error));
    }
  }

  #settle(changes: Changes): void {
    this.#demultiplexer.retry();
    for (const transceiver of changes.removed) this.events.emit("trackRemoved", transceiver);
    for (const transceiver of changes.added) {
      if (transceiver.announced) this.events.emit("track", transceiver, transceiver.remoteStreamId);
    }
  }

  #offerer(what: string): Offerer {
    this.#mustBeOpen();
    if (this.#negotiator instanceof Offerer) return this.#negotiator;
    throw new TroupeError("NEGOTIATION_FAILED", `This side answers; ${what} is for the side that offers`);
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new TroupeError("CLOSED", "The session is closed");
  }
}

/** What the engine, the transport or the caller's `choose` throws comes out as one of our errors. */
function negotiate<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    throw TroupeError.from("NEGOTIATION_FAILED", error);
  }
}
