import {
  type AddTrackRequest,
  DataChannelInfo,
  type SessionDescription,
  type TrickleRequest,
} from "@livekit/protocol";
import type { LocalTrack, StatsEntry } from "../../../connection/index.ts";
import { OPUS, RED, type SdpCodec, type Session, type Transceiver } from "../../../webrtc/index.ts";
import { DataPath } from "../DataPath.ts";
import { candidateOf } from "./candidates.ts";
import type { MediaListener, MediaParts, MediaPath, RtcStats } from "./MediaPath.ts";
import { Publisher } from "./Publisher.ts";
import { ReceivedTracks } from "./ReceivedTracks.ts";
import { splitByDirection } from "./stats.ts";

/** How many m-lines of others we hold at most, whatever the server asks for. */
const MAXIMUM_RECEIVE_LINES = 500;

/**
 * The one peer connection of LiveKit's single form: we offer for both directions, the server answers and says
 * which m-line brings which of its tracks.
 */
export class SingleConnectionMedia implements MediaPath {
  readonly data: DataPath;
  readonly needsResume = false;
  readonly #session: Session;
  readonly #publisher: Publisher;
  readonly #received: ReceivedTracks;
  readonly #lines: Transceiver[] = [];

  constructor(session: Session, listener: MediaListener, parts: MediaParts) {
    this.#session = session;
    this.#received = new ReceivedTracks(listener);
    this.#publisher = new Publisher(session, listener, parts, ({ midToTrackId }) =>
      this.#received.settle(this.#lines, ({ mid }) => midToTrackId[mid]),
    );
    this.data = new DataPath({
      message: (kind, data) => listener.data(kind, data),
      open: () => listener.dataOpen(),
    });
    session.events.on("state", (state, reason) => listener.state(state, reason));
    session.events.on("liveness", (state) => listener.liveness(state));
    session.events.on("network", (isPathLost) => isPathLost && listener.pathLost());
    session.events.on("channel", (channel) => this.data.listen(channel));
  }

  get liveness(): "flowing" | "stalled" {
    return this.#session.liveness;
  }

  get isConnected(): boolean {
    return this.#session.transport.state === "connected";
  }

  get descriptions() {
    return this.#publisher.descriptions;
  }

  get channels(): DataChannelInfo[] {
    return this.data.info.map(({ label, id }) => new DataChannelInfo({ label, id }));
  }

  start(tracks: number): void {
    this.data.start(this.#session);
    this.#addReceiveLines(tracks);
    this.#publisher.start();
  }

  publish(track: LocalTrack, codecs: SdpCodec[], request: (cid: string) => AddTrackRequest): void {
    this.#publisher.publish(track, codecs, request);
  }

  unpublish(track: LocalTrack): void {
    this.#publisher.unpublish(track);
  }

  cidOf(track: LocalTrack): string | undefined {
    return this.#publisher.cidOf(track);
  }

  trackOfCid(cid: string): LocalTrack | undefined {
    return this.#publisher.trackOfCid(cid);
  }

  requireSections(audios: number): void {
    this.#addReceiveLines(audios);
    this.#publisher.negotiate();
  }

  restart(): void {
    this.#publisher.restart();
  }

  hold(): void {
    this.#publisher.hold();
  }

  reoffer(): void {
    this.#publisher.reoffer();
  }

  acceptAnswer(answer: SessionDescription): boolean {
    return this.#publisher.acceptAnswer(answer);
  }

  /** The server offers nothing in this form. */
  acceptOffer(): void {}

  addRemoteCandidate(trickle: TrickleRequest): void {
    const candidate = candidateOf(trickle);
    if (candidate) this.#session.addRemoteCandidate(candidate);
  }

  getStats(): StatsEntry[] {
    return this.#session.getStats().map((entry) => ({ ...entry }));
  }

  getRtcStats(): RtcStats {
    return splitByDirection(this.getStats());
  }

  close(): void {
    this.data.close();
    this.#publisher.close();
  }

  #addReceiveLines(count: number): void {
    if (this.#session.closed) return;
    const room = Math.max(0, MAXIMUM_RECEIVE_LINES - this.#lines.length);
    for (let added = 0; added < Math.min(count, room); added++) {
      this.#lines.push(
        this.#session.addTransceiver({ kind: "audio", direction: "recvonly", codecs: [OPUS, RED] }),
      );
    }
  }
}
