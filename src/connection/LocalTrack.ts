import type { TrackState } from "../actors/index.ts";
import { TypedEvents } from "../core/index.ts";
import {
  type AudioProducer,
  type EngineProducer,
  type FrameTransform,
  type OpusParameters,
  requireTransform,
  TransformSlot,
} from "../media/index.ts";
import type { TrackSender } from "./transport.ts";

/** What a {@link LocalTrack} reports. */
export type LocalTrackEvents = {
  state: [state: TrackState];
  /** A sender carries it. */
  live: [];
  /** It is sent without sound. */
  muted: [];
  /** The connection was lost; it is sent again after the reconnect. */
  detached: [];
  /** It is not sent any more: taken back, its producer ended, or the connection is over. */
  ended: [];
};

/** Something that the user publishes on a connection. The producer stays the user's own. */
export class LocalTrack extends TypedEvents<LocalTrackEvents> {
  /** Unique in the process. */
  readonly id: string;
  readonly kind = "audio" as const;
  readonly source: AudioProducer;
  /** What the user asked the encoder for; a driver passes it to the sender that it makes. */
  readonly opus: Partial<OpusParameters>;
  /** What the transport's own `publish` was told besides, for its driver. */
  readonly options: object;
  readonly #unpublish: (track: LocalTrack) => void;
  readonly #onMuted: (muted: boolean) => void;
  readonly #transform = new TransformSlot("outgoing");
  #muted = false;
  readonly #requireTransformable: () => void;
  #state: TrackState = "publishing";
  #sender: TrackSender | null = null;
  #release: (() => void) | undefined;
  #offs: ((() => void) | undefined)[] = [];

  /** For Connection.publish. */
  constructor(
    id: string,
    source: AudioProducer,
    opus: Partial<OpusParameters>,
    unpublish: (track: LocalTrack) => void,
    onMuted: (muted: boolean) => void = () => {},
    options: object = {},
    requireTransformable: () => void = () => {},
  ) {
    super();
    this.id = id;
    this.source = source;
    this.opus = opus;
    this.#unpublish = unpublish;
    this.#onMuted = onMuted;
    this.options = options;
    this.#requireTransformable = requireTransformable;
    this.#offs = [
      source.producerEvents?.on("changed", (producer) => this.#setProducer(producer)),
      source.producerEvents?.on("ended", () => this.unpublish()),
    ];
  }

  get state(): TrackState {
    return this.#state;
  }

  /** The engine's sender that carries it now; null while there is none. */
  get sender(): TrackSender | null {
    return this.#sender;
  }

  /** Whether it is sent without sound. */
  get muted(): boolean {
    return this.#muted;
  }

  /** Sends nothing of the source, or sends it again; the track stays published. */
  setMuted(muted: boolean): void {
    if (muted === this.#muted || this.#state === "ended") return;
    this.#muted = muted;
    this.#setProducer(this.source.producer);
    this.#onMuted(muted);
  }

  /** What its encoded frames pass; null when nothing. */
  get transform(): FrameTransform | null {
    return this.#transform.transform;
  }

  /**
   * What its encoded frames pass from now on, over reconnects too; null: nothing. Frames that were sent before went as
   * they were: for encryption use the connection's `setTransform` before you publish.
   *
   * @throws TroupeError INVALID_OPTION when it is no transform, CLOSED when it is closed, INVALID_STATE when the
   * connection encrypts frames by itself.
   */
  setTransform(transform: FrameTransform | null): void {
    this.#requireTransformable();
    requireTransform(transform, "transform");
    if (this.#state !== "ended") this.#transform.set(transform);
  }

  /** For the connection: its own transform is the track's. */
  inheritTransform(transform: FrameTransform | null): void {
    this.#transform.set(transform);
  }

  /** Ends it: the far side does not hear it any more. The source stays open. */
  unpublish(): void {
    if (this.#state !== "ended") this.#unpublish(this);
  }

  /** For the connection: `sender` carries it from now on, or nothing does. */
  attach(sender: TrackSender | null): void {
    if (sender === this.#sender) return;
    this.#setProducer(null);
    this.#transform.attach(sender);
    this.#release?.();
    this.#release = undefined;
    this.#sender = sender;
    if (!sender) return;
    this.#setProducer(this.source.producer);
    this.#release = this.source.addConsumer?.();
  }

  /** For the connection: its actor moved. */
  setState(state: TrackState): void {
    if (state === this.#state || this.#state === "ended") return;
    this.#state = state;
    if (state === "ended") this.#end();
    this.emit("state", state);
    if (state === "live" || state === "muted" || state === "detached" || state === "ended") this.emit(state);
  }

  #setProducer(producer: EngineProducer | null): void {
    if (this.#sender && !this.#sender.closed) this.#sender.setProducer(this.#muted ? null : producer);
  }

  #end(): void {
    this.attach(null);
    for (const off of this.#offs.splice(0)) off?.();
  }
}
