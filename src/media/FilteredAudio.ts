import { z } from "zod";
import { parseOptions, TroupeError, TypedEvents } from "../core/index.ts";
import { Engine, type EngineFilter, type EngineProducer, type ProcessingOptions } from "../native/index.ts";
import { AudioFilter, type FilterStreamInfo, type NoiseCancellationOptions } from "./AudioFilter.ts";
import { processingSchema, streamDelaySchema } from "./AudioProcessor.ts";
import { channelsSchema, sampleRateSchema } from "./format.ts";
import { type AudioProducer, followProducer, type ProducerEvents, requireProducer } from "./producer.ts";

const processorSchema = processingSchema.extend({ streamDelayMs: streamDelaySchema.default(0) });
const noiseCancellationSchema = z.object({
  moduleId: z.string({ error: "the module id of an AudioFilter" }),
  options: z.record(z.string(), z.unknown()).default({}),
});
const formatSchema = z.object({
  sampleRate: sampleRateSchema.default(48_000),
  channels: channelsSchema.default(1),
});

/** What audio goes through. */
export interface FilteredAudioOptions {
  /** The engine's own processing. `streamDelayMs` is that of the echo, for echo cancellation. */
  processing?: ProcessingOptions & { streamDelayMs?: number };
  /** What is played to where the audio comes from: the reference of echo cancellation. */
  reverse?: AudioProducer;
  /** A vendor's filter instead. */
  noiseCancellation?: NoiseCancellationOptions;
  /** Hz at which a vendor's filter is run; 48000 when left out. */
  sampleRate?: number;
  /** 1 or 2 for a vendor's filter; 1 when left out. */
  channels?: number;
  /** Whose audio it is, for a vendor's filter. */
  streamInfo?: FilterStreamInfo;
}

/**
 * A track, source or mixer through processing, in the engine: publish it, mix it or listen to it as to the producer
 * itself. It follows tracks over reconnects, works on a codec thread, and costs nothing while nobody listens.
 *
 * @example
 * const clean = new FilteredAudio(track, { processing: { noiseSuppression: true, highPassFilter: true } });
 * const sink = new AudioSink(clean, { sampleRate: 16_000 });
 */
export class FilteredAudio implements AudioProducer {
  readonly producerEvents = new TypedEvents<ProducerEvents>();
  readonly #filter: EngineFilter;
  readonly #unfollow: (() => void)[] = [];
  readonly #upstream: AudioProducer;
  #hasAudio = false;
  #closed = false;

  /**
   * @throws TroupeError INVALID_OPTION unless there is either `processing` or `noiseCancellation`; NOT_INSTALLED
   * when no filter is loaded under the id; NOT_SUPPORTED when the vendor's library makes no session.
   */
  constructor(
    producer: AudioProducer,
    options: FilteredAudioOptions,
    engine: Pick<Engine, "createFilter"> = Engine.shared(),
  ) {
    this.#upstream = requireProducer(producer, "producer");
    if (options.reverse) requireProducer(options.reverse, "reverse");
    this.#filter = createFilter(options, engine);
    try {
      this.#follow(producer, options.reverse);
    } catch (error) {
      // A filter that would hear itself by way of others.
      this.close();
      throw error;
    }
  }

  get producer(): EngineProducer | null {
    return this.#closed || !this.#hasAudio ? null : this.#filter;
  }

  get producerEnded(): boolean {
    return this.#closed;
  }

  /** Its producer plays while somebody listens to this. */
  addConsumer(): () => void {
    return this.#upstream.addConsumer?.() ?? (() => {});
  }

  /** Ends it, not its producer. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const unfollow of this.#unfollow) unfollow();
    this.producerEvents.emit("changed", null);
    this.producerEvents.emit("ended");
    this.producerEvents.removeAllListeners();
    this.#filter.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #follow(producer: AudioProducer, reverse: AudioProducer | undefined): void {
    // Consumers of this are consumers of the producer, so following alone must not play it.
    const events = producer.producerEvents;
    const change = (engineProducer: EngineProducer | null) => {
      this.#filter.bind(engineProducer);
      this.#hasAudio = engineProducer !== null;
      this.producerEvents.emit("changed", this.producer);
    };
    change(producer.producer);
    const offs = [
      events?.on("changed", change),
      events?.on("flow", (state) => this.producerEvents.emit("flow", state)),
      events?.on("ended", () => this.close()),
    ];
    this.#unfollow.push(() => {
      for (const off of offs) off?.();
    });
    if (!reverse) return;
    const unfollow = followProducer(reverse, {
      changed: (engineProducer) => this.#filter.bindReverse(engineProducer),
      ended: () => this.#filter.bindReverse(null),
    });
    this.#unfollow.push(unfollow);
  }
}

function createFilter(options: FilteredAudioOptions, engine: Pick<Engine, "createFilter">): EngineFilter {
  const { processing, noiseCancellation, streamInfo = {} } = options;
  if ((processing === undefined) === (noiseCancellation === undefined)) {
    const expected = "either processing or noiseCancellation";
    throw TroupeError.expected("INVALID_OPTION", "FilteredAudio", expected, options);
  }
  if (processing)
    return engine.createFilter(parseOptions(processorSchema, processing, "FilteredAudio.processing"));
  const { moduleId, options: pluginOptions } = parseOptions(
    noiseCancellationSchema,
    noiseCancellation,
    "FilteredAudio.noiseCancellation",
  );
  const { sampleRate, channels } = parseOptions(
    formatSchema,
    { sampleRate: options.sampleRate, channels: options.channels },
    "FilteredAudio",
  );
  try {
    return engine.createFilter({
      plugin: AudioFilter.of(moduleId).plugin,
      format: { sampleRate, channels },
      pluginOptions: JSON.stringify(pluginOptions),
      streamInfo: JSON.stringify(withEmptyFields(streamInfo)),
    });
  } catch (error) {
    throw TroupeError.from("NOT_SUPPORTED", error);
  }
}

/** Libraries expect every field. */
function withEmptyFields(info: FilterStreamInfo): Required<FilterStreamInfo> {
  return {
    url: "",
    roomId: "",
    roomName: "",
    participantIdentity: "",
    participantId: "",
    trackId: "",
    ...info,
  };
}
