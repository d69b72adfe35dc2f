import { type AddTrackRequest, SessionDescription, SignalTarget, TrickleRequest } from "@livekit/protocol";
import type { LocalTrack, StatsEntry } from "../../connection/index.ts";
import { type Clock, type Logger, TroupeError } from "../../core/index.ts";
import type { EngineReceiver, EngineSender } from "../../media/index.ts";
import { OPUS, RED, type SdpCodec, type Session, type Transceiver } from "../../webrtc/index.ts";
import { type DataKind, DataPath } from "./DataPath.ts";
import type { TransformTarget } from "./e2ee/index.ts";
import type { LiveKitSettings } from "./options.ts";
import type { SignalMessage } from "./signal/SignalClient.ts";

/** How long an answer may take, in ms. */
const ANSWER_MS = 15_000;
/** How many m-lines of others we hold at most, whatever the server asks for. */
const MAXIMUM_RECEIVE_LINES = 500;

/** What a media session tells its owner. */
export interface MediaListener {
  send(message: SignalMessage): void;
  /** The first offer is answered. */
  negotiated(): void;
  state(state: string, reason: string): void;
  liveness(state: "flowing" | "stalled"): void;
  /** It has no producer yet: what encrypts it is set first. */
  senderReady(track: LocalTrack, sender: EngineSender, target: TransformTarget): void;
  senderGone(track: LocalTrack): void;
  /** `receiver` brings the server's track of this sid from now on. */
  receiverReady(trackSid: string, receiver: EngineReceiver, target: TransformTarget): void;
  receiverGone(trackSid: string): void;
  data(kind: DataKind, data: Buffer): void;
  dataOpen(): void;
  failed(error: TroupeError): void;
}

type Transform = Parameters<TransformTarget["setTransform"]>[0];

interface Published {
  track: LocalTrack;
  transceiver: Transceiver;
  sender: EngineSender | null;
  request: AddTrackRequest;
}

/**
 * The one peer connection of LiveKit's single form: we offer for both directions, the server answers and says
 * which m-line brings which of its tracks.
 */
export class MediaSession {
  readonly data: DataPath;
  readonly #session: Session;
  readonly #listener: MediaListener;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #configuration: LiveKitSettings["rtcConfiguration"];
  readonly #published = new Map<LocalTrack, Published>();
  readonly #lines: Transceiver[] = [];
  readonly #received = new Map<Transceiver, { sid: string; receiver: EngineReceiver }>();
  #midToTrack: Record<string, string> = {};
  #offerId = 0;
  #offerTimer: unknown;
  /** Whether something changed since the offer that is under way. */
  #again = false;
  #started = false;
  #waitsForCandidates = false;
  #negotiated = false;
  #closed = false;
  #lastOffer: SessionDescription | undefined;
  #lastAnswer: SessionDescription | undefined;

  constructor(
    session: Session,
    listener: MediaListener,
    parts: { clock: Clock; log: Logger; configuration: LiveKitSettings["rtcConfiguration"] },
  ) {
    this.#session = session;
    this.#listener = listener;
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#configuration = parts.configuration;
    this.data = new DataPath({
      message: (kind, data) => listener.data(kind, data),
      open: () => listener.dataOpen(),
    });
    session.events.on("candidate", (candidate, mid) => this.#sendCandidate(candidate, mid));
    session.events.on("state", (state, reason) => listener.state(state, reason));
    session.events.on("liveness", (state) => listener.liveness(state));
    session.events.on("channel", (channel) => this.data.listen(channel));
    session.events.on("error", (error) => this.#log.warn("a session failed at something", { error }));
  }

  get liveness(): "flowing" | "stalled" {
    return this.#session.liveness;
  }

  get transportState(): string {
    return this.#session.transport.state;
  }

  /** What SyncState carries of the last exchange. */
  get descriptions(): { offer: SessionDescription | undefined; answer: SessionDescription | undefined } {
    return { offer: this.#lastOffer, answer: this.#lastAnswer };
  }

  /** Makes the data channels and room for `tracks` that others send already, and offers. */
  start(tracks: number): void {
    this.data.start(this.#session);
    this.#addReceiveLines(tracks);
    if (this.#configuration.continualGatheringPolicy === "once" && !this.#session.gathered) {
      this.#waitsForCandidates = true;
      // Its first call begins to gather; candidates are told once there is a description that they belong to.
      this.#session.createOffer();
      return;
    }
    this.#started = true;
    this.negotiate();
  }

  /** Announces a track of ours and offers it. */
  publish(track: LocalTrack, codecs: SdpCodec[], request: (cid: string) => AddTrackRequest): void {
    if (this.#closed || this.#published.has(track)) return;
    const details = request("");
    const transceiver = this.#session.addTransceiver({
      kind: "audio",
      direction: "sendonly",
      streamId: details.stream || "-",
      codecs,
      opus: track.opus,
    });
    const announced = request(transceiver.trackId);
    this.#published.set(track, { track, transceiver, sender: null, request: announced });
    this.#listener.send({ case: "addTrack", value: announced });
    this.negotiate();
  }

  unpublish(track: LocalTrack): void {
    const published = this.#published.get(track);
    if (!published || this.#closed) return;
    this.#published.delete(track);
    if (published.sender) this.#listener.senderGone(track);
    this.#session.removeTransceiver(published.transceiver);
    this.negotiate();
  }

  /** The cid under which a track was announced. */
  cidOf(track: LocalTrack): string | undefined {
    return this.#published.get(track)?.request.cid;
  }

  trackOfCid(cid: string): LocalTrack | undefined {
    return [...this.#published.values()].find(({ request }) => request.cid === cid)?.track;
  }

  /** The server wants that many more m-lines to send on, and an offer in any case. */
  requireSections(audios: number): void {
    this.#addReceiveLines(audios);
    this.negotiate();
  }

  /** Offers, now or once the offer under way is answered. */
  negotiate(): void {
    if (this.#closed || !this.#started) return;
    if (this.#offerTimer !== undefined) this.#again = true;
    else this.#offer(false);
  }

  /** Offers with new ICE credentials at once, in place of an offer that the server may never have seen. */
  restart(): void {
    if (this.#closed) return;
    this.#clock.clearTimeout(this.#offerTimer);
    this.#offerTimer = undefined;
    this.#again = false;
    this.#offer(true);
  }

  /** An offer that was under way when the signalling broke is made again. */
  reoffer(): void {
    if (this.#closed || this.#offerTimer === undefined) return;
    this.#clock.clearTimeout(this.#offerTimer);
    this.#offerTimer = undefined;
    this.#again = false;
    this.#offer(false);
  }

  /** False for one that is of no use: to an earlier offer, or one that cannot be read. */
  acceptAnswer(answer: SessionDescription): boolean {
    if (this.#closed || this.#offerTimer === undefined) return false;
    if (answer.id !== 0 && answer.id !== this.#offerId) return false;
    this.#clock.clearTimeout(this.#offerTimer);
    this.#offerTimer = undefined;
    try {
      this.#session.acceptAnswer(answer.sdp);
    } catch (error) {
      this.#listener.failed(TroupeError.from("NEGOTIATION_FAILED", error));
      return false;
    }
    this.#lastAnswer = answer;
    this.#midToTrack = answer.midToTrackId;
    this.#settle();
    const again = this.#again;
    this.#again = false;
    if (again) this.#offer(false);
    if (this.#negotiated) return true;
    this.#negotiated = true;
    this.#listener.negotiated();
    return true;
  }

  addRemoteCandidate(trickle: TrickleRequest): void {
    const candidate = candidateOf(trickle.candidateInit);
    if (candidate) this.#session.addRemoteCandidate(candidate);
  }

  getStats(): StatsEntry[] {
    return this.#session.getStats().map((entry) => ({ ...entry }));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#clock.clearTimeout(this.#offerTimer);
    this.data.close();
    this.#session.close();
  }

  #addReceiveLines(count: number): void {
    const room = Math.max(0, MAXIMUM_RECEIVE_LINES - this.#lines.length);
    for (let added = 0; added < Math.min(count, room); added++) {
      this.#lines.push(
        this.#session.addTransceiver({ kind: "audio", direction: "recvonly", codecs: [OPUS, RED] }),
      );
    }
  }

  #offer(iceRestart: boolean): void {
    this.#offerId += 1;
    const sdp = this.#withoutHidden(this.#session.createOffer({ iceRestart }));
    const offer = new SessionDescription({ type: "offer", sdp, id: this.#offerId });
    this.#lastOffer = offer;
    this.#offerTimer = this.#clock.setTimeout(() => {
      this.#listener.failed(new TroupeError("NEGOTIATION_FAILED", `No answer came within ${ANSWER_MS} ms`));
    }, ANSWER_MS);
    this.#listener.send({ case: "offer", value: offer });
  }

  #sendCandidate(candidate: string, mid: string): void {
    if (candidate === "") this.#startGathered();
    if (candidate !== "" && this.#isHidden(candidate)) return;
    const candidateInit = JSON.stringify({ candidate, sdpMid: mid, sdpMLineIndex: 0 });
    const value = new TrickleRequest({
      candidateInit,
      target: SignalTarget.PUBLISHER,
      final: candidate === "",
    });
    this.#listener.send({ case: "trickle", value });
  }

  /** Whether the server is not to learn this candidate. */
  #isHidden(candidate: string): boolean {
    return this.#configuration.iceTransportType === "noHost" && / typ host( |$)/.test(candidate);
  }

  #withoutHidden(sdp: string): string {
    const isKept = (line: string) => !line.startsWith("a=candidate:") || !this.#isHidden(line);
    return sdp.split("\r\n").filter(isKept).join("\r\n");
  }

  #startGathered(): void {
    if (this.#started || !this.#waitsForCandidates) return;
    this.#waitsForCandidates = false;
    this.#started = true;
    this.negotiate();
  }

  /** Hands over what the answer made. */
  #settle(): void {
    for (const published of this.#published.values()) {
      const { sender } = published.transceiver;
      if (sender === published.sender) continue;
      published.sender = sender;
      const { transceiver } = published;
      const target = { setTransform: (it: Transform) => transceiver.setSenderTransform(it) };
      if (sender) this.#listener.senderReady(published.track, sender, target);
      else this.#listener.senderGone(published.track);
    }
    for (const [transceiver, { sid, receiver }] of [...this.#received]) {
      if (transceiver.receiver === receiver && this.#sidOf(transceiver) === sid) continue;
      this.#received.delete(transceiver);
      this.#listener.receiverGone(sid);
    }
    for (const transceiver of this.#lines) {
      const { receiver } = transceiver;
      const sid = this.#sidOf(transceiver);
      if (!receiver || !sid || this.#received.has(transceiver)) continue;
      this.#received.set(transceiver, { sid, receiver });
      const target = { setTransform: (it: Transform) => transceiver.setReceiverTransform(it) };
      this.#listener.receiverReady(sid, receiver, target);
    }
  }

  #sidOf(transceiver: Transceiver): string | undefined {
    return this.#midToTrack[transceiver.mid];
  }
}

function candidateOf(candidateInit: string): string | undefined {
  try {
    const init: unknown = JSON.parse(candidateInit);
    const candidate = (init as { candidate?: unknown } | null)?.candidate;
    return typeof candidate === "string" ? candidate : undefined;
  } catch {
    return undefined;
  }
}
