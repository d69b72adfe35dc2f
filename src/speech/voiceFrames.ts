import { TroupeError } from "../core/index.ts";
import { type AudioFrame, createFrame, decodeWav } from "../media/index.ts";
import { trimSilence } from "./trimSilence.ts";

const FRAME_MS = 100;
/** Between two sentences. */
const PAUSE_MS = 180;

/** The frames of one sentence that a voice program wrote as WAV. */
export function* voiceFrames(wav: Uint8Array, sampleRate: number, isFirst: boolean): Generator<AudioFrame> {
  const audio = decodeWav(wav);
  if (audio.sampleRate !== sampleRate || audio.channels !== 1)
    throw TroupeError.expected("INTERNAL", "the voice's audio", `${sampleRate} Hz mono`, audio.sampleRate);
  if (!isFirst) yield createFrame(new Int16Array((sampleRate * PAUSE_MS) / 1000), { sampleRate });
  const pcm = trimSilence(audio.pcm, sampleRate);
  const step = (sampleRate * FRAME_MS) / 1000;
  for (let at = 0; at < pcm.length; at += step)
    yield createFrame(pcm.subarray(at, at + step), { sampleRate });
}
