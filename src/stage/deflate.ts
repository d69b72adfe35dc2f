import { constants, deflateSync } from "node:zlib";

/** Up to here the usual effort takes less than 2 ms of the event loop; up to the next, the least one. */
const USUAL_EFFORT_BYTES = 48 * 1024;
const LEAST_EFFORT_BYTES = 96 * 1024;

/**
 * A message as zlib data (RFC 1950), made at once, so that messages keep their order, and within 2 ms: larger ones are
 * stored as they are, which grows them by some 30 bytes at 256 KiB.
 */
export function deflate(data: Buffer): Buffer {
  return deflateSync(data, { level: levelFor(data.length) });
}

function levelFor(bytes: number): number {
  if (bytes <= USUAL_EFFORT_BYTES) return constants.Z_DEFAULT_COMPRESSION;
  return bytes <= LEAST_EFFORT_BYTES ? constants.Z_BEST_SPEED : constants.Z_NO_COMPRESSION;
}
