/**
 * The discrete Fourier transform in place (radix 2, decimation in time).
 *
 * @param real and `imaginary`: of one length, a power of two.
 * @param inverse whether to transform back, without the division by the length.
 */
export function transform(real: Float64Array, imaginary: Float64Array, inverse = false): void {
  const length = real.length;
  reverseBits(real, imaginary);
  for (let half = 1; half < length; half *= 2) {
    const angle = ((inverse ? 1 : -1) * Math.PI) / half;
    for (let offset = 0; offset < half; offset++) {
      const cosine = Math.cos(angle * offset);
      const sine = Math.sin(angle * offset);
      for (let low = offset; low < length; low += 2 * half) {
        const high = low + half;
        const re = real[high]! * cosine - imaginary[high]! * sine;
        const im = real[high]! * sine + imaginary[high]! * cosine;
        real[high] = real[low]! - re;
        imaginary[high] = imaginary[low]! - im;
        real[low]! += re;
        imaginary[low]! += im;
      }
    }
  }
}

function reverseBits(real: Float64Array, imaginary: Float64Array): void {
  for (let at = 1, mirrored = 0; at < real.length; at++) {
    let bit = real.length >> 1;
    for (; mirrored & bit; bit >>= 1) mirrored ^= bit;
    mirrored ^= bit;
    if (at >= mirrored) continue;
    [real[at], real[mirrored]] = [real[mirrored]!, real[at]!];
    [imaginary[at], imaginary[mirrored]] = [imaginary[mirrored]!, imaginary[at]!];
  }
}
