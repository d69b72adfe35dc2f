/** Of 16-bit samples; about -50 dB. Leaving such a frame out is not heard. */
const QUIET_RMS = 100;

/** The samples of s16le bytes, a view where that is possible; half a sample at the end is left out. */
export function samplesOf(data: Buffer): Int16Array {
  const samples = Math.floor(data.length / 2);
  if (data.byteOffset % 2 === 0) return new Int16Array(data.buffer, data.byteOffset, samples);
  return new Int16Array(Uint8Array.from(data.subarray(0, samples * 2)).buffer);
}

/** A view of samples as s16le bytes. */
export function bytesOf(pcm: Int16Array): Uint8Array {
  return new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength);
}

export function isQuiet(pcm: Int16Array): boolean {
  let energy = 0;
  for (const sample of pcm) energy += sample * sample;
  return energy <= pcm.length * QUIET_RMS * QUIET_RMS;
}

/**
 * The same sound with so many samples more, by cubic (Catmull-Rom) interpolation; its first and last sample stay. One
 * sample in 20 ms is 0.3 % at 16 kHz, which is not heard; clocks that drift by 200 ppm need it 3 times a second.
 */
export function stretched(pcm: Int16Array, bySamples: number): Int16Array {
  const last = pcm.length - 1;
  const out = new Int16Array(pcm.length + bySamples);
  const step = out.length > 1 ? last / (out.length - 1) : 0;
  for (let at = 0; at < out.length; at += 1) {
    const place = at * step;
    const whole = Math.min(Math.floor(place), last);
    out[at] = interpolated(pcm, whole, place - whole);
  }
  return out;
}

/** Between the samples `at` and the next one, by a share of 0 to 1. */
function interpolated(pcm: Int16Array, at: number, share: number): number {
  const sample = (index: number) => pcm[Math.min(Math.max(index, 0), pcm.length - 1)]!;
  const [before, from, to, after] = [sample(at - 1), sample(at), sample(at + 1), sample(at + 2)];
  const cubic = 3 * (from - to) + after - before;
  const square = 2 * before - 5 * from + 4 * to - after;
  const value = from + 0.5 * share * (to - before + share * (square + share * cubic));
  return Math.max(-32_768, Math.min(32_767, Math.round(value)));
}
