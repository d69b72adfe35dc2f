/** How a test tone sounds. */
export interface ToneOptions {
  /** Hz of the tone. */
  frequency: number;
  /** Hz of the samples; 48000 when left out. */
  sampleRate?: number;
  durationMs: number;
  /** Peak, 0 to 1; 0.3 when left out. */
  amplitude?: number;
}

/** A sine tone as mono PCM. */
export function generateTone({
  frequency,
  sampleRate = 48_000,
  durationMs,
  amplitude = 0.3,
}: ToneOptions): Int16Array {
  const step = (2 * Math.PI * frequency) / sampleRate;
  return Int16Array.from({ length: Math.round((sampleRate * durationMs) / 1000) }, (_, at) =>
    Math.round(32_767 * amplitude * Math.sin(step * at)),
  );
}

/**
 * How much of mono PCM is a tone of `frequency`, 0 to 1 of its energy (Goertzel's algorithm). Above 0.5 it is the
 * tone; noise and speech give a few hundredths.
 */
export function measureTone(pcm: Int16Array, frequency: number, sampleRate = 48_000): number {
  const coefficient = 2 * Math.cos((2 * Math.PI * frequency) / sampleRate);
  let before = 0;
  let last = 0;
  let energy = 0;
  for (const sample of pcm) {
    const next = sample + coefficient * last - before;
    before = last;
    last = next;
    energy += sample * sample;
  }
  if (energy === 0) return 0;
  const power = last * last + before * before - coefficient * last * before;
  return Math.min(1, (2 * power) / (pcm.length * energy));
}
