/** Samples below it are silence: about -46 dB of full scale. */
const SILENCE_BELOW = 160;
/** What is kept around the voice, so that soft beginnings are not cut. */
const KEPT_MS = 20;

/**
 * The part of a recording between the silence before and the silence behind it. Voices made for files begin with
 * some 200 ms of silence, which a conversation hears as slowness.
 */
export function trimSilence(pcm: Int16Array, sampleRate: number): Int16Array {
  const isLoud = (sample: number) => Math.abs(sample) >= SILENCE_BELOW;
  const first = pcm.findIndex(isLoud);
  if (first < 0) return pcm.subarray(0, 0);
  const last = pcm.findLastIndex(isLoud);
  const kept = Math.round((sampleRate * KEPT_MS) / 1000);
  return pcm.subarray(Math.max(0, first - kept), Math.min(pcm.length, last + 1 + kept));
}
