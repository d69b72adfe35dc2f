/** Of 16-bit samples; about -50 dB. Leaving such a frame out is not heard. */
const QUIET_RMS = 100;

/** The samples of s16le bytes, a view where that is possible; half a sample at the end is left out. */
export function samplesOf(data: Buffer): Int16Array {
  const samples = Math.floor(data.length / 2);
  if (data.byteOffset % 2 === 0) return new Int16Array(data.buffer, data.byteOffset, samples);
  return new Int16Array(Uint8Array.from(data.subarray(0, samples * 2)).buffer);
}

export function isQuiet(pcm: Int16Array): boolean {
  let energy = 0;
  for (const sample of pcm) energy += sample * sample;
  return energy <= pcm.length * QUIET_RMS * QUIET_RMS;
}
