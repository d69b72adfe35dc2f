import { readFile } from "node:fs/promises";

/** What a listener heard: frames of 10 ms, and the monotonic time of each one's callback in ms. */
export interface HeardFrames {
  pcm: Int16Array;
  timesMs: Float64Array;
}

/** One stretch of time without holes, as a listener had it. */
export interface HeardAudio {
  /** Monotonic time at which its first sample was heard, in ms. */
  startedAtMs: number;
  pcm: Int16Array;
}

const FRAME_MS = 10;
/** A callback that comes late is followed by others that are on time again; frames that are missing are not. */
const SETTLED_FRAMES = 40;
const MISSING_MS = 15;

export async function readHeard(path: string): Promise<HeardFrames> {
  const [pcm, times] = await Promise.all([readFile(`${path}.pcm`), readFile(`${path}.times`)]);
  return {
    pcm: new Int16Array(pcm.buffer, pcm.byteOffset, pcm.length / 2),
    timesMs: new Float64Array(new Uint8Array(times).buffer),
  };
}

/**
 * Puts frames on the clock. The event loop may hand them over late, never early: a frame was heard when the
 * most punctual ones around it say. Where frames are missing there is silence.
 */
export function onTheClock({ pcm, timesMs }: HeardFrames): HeardAudio {
  const samples = timesMs.length === 0 ? 0 : Math.round(pcm.length / timesMs.length);
  /** By how much each frame is later than the first would have it, were all as punctual as those that follow it. */
  const lags = timesMs.map((at, index) => at - index * FRAME_MS);
  const pieces: Int16Array[] = [];
  let lag = Math.min(...lags.subarray(0, SETTLED_FRAMES));
  const startedAtMs = lag;
  for (let index = 0; index < timesMs.length; index++) {
    const settled = Math.min(...lags.subarray(index, index + SETTLED_FRAMES));
    if (settled > lag + MISSING_MS) {
      const missing = Math.floor((settled - lag) / FRAME_MS);
      pieces.push(new Int16Array(missing * samples));
      lag += missing * FRAME_MS;
    }
    pieces.push(pcm.subarray(index * samples, (index + 1) * samples));
  }
  const joined = new Int16Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return { startedAtMs, pcm: joined };
}
