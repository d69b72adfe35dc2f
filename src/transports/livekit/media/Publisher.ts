import { type AddTrackRequest, type SessionDescription, SignalTarget } from "@livekit/protocol";
import type { LocalTrack } from "../../../connection/index.ts";
import type { EngineSender } from "../../../media/index.ts";
import type { SdpCodec, Session, Transceiver } from "../../../webrtc/index.ts";
import type { TransformTarget } from "../e2ee/index.ts";
import { isHidden, trickleOf, withoutHidden } from "./candidates.ts";
import type { MediaListener, MediaParts, RtcConfiguration } from "./MediaPath.ts";
import { OfferExchange } from "./OfferExchange.ts";

type Transform = Parameters<TransformTarget["setTransform"]>[0];

interface Published {
  track: LocalTrack;
  transceiver: Transceiver;
  sender: EngineSender | null;
  request: AddTrackRequest;
}

/** The peer connection on which we offer, and what we send on it. */
export class Publisher {
  readonly #session: Session;
  readonly #listener: MediaListener;
  readonly #configuration: RtcConfiguration;
  readonly #exchange: OfferExchange;
  readonly #published = new Map<LocalTrack, Published>();
  #started = false;
  #waitsForCandidates = false;
  #negotiated = false;
  #closed = false;

  /** @param answered each answer, before anybody is told that the offer is answered. */
  constructor(
    session: Session,
    listener: MediaListener,
    { clock, log, configuration }: MediaParts,
    answered: (answer: SessionDescription) => void = () => {},
  ) {
    this.#session = session;
    this.#listener = listener;
    this.#configuration = configuration;
    this.#exchange = new OfferExchange(session, clock, {
      shown: (sdp) => withoutHidden(sdp, configuration),
      offer: (offer) => listener.send({ case: "offer", value: offer }),
      answered: (answer) => {
        this.#settle();
        answered(answer);
      },
      failed: (error) => listener.failed(error),
    });
    session.events.on("candidate", (candidate, mid) => this.#tellCandidate(candidate, mid));
    session.events.on("error", (error) => log.warn("a session failed at something", { error }));
  }

  get descriptions() {
    return this.#exchange.descriptions;
  }

  /** Makes the first offer, now or once its candidates are known. */
  start(): void {
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

  negotiate(): void {
    if (this.#started && !this.#closed) this.#exchange.negotiate();
  }

  restart(): void {
    if (!this.#closed) this.#exchange.restart();
  }

  hold(): void {
    this.#exchange.hold();
  }

  reoffer(): void {
    if (!this.#closed) this.#exchange.reoffer();
  }

  acceptAnswer(answer: SessionDescription): boolean {
    if (this.#closed || !this.#exchange.accept(answer)) return false;
    if (!this.#negotiated) {
      this.#negotiated = true;
      this.#listener.negotiated();
    }
    return true;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#exchange.close();
    this.#session.close();
  }

  #tellCandidate(candidate: string, mid: string): void {
    if (candidate === "") this.#startGathered();
    if (candidate !== "" && isHidden(candidate, this.#configuration)) return;
    this.#listener.send({ case: "trickle", value: trickleOf(candidate, mid, SignalTarget.PUBLISHER) });
  }

  #startGathered(): void {
    if (this.#started || !this.#waitsForCandidates) return;
    this.#waitsForCandidates = false;
    this.#started = true;
    this.negotiate();
  }

  /** Hands over what an answer made. */
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
  }
}
