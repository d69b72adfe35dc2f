/** A whole number from 0 to below `below`. */
export type Random = (below: number) => number;

/** A small generator (xorshift32), so that a seed gives the same inputs on every machine. */
export function seeded(seed: number): Random {
  let state = seed >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % below;
  };
}
