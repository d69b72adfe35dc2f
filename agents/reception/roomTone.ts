import type { AudioSource } from "troupe";

/** Peak level of the tone before the mixer's gain: about -40 dB of full scale. */
const AMPLITUDE = 320;
const PIECE_MS = 100;

/** Pink noise (Paul Kellet's filter over white noise): the hum of a room, so that silence does not sound dead. */
function* pinkNoise(samples: number, random: () => number = Math.random): Generator<Int16Array> {
  let low = 0;
  let middle = 0;
  let high = 0;
  for (;;) {
    const pcm = new Int16Array(samples);
    for (let at = 0; at < samples; at++) {
      const white = random() * 2 - 1;
      low = 0.99765 * low + white * 0.099046;
      middle = 0.963 * middle + white * 0.2965164;
      high = 0.57 * high + white * 1.0526913;
      pcm[at] = Math.max(-1, Math.min(1, (low + middle + high + white * 0.1848) / 6)) * AMPLITUDE;
    }
    yield pcm;
  }
}

/** Plays room tone into `source` until it is closed; the source's queue sets the pace. */
export async function playRoomTone(source: AudioSource): Promise<void> {
  for (const piece of pinkNoise((source.sampleRate * PIECE_MS) / 1000)) await source.write(piece);
}
