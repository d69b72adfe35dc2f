import { TroupeError } from "../core/index.ts";
import { requirePcm } from "./AudioFrame.ts";
import type { WavAudio } from "./decodeWav.ts";
import { wavHeader } from "./wav.ts";

const MAXIMUM_BYTES = 0xffff_0000;

/**
 * Audio, such as a frame, as the bytes of a RIFF WAVE file of 16-bit PCM.
 *
 * @throws TroupeError INVALID_AUDIO for another type of samples, a part of a sample, or more than 4 GB.
 */
export function encodeWav(audio: WavAudio): Uint8Array {
  const { pcm, sampleRate, channels } = audio;
  requirePcm(pcm, channels);
  if (pcm.byteLength > MAXIMUM_BYTES)
    throw TroupeError.expected("INVALID_AUDIO", "pcm", "less than 4 GB", pcm.byteLength);
  const samples = Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength);
  return Buffer.concat([wavHeader({ sampleRate, channels, dataBytes: pcm.byteLength }), samples]);
}
