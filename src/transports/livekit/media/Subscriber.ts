import { SessionDescription, SignalTarget } from "@livekit/protocol";
import { TroupeError } from "../../../core/index.ts";
import type { Session, Transceiver } from "../../../webrtc/index.ts";
import { isHidden, trickleOf, withoutHidden } from "./candidates.ts";
import type { MediaListener, MediaParts, RtcConfiguration } from "./MediaPath.ts";
import { ReceivedTracks } from "./ReceivedTracks.ts";

/** The peer connection on which the server offers what others send. */
export class Subscriber {
  readonly #session: Session;
  readonly #listener: MediaListener;
  readonly #configuration: RtcConfiguration;
  readonly #received: ReceivedTracks;
  #lastOffer: SessionDescription | undefined;
  #lastAnswer: SessionDescription | undefined;

  constructor(session: Session, listener: MediaListener, { log, configuration }: MediaParts) {
    this.#session = session;
    this.#listener = listener;
    this.#configuration = configuration;
    this.#received = new ReceivedTracks(listener);
    session.events.on("candidate", (candidate, mid) => this.#tellCandidate(candidate, mid));
    session.events.on("error", (error) => log.warn("a session failed at something", { error }));
  }

  /** Whether the server has offered anything. */
  get isOffered(): boolean {
    return this.#lastOffer !== undefined;
  }

  get descriptions(): { offer: SessionDescription | undefined; answer: SessionDescription | undefined } {
    return { offer: this.#lastOffer, answer: this.#lastAnswer };
  }

  acceptOffer(offer: SessionDescription): void {
    if (this.#session.closed) return;
    try {
      // Nothing here decodes video yet.
      const sdp = this.#session.acceptOffer(offer.sdp, ({ kind }) => ({ receive: kind === "audio" }));
      const shown = withoutHidden(sdp, this.#configuration);
      const answer = new SessionDescription({ type: "answer", sdp: shown, id: offer.id });
      this.#lastOffer = offer;
      this.#lastAnswer = answer;
      this.#listener.send({ case: "answer", value: answer });
    } catch (error) {
      this.#listener.failed(TroupeError.from("NEGOTIATION_FAILED", error));
      return;
    }
    this.#received.settle(this.#session.transceivers, trackSidOf);
  }

  close(): void {
    this.#session.close();
  }

  #tellCandidate(candidate: string, mid: string): void {
    if (candidate !== "" && isHidden(candidate, this.#configuration)) return;
    this.#listener.send({ case: "trickle", value: trickleOf(candidate, mid, SignalTarget.SUBSCRIBER) });
  }
}

/**
 * The server's stream ids are the participant's sid, `|`, and the track's sid or, for tracks that are played in
 * step, the stream's name; the track id is the track's sid.
 */
function trackSidOf({ remoteStreamId, remoteTrackId }: Transceiver): string | undefined {
  const [, packed = ""] = remoteStreamId.split("|");
  if (packed.startsWith("TR_")) return packed;
  return remoteTrackId || undefined;
}
