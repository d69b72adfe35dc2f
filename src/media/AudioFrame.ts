import { TroupeError } from "../core/index.ts";

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
}

/**
 * Makes a frame around samples.
 *
 * @throws TroupeError INVALID_AUDIO when `pcm` is no Int16Array or not a whole number of samples per channel.
 */
export function createFrame(
  pcm: Int16Array,
  options: { sampleRate: number; channels?: number; timestampUs?: number; concealed?: boolean },
): AudioFrame {
  const { sampleRate, channels = 1, timestampUs = 0, concealed = false } = options;
  requirePcm(pcm, channels);
  return { pcm, sampleRate, channels, samplesPerChannel: pcm.length / channels, timestampUs, concealed };
}

/** A frame with samples of its own, to keep beyond the listener that it was passed to. */
export function copyFrame(frame: AudioFrame): AudioFrame {
  return { ...frame, pcm: frame.pcm.slice() };
}

/** How long a frame sounds, in milliseconds. */
export function frameDurationMs(frame: AudioFrame): number {
  return (frame.samplesPerChannel * 1000) / frame.sampleRate;
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
