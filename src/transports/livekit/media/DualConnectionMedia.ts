import {
  type AddTrackRequest,
  DataChannelInfo,
  type SessionDescription,
  SignalTarget,
  type TrickleRequest,
} from "@livekit/protocol";
import type { LocalTrack, StatsEntry } from "../../../connection/index.ts";
import type { SdpCodec, Session } from "../../../webrtc/index.ts";
import { DataPath } from "../DataPath.ts";
import { candidateOf } from "./candidates.ts";
import type { MediaListener, MediaParts, MediaPath, RtcStats } from "./MediaPath.ts";
import { Publisher } from "./Publisher.ts";
import { Subscriber } from "./Subscriber.ts";
import { mergeStats } from "./stats.ts";

/** The two sessions of the form with two peer connections. */
export interface SessionPair {
  /** An offerer. */
  publisher: Session;
  /** An answerer. */
  subscriber: Session;
}

/**
 * The two peer connections of LiveKit's older form: on the publisher we offer and send tracks and data, on the
 * subscriber the server offers and sends them. The server alone can restart ICE on the subscriber, which it does
 * at each resume.
 */
export class DualConnectionMedia implements MediaPath {
  readonly data: DataPath;
  readonly needsResume = true;
  readonly #sessions: SessionPair;
  readonly #listener: MediaListener;
  readonly #publisher: Publisher;
  readonly #subscriber: Subscriber;
  readonly #subscriberFirst: boolean;
  #liveness: "flowing" | "stalled" = "flowing";

  /** @param subscriberFirst whether the server offers the subscriber at once, whatever there is to send. */
  constructor(sessions: SessionPair, listener: MediaListener, parts: MediaParts, subscriberFirst: boolean) {
    this.#sessions = sessions;
    this.#listener = listener;
    this.#subscriberFirst = subscriberFirst;
    this.#publisher = new Publisher(sessions.publisher, listener, parts);
    this.#subscriber = new Subscriber(sessions.subscriber, listener, parts);
    this.data = new DataPath({
      message: (kind, data) => listener.data(kind, data),
      open: () => listener.dataOpen(),
    });
    sessions.subscriber.events.on("channel", (channel) => this.data.listen(channel));
    for (const session of [sessions.publisher, sessions.subscriber]) {
      session.events.on("state", (state, reason) => this.#onState(state, reason));
      session.events.on("liveness", () => this.#onLiveness());
      session.events.on("network", (isPathLost) => isPathLost && listener.pathLost());
    }
  }

  get liveness(): "flowing" | "stalled" {
    return this.#inUse.every(({ liveness }) => liveness === "flowing") ? "flowing" : "stalled";
  }

  get isConnected(): boolean {
    return this.#inUse.every(({ transport }) => transport.state === "connected");
  }

  get descriptions() {
    return this.#subscriber.descriptions;
  }

  get channels(): DataChannelInfo[] {
    return this.data.info.map(({ label, id }) => {
      return new DataChannelInfo({ label, id, target: SignalTarget.PUBLISHER });
    });
  }

  start(): void {
    this.data.start(this.#sessions.publisher);
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

  /** The server makes its own m-lines in this form. */
  requireSections(): void {}

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

  acceptOffer(offer: SessionDescription): void {
    this.#subscriber.acceptOffer(offer);
  }

  addRemoteCandidate(trickle: TrickleRequest): void {
    const { publisher, subscriber } = this.#sessions;
    const candidate = candidateOf(trickle);
    const session = trickle.target === SignalTarget.SUBSCRIBER ? subscriber : publisher;
    if (candidate) session.addRemoteCandidate(candidate);
  }

  getStats(): StatsEntry[] {
    return mergeStats(this.getRtcStats());
  }

  getRtcStats(): RtcStats {
    const { publisher, subscriber } = this.#sessions;
    return {
      publisherStats: publisher.getStats().map((entry) => ({ ...entry })),
      subscriberStats: subscriber.getStats().map((entry) => ({ ...entry })),
    };
  }

  close(): void {
    this.data.close();
    this.#publisher.close();
    this.#subscriber.close();
  }

  /** What has to be up: the subscriber from the server's first offer on, which may never come. */
  get #inUse(): Session[] {
    const { publisher, subscriber } = this.#sessions;
    return this.#subscriberFirst || this.#subscriber.isOffered ? [publisher, subscriber] : [publisher];
  }

  #onState(state: string, reason: string): void {
    if (state === "failed") this.#listener.state(state, reason);
    else if (state === "connected" && this.isConnected) this.#listener.state(state, reason);
  }

  #onLiveness(): void {
    const { liveness } = this;
    if (liveness === this.#liveness) return;
    this.#liveness = liveness;
    this.#listener.liveness(liveness);
  }
}
