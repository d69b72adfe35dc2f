import { z } from "zod";
import { parseOptions, TroupeError, TypedEvents } from "../core/index.ts";
import { Engine, type EngineMixer, EngineMixMinus, type EngineProducer } from "../native/index.ts";
import { channelsSchema, sampleRateSchema } from "./format.ts";
import { type AudioProducer, followProducer, type ProducerEvents, requireProducer } from "./producer.ts";

const optionsSchema = z.object({
  sampleRate: sampleRateSchema.default(48_000),
  channels: channelsSchema.default(1),
});

const gainSchema = z
  .number({ error: "a number from 0 to 16" })
  .min(0, { error: "a number from 0 to 16" })
  .max(16, { error: "a number from 0 to 16" });
const rampSchema = z
  .number({ error: "a number of milliseconds from 0 to 60000" })
  .min(0, { error: "a number of milliseconds from 0 to 60000" })
  .max(60_000, { error: "a number of milliseconds from 0 to 60000" });

/** How a mixer is made. */
export interface AudioMixerOptions {
  /** Hz: 8000, 12000, 16000, 24000, 44100 or 48000; 48000 when left out. */
  sampleRate?: number;
  /** 1 or 2; 1 when left out. */
  channels?: number;
}

/** What an input of a mixer reports. */
export type MixerInputEvents = {
  /** Whether the input has something to play. */
  starved: [];
  flowing: [];
  /** It is out of the mix: removed, its producer ended, or the mixer was closed. */
  removed: [];
};

/** What an {@link AudioMixer} reports. */
export type AudioMixerEvents = {
  /** Who speaks loudest by now, for longer than a noise lasts; null once that input has left. */
  dominantSpeaker: [input: MixerInput | null];
};

/**
 * Adds up any number of tracks, sources and mixers, each with a gain; a limiter that looks 2.5 ms
 * ahead keeps the sum within 16 bits. It runs by the engine's clock and waits for no input; {@link FrameMixer} goes at
 * the pace of its reader. It follows tracks over reconnects and lets go of producers that end; the producers stay
 * their owners'.
 *
 * @example
 * const mixer = new AudioMixer({ sampleRate: 48_000 });
 * const music = mixer.add(background, { gain: 0.5 });
 * mixer.add(voice);
 * connection.publish(mixer);
 * music.setGain(0.1, { rampMs: 150 });
 */
export class AudioMixer extends TypedEvents<AudioMixerEvents> implements AudioProducer {
  readonly sampleRate: number;
  readonly channels: number;
  readonly producerEvents = new TypedEvents<ProducerEvents>();
  readonly #mixer: EngineMixer;
  readonly #inputs = new Set<MixerInput>();
  #closed = false;
  #speaker: MixerInput | null = null;

  constructor(options: AudioMixerOptions = {}, engine: Pick<Engine, "createMixer"> = Engine.shared()) {
    super();
    const { sampleRate, channels } = parseOptions(optionsSchema, options, "AudioMixer");
    this.sampleRate = sampleRate;
    this.channels = channels;
    this.#mixer = engine.createMixer({ sampleRate, channels: channels as 1 | 2 });
    this.#mixer.events.on("speaker", (number) => this.#onSpeaker(number));
  }

  get producer(): EngineProducer | null {
    return this.#closed ? null : this.#mixer;
  }

  get producerEnded(): boolean {
    return this.#closed;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get inputs(): MixerInput[] {
    return [...this.#inputs];
  }

  /** The input that speaks; null while nobody has. */
  get dominantSpeaker(): MixerInput | null {
    return this.#speaker;
  }

  /**
   * Adds a producer at a linear gain (1 when left out).
   *
   * @throws TroupeError CLOSED, or INVALID_OPTION when it is no producer or the mixer itself.
   */
  add(producer: AudioProducer, options: { gain?: number } = {}): MixerInput {
    if (this.#closed) throw new TroupeError("CLOSED", "The mixer is closed");
    requireProducer(producer, "producer");
    if (producer === (this as AudioProducer)) {
      throw TroupeError.expected(
        "INVALID_OPTION",
        "producer",
        "another producer than the mixer itself",
        producer,
      );
    }
    const gain = parseOptions(gainSchema, options.gain ?? 1, "gain");
    const input = new MixerInput(this.#mixer, producer, gain, (it) => this.#inputs.delete(it));
    this.#inputs.add(input);
    return input;
  }

  /** Ends it and its inputs; what was mixed goes on. */
  close(): void {
    if (this.#closed) return;
    for (const input of this.#inputs) input.remove();
    this.#closed = true;
    this.producerEvents.emit("changed", null);
    this.producerEvents.emit("ended");
    this.producerEvents.removeAllListeners();
    this.#mixer.close();
    this.#mixer.events.removeAllListeners();
    this.removeAllListeners();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  #onSpeaker(number: number): void {
    const speaker = this.inputs.find((input) => input.isNumber(number)) ?? null;
    if (speaker === this.#speaker) return;
    this.#speaker = speaker;
    this.emit("dominantSpeaker", speaker);
  }
}

/** One producer in a mix. */
export class MixerInput extends TypedEvents<MixerInputEvents> {
  readonly producer: AudioProducer;
  readonly #mixer: EngineMixer;
  readonly #onRemove: (input: MixerInput) => void;
  readonly #minuses = new Set<MixMinus>();
  readonly #offFlow: () => void;
  #unfollow: (() => void) | undefined;
  #gain: number;
  /** The engine's number of it; null while its producer has no audio. */
  #number: number | null = null;
  #removed = false;

  /** For {@link AudioMixer.add}. */
  constructor(
    mixer: EngineMixer,
    producer: AudioProducer,
    gain: number,
    onRemove: (input: MixerInput) => void,
  ) {
    super();
    this.#mixer = mixer;
    this.producer = producer;
    this.#gain = gain;
    this.#onRemove = onRemove;
    this.#offFlow = mixer.events.on("input", (number, state) => {
      if (number === this.#number) this.emit(state);
    });
    try {
      this.#unfollow = followProducer(producer, {
        changed: (engineProducer) => this.#change(engineProducer),
        ended: () => this.remove(),
      });
    } catch (error) {
      // A mixer that would hear itself by way of others.
      this.#offFlow();
      throw error;
    }
  }

  /** Linear; where a ramp is under way, its end. */
  get gain(): number {
    return this.#gain;
  }

  get removed(): boolean {
    return this.#removed;
  }

  /** For AudioMixer: whether the engine knows it by this number. */
  isNumber(number: number): boolean {
    return this.#number === number;
  }

  /** Changes the gain, at once or over `rampMs`. */
  setGain(gain: number, options: { rampMs?: number } = {}): void {
    this.#gain = parseOptions(gainSchema, gain, "gain");
    const rampMs = parseOptions(rampSchema, options.rampMs ?? 0, "rampMs");
    if (this.#number !== null) this.#mixer.setGain(this.#number, this.#gain, rampMs);
  }

  /** The mix as this input should hear it: without itself. Owned by the caller; it ends with the input. */
  minus(): MixMinus {
    if (this.#removed) throw new TroupeError("CLOSED", "The input has been removed");
    const minus = new MixMinus((it) => this.#minuses.delete(it));
    this.#minuses.add(minus);
    minus.replace(this.#createMinus());
    return minus;
  }

  /** Takes it out of the mix. */
  remove(): void {
    if (this.#removed) return;
    this.#removed = true;
    this.#unfollow?.();
    this.#offFlow();
    for (const minus of this.#minuses) minus.close();
    this.#leave();
    this.#onRemove(this);
    this.emit("removed");
    this.removeAllListeners();
  }

  [Symbol.dispose](): void {
    this.remove();
  }

  #change(producer: EngineProducer | null): void {
    for (const minus of this.#minuses) minus.replace(null);
    this.#leave();
    this.#number = producer ? this.#mixer.addInput(producer, this.#gain) : null;
    for (const minus of this.#minuses) minus.replace(this.#createMinus());
  }

  #leave(): void {
    if (this.#number !== null && !this.#mixer.closed) this.#mixer.removeInput(this.#number);
    this.#number = null;
  }

  /** Without its producer the input adds nothing, so the whole mix is the mix without it. */
  #createMinus(): EngineMixMinus | EngineMixer {
    return this.#number === null ? this.#mixer : this.#mixer.minus(this.#number);
  }
}

/** A mix without one of its inputs. */
export class MixMinus implements AudioProducer {
  readonly producerEvents = new TypedEvents<ProducerEvents>();
  readonly #onClose: (minus: MixMinus) => void;
  #producer: EngineMixMinus | EngineMixer | null = null;
  #closed = false;

  /** For {@link MixerInput.minus}. */
  constructor(onClose: (minus: MixMinus) => void) {
    this.#onClose = onClose;
  }

  get producer(): EngineProducer | null {
    return this.#producer;
  }

  get producerEnded(): boolean {
    return this.#closed;
  }

  /** For its input: the engine's object is another one now. */
  replace(producer: EngineMixMinus | EngineMixer | null): void {
    const before = this.#producer;
    if (before === producer) return;
    this.#producer = producer;
    this.producerEvents.emit("changed", producer);
    // The mixer itself stands in while the input has no audio; it is not ours.
    if (before instanceof EngineMixMinus) before.close();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.replace(null);
    this.producerEvents.emit("ended");
    this.producerEvents.removeAllListeners();
    this.#onClose(this);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
