import type { RemoteTrackInfo, TrackState } from "../actors/index.ts";
import { TroupeError, TypedEvents } from "../core/index.ts";
import {
  type AudioProducer,
  type FrameTransform,
  type ProducerEvents,
  requireTransform,
  TransformSlot,
} from "../media/index.ts";
import type { TrackReceiver } from "./transport.ts";

/** What a {@link RemoteTrack} reports. */
export type RemoteTrackEvents = {
  state: [state: TrackState];
  /** Its audio comes (again). */
  live: [];
  muted: [];
  /** No packet came for a while: the sender is silent or away. */
  stalled: [];
  /** The connection was lost; it comes back under the same key or ends after a deadline. */
  detached: [];
  ended: [];
};

/** What somebody else sends. Sinks, mixers and senders follow it over reconnects. */
export class RemoteTrack extends TypedEvents<RemoteTrackEvents> implements AudioProducer {
  /** Stable over reconnects. */
  readonly key: string;
  readonly kind: "audio" | "video";
  /** Who sends it, in the transport's own terms (Sora: connection_id). */
  readonly senderId: string;
  readonly producerEvents = new TypedEvents<ProducerEvents>();
  readonly #onFlow: (state: "flowing" | "stalled") => void;
  readonly #transform = new TransformSlot("incoming");
  readonly #requireTransformable: () => void;
  #state: TrackState = "subscribing";
  #receiver: TrackReceiver | null = null;
  #offFlow: (() => void) | undefined;

  /** For the connection. `onFlow` tells its actor what the engine sees of the packets. */
  constructor(
    info: RemoteTrackInfo,
    onFlow: (state: "flowing" | "stalled") => void,
    requireTransformable: () => void = () => {},
  ) {
    super();
    this.key = info.key;
    this.kind = info.kind;
    this.senderId = info.senderId;
    this.#onFlow = onFlow;
    this.#requireTransformable = requireTransformable;
  }

  get state(): TrackState {
    return this.#state;
  }

  get producer(): TrackReceiver | null {
    return this.#receiver;
  }

  get producerEnded(): boolean {
    return this.#state === "ended";
  }

  /** What its encoded frames pass; null when nothing. */
  get transform(): FrameTransform | null {
    return this.#transform.transform;
  }

  /**
   * What its encoded frames pass from now on before they are decoded, over reconnects too; null: nothing. Frames come
   * only while somebody listens to the track.
   *
   * @throws TroupeError INVALID_OPTION when it is no transform, CLOSED when it is closed, INVALID_STATE when the
   * connection encrypts frames by itself, or when it is no audio.
   */
  setTransform(transform: FrameTransform | null): void {
    this.#requireTransformable();
    requireTransform(transform, "transform");
    if (this.kind !== "audio") throw new TroupeError("INVALID_STATE", "Only audio frames are transformed");
    if (this.#state !== "ended") this.#transform.set(transform);
  }

  /** For the connection: its own transform is the track's. */
  inheritTransform(transform: FrameTransform | null): void {
    if (this.kind === "audio") this.#transform.set(transform);
  }

  /** For the connection: `receiver` brings it from now on, or nothing does. */
  attach(receiver: TrackReceiver | null): void {
    if (receiver === this.#receiver) return;
    this.#offFlow?.();
    this.#transform.attach(receiver);
    this.#receiver = receiver;
    this.#offFlow = receiver?.events.on("flow", (state) => {
      this.#onFlow(state);
      this.producerEvents.emit("flow", state);
    });
    this.producerEvents.emit("changed", receiver);
  }

  /** For the connection: its actor moved. */
  setState(state: TrackState): void {
    if (state === this.#state || this.#state === "ended") return;
    if (state === "ended") this.attach(null);
    this.#state = state;
    this.emit("state", state);
    if (state !== "subscribing" && state !== "publishing") this.emit(state);
    if (state !== "ended") return;
    this.producerEvents.emit("ended");
    this.producerEvents.removeAllListeners();
  }
}
