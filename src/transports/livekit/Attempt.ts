import {
  DisconnectReason,
  type JoinResponse,
  type LeaveRequest,
  LeaveRequest_Action,
  ReconnectReason,
  type ReconnectResponse,
  type SignalResponse,
  type TrackInfo,
} from "@livekit/protocol";
import type { DriverEvent } from "../../actors/index.ts";
import type { LocalTrack, StatsEntry } from "../../connection/index.ts";
import { TroupeError } from "../../core/index.ts";
import type { AttemptContext } from "./AttemptContext.ts";
import type { DataKind } from "./DataPath.ts";
import { disconnectReasonOf } from "./disconnectReason.ts";
import { ConnectError } from "./errors.ts";
import { MediaMender } from "./MediaMender.ts";
import { Membership } from "./Membership.ts";
import { createMedia } from "./media/createMedia.ts";
import type { MediaPath, RtcStats } from "./media/MediaPath.ts";
import { Dialler } from "./signal/Dialler.ts";
import { type Dialled, isPermanent } from "./signal/dial.ts";
import { Outbox } from "./signal/Outbox.ts";
import type { SignalClient, SignalMessage } from "./signal/SignalClient.ts";
import type { SocketEnding } from "./signal/SignalSocket.ts";

/** How long a leave waits for what the data channels still hold, in ms. */
const DRAIN_MS = 500;
/** How long the server has to answer while the media path is dead, in ms. */
const PROBE_MS = 5_000;

type Phase = "dialing" | "negotiating" | "securing" | "joined" | "lost" | "resuming" | "leaving" | "closed";

/** One membership of a room, from its join until it is left or lost for good. It outlives its signalling. */
export class Attempt {
  readonly #context: AttemptContext;
  readonly #dialler: Dialler;
  readonly #outbox = new Outbox();
  readonly #membership: Membership;
  readonly #mender: MediaMender;
  #report: (event: DriverEvent) => void;
  #stop = new AbortController();
  #phase: Phase = "dialing";
  #client: SignalClient | undefined;
  #media: MediaPath | undefined;
  #connected = false;
  #reason = ReconnectReason.RR_UNKNOWN;
  /** How many resumes the server took and cut since the signalling was lost. */
  #cutResumes = 0;
  /** Whether the server restarted ICE just now, as it does at each resume where it has a part in that. */
  #isResumeFresh = false;

  constructor(context: AttemptContext, report: (event: DriverEvent) => void) {
    this.#context = context;
    this.#report = report;
    this.#dialler = new Dialler(context);
    this.#membership = new Membership(context, this.#outbox, (event) => this.#tell(event));
    this.#mender = new MediaMender(context.clock, context.settings.timeouts.mediaMs, {
      ask: () => this.#client?.probe(PROBE_MS),
      restart: () => this.#restartMedia(),
      giveUp: () => this.#onUnmended(),
    });
  }

  get isOpen(): boolean {
    return this.#phase !== "closed";
  }

  /** Whether there is a room to send messages to, if only after a resume. */
  get isJoined(): boolean {
    return this.#membership.isJoined && this.#phase !== "closed" && this.#phase !== "leaving";
  }

  /** Whether only the way to it is lost, so that a resume may bring it back. */
  get canResume(): boolean {
    return this.#phase === "lost";
  }

  get isDataOpen(): boolean {
    return this.#media?.data.isOpen ?? false;
  }

  get signalRoundTripMs(): number {
    return this.#client?.roundTripMs ?? 0;
  }

  keyOf(trackSid: string): string | undefined {
    return this.#membership.remote.keyOf(trackSid);
  }

  sidOf(key: string): string | undefined {
    return this.#membership.remote.sidOf(key);
  }

  /** What the server knows of a local track; undefined before it answered. */
  infoOf(track: LocalTrack): TrackInfo | undefined {
    return this.#membership.local.infoOf(track);
  }

  // Dialling

  async start(): Promise<void> {
    const onOpen = () => {
      this.#phase = "negotiating";
      this.#tell({ type: "signalling.open" });
    };
    await this.#follow((signal) => this.#dialler.join(onOpen, signal));
  }

  /** Takes it up again after {@link Attempt.canResume}, by a new WebSocket. */
  async resume(report: (event: DriverEvent) => void): Promise<void> {
    this.#report = report;
    this.#phase = "resuming";
    this.#stop = new AbortController();
    this.#cutResumes = 0;
    await this.#dialResume(0);
  }

  #dialResume(before: number): Promise<void> {
    const resume = { participantSid: this.#membership.participantSid, reason: this.#reason };
    return this.#follow((signal) => this.#dialler.resume(resume, before, signal));
  }

  /** Dials, and listens to the server from then on. */
  async #follow(dial: (signal: AbortSignal) => Promise<Dialled | undefined>): Promise<void> {
    const { signal } = this.#stop;
    const dialled = await dial(signal).catch((error: unknown) => {
      if (!signal.aborted) this.#fail(error, isPermanent(error));
    });
    if (!dialled || signal.aborted) return;
    const { client, first, rest } = dialled;
    this.#client = client;
    this.#outbox.use(client);
    client.events.on("response", (response) => this.#onResponse(response));
    client.events.on("ignored", (what) => this.#context.ignored(what));
    client.events.on("lost", (ending) => this.#onLost(ending));
    for (const response of [first, ...rest]) this.#onResponse(response);
    if (!client.isOpen && this.#client === client && !signal.aborted) {
      this.#fail(new ConnectError("serverUnreachable", "The server closed the connection at once"), false);
    }
  }

  // What the connection asks for

  publish(track: LocalTrack): void {
    this.#membership.local.publish(track);
  }

  unpublish(track: LocalTrack): void {
    this.#membership.local.unpublish(track);
  }

  localTrackMuted(track: LocalTrack): void {
    this.#membership.local.tellMuted(track);
  }

  /** Sends now, or once the signalling is back. */
  send(message: SignalMessage): void {
    if (this.#phase !== "closed") this.#outbox.send(message);
  }

  async sendData(kind: DataKind, data: Uint8Array): Promise<void> {
    if (!this.#media) throw new TroupeError("CLOSED", "The data channels are not open");
    await this.#media.data.send(kind, data);
  }

  getStats(): StatsEntry[] {
    return this.#media?.getStats() ?? [];
  }

  getRtcStats(): RtcStats | undefined {
    return this.#media?.getRtcStats();
  }

  /** Lets what the data channels took go out, then tells the server. */
  async leave(): Promise<{ code: number; reason: string }> {
    this.#phase = "leaving";
    await this.#media?.data.drain(DRAIN_MS, this.#context.clock);
    this.#client?.leave(DisconnectReason.CLIENT_INITIATED);
    return { code: DisconnectReason.CLIENT_INITIATED, reason: "clientInitiated" };
  }

  /** The actor stopped listening: what a resume needs stays, everything else goes. */
  suspend(): void {
    if (!this.canResume) {
      this.close();
      return;
    }
    this.#stop.abort();
    this.#client?.close();
    this.#report = () => {};
  }

  /** Ends it with another one to follow at once: nothing stays attached to what it carried. */
  abandon(): void {
    this.#membership.detach();
    this.close();
  }

  close(): void {
    if (this.#phase === "closed") return;
    // While it reconnects nobody calls leave(): without a word the server would keep us for its timeout.
    if (this.isJoined && this.#client?.isOpen) this.#client.leave(DisconnectReason.CLIENT_INITIATED);
    this.#phase = "closed";
    this.#stop.abort();
    this.#mender.stop();
    this.#client?.close();
    this.#media?.close();
    this.#outbox.clear();
  }

  // What the server says

  #onResponse(response: SignalResponse): void {
    if (this.#phase === "closed" || this.#phase === "lost" || this.#phase === "leaving") return;
    this.#mender.heard();
    const { message } = response;
    switch (message.case) {
      case "join":
        this.#onJoin(message.value);
        return;
      case "reconnect":
        this.#onReconnect(message.value);
        return;
      case "answer":
        if (this.#media?.acceptAnswer(message.value)) this.#mender.answered();
        return;
      case "offer":
        this.#media?.acceptOffer(message.value);
        return;
      case "trickle":
        this.#media?.addRemoteCandidate(message.value);
        return;
      case "mediaSectionsRequirement":
        this.#media?.requireSections(message.value.numAudios);
        return;
      case "leave":
        this.#onLeave(message.value);
        return;
      default:
        this.#membership.receive(response);
    }
  }

  #onJoin(join: JoinResponse): void {
    if (this.#media) {
      this.#context.ignored("a second join");
      return;
    }
    this.#client?.startPings(join.pingInterval * 1000, join.pingTimeout * 1000);
    this.#membership.join(join);
    try {
      this.#membership.start(this.#createMedia(join));
    } catch (error) {
      this.#fail(error, isPermanent(error));
    }
  }

  #createMedia(join: JoinResponse): MediaPath {
    const { room, host } = this.#context;
    this.#media = createMedia(this.#context, join, {
      send: (message) => this.send(message),
      negotiated: () => this.#onNegotiated(),
      state: (state, reason) => this.#onTransportState(state, reason),
      liveness: (state) => this.#onLiveness(state),
      pathLost: () => this.#onPathLost(),
      senderReady: (track, sender, target) => {
        room.encrypt(track, target);
        host.senderReady(track.id, sender);
      },
      senderGone: (track) => host.senderGone(track.id),
      receiverReady: (sid, receiver, target) => this.#membership.receiverReady(sid, receiver, target),
      receiverGone: (sid) => this.#membership.receiverGone(sid),
      data: (kind, data) => room.receive(kind, data),
      dataOpen: () => room.dataOpen(),
      failed: (error) => this.#fail(error, false),
    });
    return this.#media;
  }

  #onLeave(leave: LeaveRequest): void {
    const reason = disconnectReasonOf(leave.reason);
    // Only who joins anew may do so elsewhere.
    if (leave.action !== LeaveRequest_Action.RESUME)
      this.#context.addresses.redirect(leave.regions?.regions ?? []);
    switch (leave.action) {
      case LeaveRequest_Action.RESUME:
        if (this.#phase === "joined") this.#lose(ReconnectReason.RR_UNKNOWN, leave.reason, reason);
        else if (this.#phase === "resuming") this.#resumeOnceMore();
        else this.#fail(new ConnectError("left", `The server ended the join: ${reason}`), false);
        return;
      case LeaveRequest_Action.RECONNECT:
        this.#fail(new ConnectError("left", `The server asks us to join anew: ${reason}`), false);
        return;
      default:
        if (leave.canReconnect)
          this.#fail(new ConnectError("left", `The server let go of us: ${reason}`), false);
        else this.#tell({ type: "remote.closed", code: leave.reason, reason });
    }
  }

  // Joining

  #onNegotiated(): void {
    if (this.#phase !== "negotiating") return;
    this.#phase = "securing";
    this.#tell({ type: "negotiated" });
    this.#mayJoin();
  }

  #onTransportState(state: string, reason: string): void {
    if (this.#phase === "closed" || this.#phase === "leaving") return;
    if (state === "connected") {
      if (!this.#connected) this.#tell({ type: "transport.connected" });
      this.#connected = true;
      this.#mayJoin();
      // Found again before it was missed: no change of liveness tells that.
      if (this.#media?.liveness === "flowing") this.#onLiveness("flowing");
    } else if (state === "failed" && this.#connected) this.#mend();
    else if (state === "failed") this.#tell({ type: "transport.lost", reason: reason || "ICE failed" });
  }

  #mayJoin(): void {
    if (this.#phase !== "securing" || !this.#connected) return;
    this.#phase = "joined";
    this.#tell({ type: "joined" });
  }

  // Losses

  #onLost(ending: SocketEnding): void {
    if (this.#phase === "leaving" || this.#phase === "lost") return;
    const reason = ending.error?.message || ending.reason || "the signalling connection was lost";
    if (this.#phase === "joined") this.#lose(ReconnectReason.RR_SIGNAL_DISCONNECTED, ending.code, reason);
    else if (this.#phase === "resuming") this.#resumeOnceMore();
    else this.#tell({ type: "signalling.lost", code: 0, reason });
  }

  /** The signalling is gone or of no use; media goes on by itself. */
  #lose(reason: ReconnectReason, code: number, text: string): void {
    this.#phase = "lost";
    this.#reason = reason;
    this.#mender.stop();
    this.#letGo();
    this.#tell({ type: "signalling.lost", code, reason: text });
  }

  /** The server took a resume and ends it: it does so when it gives a media path up, to have another. */
  #resumeOnceMore(): void {
    this.#letGo();
    this.#cutResumes += 1;
    void this.#dialResume(this.#cutResumes);
  }

  #letGo(): void {
    this.#outbox.hold();
    this.#media?.hold();
    this.#client?.close();
    this.#client = undefined;
  }

  #onReconnect(reconnect: ReconnectResponse): void {
    const media = this.#media;
    if (this.#phase !== "resuming" || !media) return;
    this.#isResumeFresh = true;
    this.#client?.startPings(0, 0);
    this.#client?.send({ case: "syncState", value: this.#membership.syncState(media) });
    this.#context.room.resumed(reconnect);
    this.#outbox.release();
    // The state of the path is believed only where packets came of late.
    if (media.isConnected && media.liveness === "flowing") {
      this.#resumed();
      media.reoffer();
    } else if (this.#mender.isMending) this.#restartMedia();
    else this.#mend();
  }

  #resumed(): void {
    this.#phase = "joined";
    this.#tell({ type: "joined" });
  }

  // A dead media path

  #onLiveness(state: "flowing" | "stalled"): void {
    if (this.#phase === "closed" || this.#phase === "leaving") return;
    if (state === "stalled") {
      if (this.#phase === "joined" || this.#phase === "resuming") this.#mend();
      return;
    }
    const wasMending = this.#mender.isMending;
    this.#mender.stop();
    if (this.#phase === "resuming" && this.#client?.isOpen && wasMending) this.#resumed();
    else if (this.#phase === "joined" && wasMending) this.#tell({ type: "media.flowing" });
  }

  /** What goes by WebSocket went by the same address most likely, and would not be told that it is dead. */
  #onPathLost(): void {
    if (this.#phase === "joined") this.#lose(ReconnectReason.RR_UNKNOWN, 0, "the network changed");
  }

  /** Restarts ICE until packets come again; when that takes too long the connection resumes or joins anew. */
  #mend(): void {
    if (this.#mender.isMending || !this.#client?.isOpen) return;
    if (this.#phase === "joined" && this.#media?.needsResume) {
      // Another reason would have the server leave UDP for good after a second failure.
      this.#lose(ReconnectReason.RR_UNKNOWN, 0, "no packet came any more");
      return;
    }
    if (!this.#media?.needsResume) this.#reason = ReconnectReason.RR_PUBLISHER_FAILED;
    if (this.#phase === "joined") this.#tell({ type: "media.stalled" });
    this.#mender.start();
  }

  #restartMedia(): void {
    const isServersTurn = this.#media?.needsResume && !this.#isResumeFresh;
    if (!isServersTurn) this.#media?.restart();
    // The one that is under way may still bring it.
    else if (this.#client?.isOpen) {
      this.#letGo();
      void this.#dialResume(0);
    }
    this.#isResumeFresh = false;
  }

  #onUnmended(): void {
    if (this.#phase === "joined") this.#lose(this.#reason, 0, "no packet came any more");
    else this.#fail(new ConnectError("transport", "The media path did not come back"), false);
  }

  #fail(error: unknown, permanent: boolean): void {
    if (this.#phase === "closed" || this.#phase === "leaving") return;
    const wrapped = TroupeError.from("NEGOTIATION_FAILED", error);
    this.#tell({ type: "attempt.failed", error: wrapped, permanent });
  }

  #tell(event: DriverEvent): void {
    if (this.#phase !== "closed") this.#report(event);
  }
}
