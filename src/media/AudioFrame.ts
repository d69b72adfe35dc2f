import { z } from "zod";
import { parseOptions, TroupeError } from "../core/index.ts";

/** A piece of audio. What a sink's `frame` event passes is valid only until the listener returns. */
export interface AudioFrame {
  /** Interleaved samples. */
  pcm: Int16Array;
  /** Hz */
  sampleRate: number;
  channels: number;
  samplesPerChannel: number;
  /** Process-monotonic time of its first sample, in microseconds. */
  timestampUs: number;
  /** True when any of it was made up by loss concealment. */
  concealed: boolean;
  /** What users attach to it; it stays in this process. */
  userdata?: Record<string, unknown>;
}

/** What a frame is made with. */
export interface FrameOptions {
  /** Hz */
  sampleRate: number;
  /** 1 when left out. */
  channels?: number;
  /** Where the samples go on beyond the frame; all of them when left out. */
  samplesPerChannel?: number;
  timestampUs?: number;
  concealed?: boolean;
  userdata?: Record<string, unknown>;
}

/** A frame in JSON, under the names that LiveKit's SDKs use. */
export interface AudioFrameJson {
  /** 16-bit little-endian samples, interleaved, in base64. */
  data: string;
  sample_rate: number;
  num_channels: number;
  samples_per_channel: number;
}

const countSchema = z.int({ error: "a whole number above 0" }).positive({ error: "a whole number above 0" });

const jsonSchema = z.object({
  data: z.string({ error: "samples in base64" }),
  sample_rate: countSchema,
  num_channels: countSchema,
  samples_per_channel: z
    .int({ error: "a whole number from 0" })
    .nonnegative({ error: "a whole number from 0" }),
});

/**
 * Makes a frame around samples, or of bytes that hold 16-bit little-endian ones. What is longer than
 * `samplesPerChannel` says is legal; the rest is not part of the frame.
 *
 * @throws TroupeError INVALID_AUDIO for another type, part of a sample, or fewer samples than it should have.
 */
export function createFrame(audio: Int16Array | Uint8Array, options: FrameOptions): AudioFrame {
  const { sampleRate, channels = 1, timestampUs = 0, concealed = false, userdata } = options;
  const given = pcmOf(audio);
  const { samplesPerChannel = given.length / channels } = options;
  if (options.samplesPerChannel !== undefined && given.length < samplesPerChannel * channels) {
    const expected = `at least ${samplesPerChannel * channels} samples`;
    throw TroupeError.expected("INVALID_AUDIO", "pcm.length", expected, given.length);
  }
  const pcm =
    options.samplesPerChannel === undefined ? given : given.subarray(0, samplesPerChannel * channels);
  requirePcm(pcm, channels);
  const frame: AudioFrame = { pcm, sampleRate, channels, samplesPerChannel, timestampUs, concealed };
  if (userdata) frame.userdata = userdata;
  return frame;
}

/** A frame of silence. */
export function silentFrame(options: {
  sampleRate: number;
  channels?: number;
  samplesPerChannel: number;
}): AudioFrame {
  const { channels = 1, samplesPerChannel } = options;
  return createFrame(new Int16Array(channels * samplesPerChannel), options);
}

/** A frame as JSON; time and userdata stay behind. */
export function frameToJson(frame: AudioFrame): AudioFrameJson {
  const { pcm, sampleRate, channels, samplesPerChannel } = frame;
  return {
    data: Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength).toString("base64"),
    sample_rate: sampleRate,
    num_channels: channels,
    samples_per_channel: samplesPerChannel,
  };
}

/**
 * The frame that {@link frameToJson}, or an SDK of LiveKit, made JSON of.
 *
 * @throws TroupeError INVALID_AUDIO when it is none.
 */
export function frameFromJson(json: unknown): AudioFrame {
  const checked = parseOptions(jsonSchema, json, "frame", "INVALID_AUDIO");
  return createFrame(Buffer.from(checked.data, "base64"), {
    sampleRate: checked.sample_rate,
    channels: checked.num_channels,
    samplesPerChannel: checked.samples_per_channel,
  });
}

/**
 * A frame with another number of channels: to one by their mean, from one by copies; of others the first ones stay,
 * and new ones are silent.
 */
export function remixFrame(frame: AudioFrame, channels: number): AudioFrame {
  parseOptions(countSchema, channels, "channels");
  if (channels === frame.channels) return frame;
  const pcm = new Int16Array(frame.samplesPerChannel * channels);
  for (let at = 0; at < frame.samplesPerChannel; at++) {
    const from = at * frame.channels;
    if (channels === 1) pcm[at] = mean(frame.pcm, from, frame.channels);
    else
      for (let channel = 0; channel < channels; channel++)
        if (frame.channels === 1 || channel < frame.channels)
          pcm[at * channels + channel] = frame.pcm[from + (frame.channels === 1 ? 0 : channel)]!;
  }
  return { ...frame, pcm, channels };
}

function mean(pcm: Int16Array, from: number, count: number): number {
  let sum = 0;
  for (let at = from; at < from + count; at++) sum += pcm[at]!;
  return Math.round(sum / count);
}

/** Samples as they are, or out of bytes of 16-bit little-endian samples (copied where they are not aligned). */
export function pcmOf(audio: Int16Array | Uint8Array): Int16Array {
  if (!(audio instanceof Uint8Array)) return audio;
  if (audio.byteLength % Int16Array.BYTES_PER_ELEMENT !== 0)
    throw TroupeError.expected("INVALID_AUDIO", "bytes.length", "an even number of bytes", audio.byteLength);
  const isAligned = audio.byteOffset % Int16Array.BYTES_PER_ELEMENT === 0;
  const bytes = isAligned ? audio : new Uint8Array(audio);
  return new Int16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / Int16Array.BYTES_PER_ELEMENT);
}

/** A frame with samples of its own, to keep beyond the listener that it was passed to. */
export function copyFrame(frame: AudioFrame): AudioFrame {
  return { ...frame, pcm: frame.pcm.slice() };
}

/** How long a frame sounds, in milliseconds. */
export function frameDurationMs(frame: AudioFrame): number {
  return (frame.samplesPerChannel * 1000) / frame.sampleRate;
}

/**
 * Several frames as one; a lone frame, not in an array, comes back as it is.
 *
 * @throws TroupeError INVALID_AUDIO when there is none or their formats differ.
 */
export function combineAudioFrames(frames: AudioFrame | readonly AudioFrame[]): AudioFrame {
  return Array.isArray(frames) ? concatenateFrames(frames) : (frames as AudioFrame);
}

/** Frames of equal format in a row as one; its time is that of the first. */
export function concatenateFrames(frames: readonly AudioFrame[]): AudioFrame {
  const first = frames[0];
  if (!first) throw TroupeError.expected("INVALID_AUDIO", "frames", "at least one frame", frames);
  const pcm = new Int16Array(frames.reduce((length, frame) => length + frame.pcm.length, 0));
  let at = 0;
  for (const frame of frames) {
    requireFormat(frame, first.sampleRate, first.channels);
    pcm.set(frame.pcm, at);
    at += frame.pcm.length;
  }
  const concealed = frames.some((frame) => frame.concealed);
  return { ...first, pcm, samplesPerChannel: pcm.length / first.channels, concealed };
}

/** Checks samples: their type and that each channel has as many as the others. */
export function requirePcm(pcm: unknown, channels: number): asserts pcm is Int16Array {
  if (!(pcm instanceof Int16Array)) throw TroupeError.expected("INVALID_AUDIO", "pcm", "an Int16Array", pcm);
  if (pcm.length % channels !== 0) {
    const expected = `a multiple of ${channels} samples`;
    throw TroupeError.expected("INVALID_AUDIO", "pcm.length", expected, pcm.length);
  }
}

/** Checks that a frame has the rate and the channels of where it goes. */
export function requireFormat(frame: AudioFrame, sampleRate: number, channels: number): void {
  if (frame.sampleRate !== sampleRate) {
    throw TroupeError.expected("INVALID_AUDIO", "frame.sampleRate", `${sampleRate}`, frame.sampleRate);
  }
  if (frame.channels !== channels) {
    throw TroupeError.expected("INVALID_AUDIO", "frame.channels", `${channels}`, frame.channels);
  }
  requirePcm(frame.pcm, channels);
}
