import { transform } from "./fft.ts";

export interface Alignment {
  /** How much later the degraded signal is, in samples; below 0 when it is earlier. */
  delay: number;
  /** How alike both are at that delay: 1 for the same up to a gain, near 0 for strangers. */
  correlation: number;
}

export interface AlignmentOptions {
  /** The least and the greatest delay looked at, in samples. */
  minimum: number;
  maximum: number;
}

/**
 * Finds by cross-correlation how much later `degraded` is than `reference`. Both mono, at one rate.
 *
 * @param degraded from `minimum` samples before the reference's beginning, or as much as there is of it.
 */
export function align(
  reference: Int16Array,
  degraded: Int16Array,
  { minimum, maximum }: AlignmentOptions,
): Alignment {
  const length = 2 ** Math.ceil(Math.log2(reference.length + degraded.length));
  const [referenceReal, referenceImaginary] = spectrumOf(reference, length);
  const [real, imaginary] = spectrumOf(degraded, length);
  for (let bin = 0; bin < length; bin++) {
    const re = real[bin]! * referenceReal[bin]! + imaginary[bin]! * referenceImaginary[bin]!;
    imaginary[bin] = imaginary[bin]! * referenceReal[bin]! - real[bin]! * referenceImaginary[bin]!;
    real[bin] = re;
  }
  transform(real, imaginary, true);
  let delay = minimum;
  const at = (candidate: number) => real[candidate < 0 ? candidate + length : candidate] ?? 0;
  for (let candidate = minimum; candidate <= maximum; candidate++)
    if (at(candidate) > at(delay)) delay = candidate;
  const overlap = degraded.subarray(Math.max(0, delay), Math.max(0, delay + reference.length));
  const scale = Math.sqrt(energyOf(reference) * energyOf(overlap));
  return { delay, correlation: scale === 0 ? 0 : at(delay) / length / scale };
}

function spectrumOf(pcm: Int16Array, length: number): [real: Float64Array, imaginary: Float64Array] {
  const real = new Float64Array(length);
  const imaginary = new Float64Array(length);
  real.set(pcm);
  transform(real, imaginary);
  return [real, imaginary];
}

function energyOf(pcm: Int16Array): number {
  let energy = 0;
  for (const sample of pcm) energy += sample * sample;
  return energy;
}
