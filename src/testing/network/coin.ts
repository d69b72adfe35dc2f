/** Mixes 32 bits so that each depends on all (the finalizer of MurmurHash3, public domain). */
function mix(value: number): number {
  let bits = value | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/**
 * A number in [0, 1) that depends on `parts` (integers) alone: the same parts give the same number in every process
 * and in any order of asking.
 */
export function coin(...parts: readonly number[]): number {
  let state = 0x9e3779b9;
  for (const part of parts) state = mix(Math.imul(state, 31) + part + 0x7f4a7c15);
  return mix(state) / 2 ** 32;
}
