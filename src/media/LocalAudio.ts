import { z } from "zod";
import { logger, parseOptions, TroupeError, TypedEvents } from "../core/index.ts";
import type { EngineProducer } from "../native/index.ts";
import { type AudioFrame, pcmOf } from "./AudioFrame.ts";
import { AudioSink } from "./AudioSink.ts";
import { AudioSource } from "./AudioSource.ts";
import {
  type AudioDevice,
  type AudioDriver,
  type DeviceStream,
  type DeviceStreamOptions,
  loadAudioDriver,
} from "./audioDriver.ts";
import { channelsSchema, sampleRateSchema } from "./format.ts";
import { type AudioProducer, type ProducerEvents, requireProducer } from "./producer.ts";

/** Frames go to and come from a device in this length. */
const FRAME_MS = 10;
/** A microphone's clock is not the engine's: what it has heard too much of is dropped beyond this. */
const MICROPHONE_CAPACITY_MS = 200;
/** Frames that wait in a loudspeaker's queue at most; beyond them the newest is dropped. */
const SPEAKER_FRAMES = 20;
/** Frames of silence in front of the first: a loudspeaker that runs dry crackles. */
const SPEAKER_LEAD_FRAMES = 3;

const optionsSchema = z.object({
  deviceId: z.int({ error: "the id of a device" }).nonnegative({ error: "the id of a device" }).optional(),
  sampleRate: sampleRateSchema.default(48_000),
  channels: channelsSchema.default(1),
});

/** Which device, and how. */
export interface LocalAudioOptions {
  /** Of {@link listAudioDevices}; the system's default when left out. */
  deviceId?: number;
  /** Hz that the device takes; 48000 when left out. */
  sampleRate?: number;
  /** 1 or 2; 1 when left out. */
  channels?: number;
}

/** What a microphone or loudspeaker reports. */
export type LocalAudioEvents = {
  /** The device says that something is wrong; it may go on. */
  failed: [error: TroupeError];
};

/**
 * The microphones and loudspeakers of this machine.
 *
 * @throws TroupeError NOT_INSTALLED without the package audify.
 */
export function listAudioDevices(driver: AudioDriver = loadAudioDriver()): AudioDevice[] {
  return driver.devices();
}

/**
 * The microphone of this machine: publish it, record it, mix it.
 *
 * @example
 * using microphone = new Microphone();
 * connection.publish(microphone);
 */
export class Microphone extends TypedEvents<LocalAudioEvents> implements AudioProducer {
  readonly device: AudioDevice;
  readonly #source: AudioSource;
  readonly #stream: DeviceStream;
  #dropped = 0;

  /** @throws TroupeError NOT_INSTALLED without audify, NOT_SUPPORTED when there is no such device or it refuses. */
  constructor(options: LocalAudioOptions = {}, driver: AudioDriver = loadAudioDriver()) {
    super();
    const { deviceId, sampleRate, channels } = parseOptions(optionsSchema, options, "Microphone");
    this.device = chooseDevice(driver, "microphone", deviceId);
    this.#source = new AudioSource({ sampleRate, channels, capacityMs: MICROPHONE_CAPACITY_MS });
    try {
      this.#stream = driver.openInput(this.#streamOptions(sampleRate, channels), (bytes) =>
        this.#hear(bytes),
      );
    } catch (error) {
      this.#source.close();
      throw TroupeError.from("NOT_SUPPORTED", error, "The microphone can not be opened");
    }
  }

  get producer(): EngineProducer | null {
    return this.#source.producer;
  }

  get producerEnded(): boolean {
    return this.#source.producerEnded;
  }

  get producerEvents(): TypedEvents<ProducerEvents> {
    return this.#source.producerEvents;
  }

  /** What nobody played in time, in milliseconds. */
  get droppedMs(): number {
    return (this.#dropped * 1000) / this.#source.sampleRate;
  }

  addConsumer(): () => void {
    return this.#source.addConsumer();
  }

  close(): void {
    if (this.#source.closed) return;
    this.#stream.close();
    this.#source.close();
    this.removeAllListeners();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #streamOptions(sampleRate: number, channels: number): DeviceStreamOptions {
    return {
      deviceId: this.device.id,
      sampleRate,
      channels,
      frameSamples: (sampleRate * FRAME_MS) / 1000,
      error: (message) => report(this, "microphone", message),
    };
  }

  #hear(bytes: Buffer): void {
    if (this.#source.closed) return;
    const pcm = pcmOf(bytes);
    this.#dropped += pcm.length / this.#source.channels - this.#source.tryWrite(pcm);
  }
}

/**
 * Plays a track, source or mixer on the loudspeaker of this machine.
 *
 * @example
 * using speaker = new Speaker(track);
 */
export class Speaker extends TypedEvents<LocalAudioEvents> {
  readonly device: AudioDevice;
  readonly #sink: AudioSink;
  readonly #stream: DeviceStream;
  readonly #silence: Buffer;
  #queued = 0;
  #dropped = 0;
  #closed = false;

  /** @throws TroupeError NOT_INSTALLED without audify, NOT_SUPPORTED when there is no such device or it refuses. */
  constructor(
    producer: AudioProducer,
    options: LocalAudioOptions = {},
    driver: AudioDriver = loadAudioDriver(),
  ) {
    super();
    const { deviceId, sampleRate, channels } = parseOptions(optionsSchema, options, "Speaker");
    requireProducer(producer, "producer");
    this.device = chooseDevice(driver, "loudspeaker", deviceId);
    const frameSamples = (sampleRate * FRAME_MS) / 1000;
    this.#silence = Buffer.alloc(frameSamples * channels * Int16Array.BYTES_PER_ELEMENT);
    const streamOptions = {
      deviceId: this.device.id,
      sampleRate,
      channels,
      frameSamples,
      error: (message: string) => report(this, "loudspeaker", message),
    };
    try {
      this.#stream = driver.openOutput(streamOptions, () => {
        this.#queued = Math.max(0, this.#queued - 1);
      });
    } catch (error) {
      throw TroupeError.from("NOT_SUPPORTED", error, "The loudspeaker can not be opened");
    }
    this.#sink = new AudioSink(producer, { sampleRate, channels });
    this.#sink.on("frame", (frame) => this.#play(frame));
    this.#sink.on("closed", () => this.close());
  }

  /** What the device was too slow for, in milliseconds. */
  get droppedMs(): number {
    return this.#dropped * FRAME_MS;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Ends it, not what it plays. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#sink.close();
    this.#stream.close();
    this.removeAllListeners();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #play({ pcm }: AudioFrame): void {
    if (this.#closed) return;
    if (this.#queued >= SPEAKER_FRAMES) {
      this.#dropped += 1;
      return;
    }
    if (this.#queued === 0) for (let at = 0; at < SPEAKER_LEAD_FRAMES; at++) this.#write(this.#silence);
    // A copy: the device plays it later, and the frame ends with the listener.
    this.#write(Buffer.from(new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength)));
  }

  #write(frame: Buffer): void {
    this.#queued += 1;
    this.#stream.write(frame);
  }
}

function chooseDevice(
  driver: AudioDriver,
  what: "microphone" | "loudspeaker",
  deviceId: number | undefined,
): AudioDevice {
  const isMicrophone = what === "microphone";
  const devices = driver.devices().filter((it) => (isMicrophone ? it.inputChannels : it.outputChannels) > 0);
  const isDefault = (it: AudioDevice) => (isMicrophone ? it.isDefaultInput : it.isDefaultOutput);
  const chosen =
    deviceId === undefined
      ? (devices.find(isDefault) ?? devices[0])
      : devices.find((it) => it.id === deviceId);
  if (chosen) return chosen;
  const which = deviceId === undefined ? `no ${what}` : `no ${what} with the id ${deviceId}`;
  throw new TroupeError("NOT_SUPPORTED", `This machine has ${which}`);
}

function report(device: TypedEvents<LocalAudioEvents>, what: string, message: string): void {
  logger.warn(`the ${what} reports a problem`, { message });
  device.emit("failed", new TroupeError("INTERNAL", `The ${what} reports: ${message}`));
}
