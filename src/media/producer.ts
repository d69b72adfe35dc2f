import { TroupeError, type TypedEvents } from "../core/index.ts";
import type { EngineProducer } from "../native/index.ts";

/** What an {@link AudioProducer} reports to whoever listens to its audio. */
export type ProducerEvents = {
  /** The engine's producer changed: null while there is none (a track during a reconnect). */
  changed: [producer: EngineProducer | null];
  /** Whether samples come: a track's packets, a source's playout. */
  flow: [state: "flowing" | "stalled"];
  /** No audio comes from here any more. */
  ended: [];
};

/** Anything whose audio can be published, mixed or tapped: a RemoteTrack, an AudioSource, an AudioMixer. */
export interface AudioProducer {
  /** The engine's object behind it; null while there is none. */
  readonly producer: EngineProducer | null;
  /** True once `ended` fired. */
  readonly producerEnded?: boolean;
  /** Left out by what never changes. */
  readonly producerEvents?: TypedEvents<ProducerEvents>;
  /**
   * Tells the producer that someone plays its audio, until the function it gives is called. A source
   * without a consumer is `detached` and keeps what is queued.
   */
  addConsumer?(): () => void;
}

/** What a follower of a producer wants to hear. */
export interface ProducerWatcher {
  /** Also called at once, with what there is now. */
  changed(producer: EngineProducer | null): void;
  flow?(state: "flowing" | "stalled"): void;
  ended(): void;
}

/**
 * Follows a producer, counting as its consumer while it has audio; gives a function that ends it. When `changed`
 * throws at once, so does this, and nothing is followed.
 */
export function followProducer(source: AudioProducer, watcher: ProducerWatcher): () => void {
  let release: (() => void) | undefined;
  const change = (producer: EngineProducer | null) => {
    watcher.changed(producer);
    if (producer) release ??= source.addConsumer?.();
    else stopConsuming();
  };
  const stopConsuming = () => {
    release?.();
    release = undefined;
  };
  const offs = [
    source.producerEvents?.on("changed", change),
    source.producerEvents?.on("flow", (state) => watcher.flow?.(state)),
    source.producerEvents?.on("ended", () => watcher.ended()),
  ];
  const stop = () => {
    for (const off of offs.splice(0)) off?.();
    stopConsuming();
  };
  try {
    change(source.producer);
  } catch (error) {
    stop();
    throw error;
  }
  return stop;
}

/**
 * Checks what a user passed as a producer.
 *
 * @throws TroupeError INVALID_OPTION when it is none, CLOSED when it has ended.
 */
export function requireProducer(value: AudioProducer, field: string): AudioProducer {
  if (typeof value !== "object" || value === null || !("producer" in value)) {
    throw TroupeError.expected("INVALID_OPTION", field, "an AudioSource, AudioMixer or RemoteTrack", value);
  }
  if (value.producerEnded) throw new TroupeError("CLOSED", `The ${field} has ended already`, { field });
  return value;
}
