/**
 * How strong given frequencies are in a block of samples, by the Goertzel algorithm: what a Fourier transform would
 * say of these frequencies alone.
 */
export class Goertzel {
  readonly #coefficients: number[];

  /** `frequencies` in Hz. */
  constructor(frequencies: readonly number[], sampleRate: number) {
    this.#coefficients = frequencies.map((it) => 2 * Math.cos((2 * Math.PI * it) / sampleRate));
  }

  /** For each frequency the power of a tone of it: half the square of its amplitude. */
  powers(block: Int16Array): number[] {
    return this.#coefficients.map((coefficient) => {
      let [before, last] = [0, 0];
      for (let at = 0; at < block.length; at++)
        [before, last] = [last, block[at]! + coefficient * last - before];
      const squared = before * before + last * last - coefficient * before * last;
      return (2 * squared) / (block.length * block.length);
    });
  }
}

/** The mean square of a block. */
export function meanSquare(block: Int16Array): number {
  let sum = 0;
  for (let at = 0; at < block.length; at++) sum += block[at]! * block[at]!;
  return sum / block.length;
}
