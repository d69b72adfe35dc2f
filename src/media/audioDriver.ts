import { createRequire } from "node:module";
import { TroupeError } from "../core/index.ts";

/** RtAudio's name for 16-bit samples. */
const FORMAT_INT16 = 0x2;
/** Of RtAudio's kinds of errors those up to this one are warnings, which come even when all is well. */
const HIGHEST_WARNING = 1;

/** A microphone, loudspeaker or both, as the operating system knows it. */
export interface AudioDevice {
  id: number;
  name: string;
  inputChannels: number;
  outputChannels: number;
  isDefaultInput: boolean;
  isDefaultOutput: boolean;
  /** Hz */
  sampleRates: number[];
}

/** What a stream of a device is opened with. */
export interface DeviceStreamOptions {
  deviceId: number;
  /** Hz */
  sampleRate: number;
  channels: number;
  /** Samples per channel of each frame. */
  frameSamples: number;
  error(message: string): void;
}

/** A stream of a device that runs. */
export interface DeviceStream {
  /** Queues one frame for a loudspeaker. */
  write(frame: Buffer): void;
  close(): void;
}

/** What this machine's sound goes through. */
export interface AudioDriver {
  devices(): AudioDevice[];
  openInput(options: DeviceStreamOptions, heard: (frame: Buffer) => void): DeviceStream;
  /** `played` is called for each frame that has been played. */
  openOutput(options: DeviceStreamOptions, played: () => void): DeviceStream;
}

/** The part of audify's RtAudio that is used here. */
interface RtAudio {
  getDevices(): {
    id: number;
    name: string;
    inputChannels: number;
    outputChannels: number;
    isDefaultInput: number;
    isDefaultOutput: number;
    sampleRates: number[];
  }[];
  openStream(
    output: { deviceId: number; nChannels: number } | null,
    input: { deviceId: number; nChannels: number } | null,
    format: number,
    sampleRate: number,
    frameSize: number,
    name: string,
    heard: ((frame: Buffer) => void) | null,
    played: (() => void) | null,
    flags?: number,
    error?: (type: number, message: string) => void,
  ): number;
  start(): void;
  write(frame: Buffer): void;
  closeStream(): void;
}

/**
 * The driver over the npm package audify (RtAudio), which is not installed with Troupe: servers have no sound.
 *
 * @param load loads a package or throws; replaced in tests.
 * @throws TroupeError NOT_INSTALLED with the command that installs it.
 */
export function loadAudioDriver(
  load: (name: string) => unknown = createRequire(import.meta.url),
): AudioDriver {
  let RtAudioClass: new () => RtAudio;
  try {
    ({ RtAudio: RtAudioClass } = load("audify") as { RtAudio: new () => RtAudio });
  } catch (cause) {
    throw new TroupeError("NOT_INSTALLED", "Local sound needs the package audify: run `npm install audify`", {
      cause,
    });
  }
  return {
    devices: () =>
      new RtAudioClass().getDevices().map((device) => ({
        id: device.id,
        name: device.name,
        inputChannels: device.inputChannels,
        outputChannels: device.outputChannels,
        isDefaultInput: Boolean(device.isDefaultInput),
        isDefaultOutput: Boolean(device.isDefaultOutput),
        sampleRates: [...device.sampleRates],
      })),
    openInput: (options, heard) => openStream(new RtAudioClass(), options, { heard }),
    openOutput: (options, played) => openStream(new RtAudioClass(), options, { played }),
  };
}

function openStream(
  rtAudio: RtAudio,
  { deviceId, sampleRate, channels, frameSamples, error }: DeviceStreamOptions,
  { heard, played }: { heard?: (frame: Buffer) => void; played?: () => void },
): DeviceStream {
  const parameters = { deviceId, nChannels: channels };
  rtAudio.openStream(
    heard ? null : parameters,
    heard ? parameters : null,
    FORMAT_INT16,
    sampleRate,
    frameSamples,
    "troupe",
    heard ?? null,
    played ?? null,
    0,
    (type, message) => {
      if (type > HIGHEST_WARNING) error(message);
    },
  );
  rtAudio.start();
  return { write: (frame) => rtAudio.write(frame), close: () => rtAudio.closeStream() };
}
