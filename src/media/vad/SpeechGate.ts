/** How probabilities become speech that starts and stops. */
export interface SpeechGateOptions {
  /** A chunk at or above it is speech, 0 to 1. */
  threshold: number;
  /** Speech goes on while chunks stay above `threshold` minus this. */
  hysteresis: number;
  /** How much speech starts it, in ms; a dip as short as a closed mouth's in "stop" does not count against it. */
  onsetMs: number;
  /** How much silence in a row stops it, in ms. */
  hangoverMs: number;
}

/** Suited to a conversation between people and bots. */
export const DEFAULT_SPEECH_GATE: SpeechGateOptions = {
  threshold: 0.5,
  hysteresis: 0.15,
  onsetMs: 64,
  hangoverMs: 450,
};

/**
 * What a chunk changed. `suspected`: it may be the beginning of speech; `dismissed`: it was not. The time is
 * that of the voice itself: where it began, where it ended.
 */
export interface SpeechChange {
  type: "suspected" | "dismissed" | "started" | "stopped";
  timestampUs: number;
}

/** The closure of a stop consonant is shorter than two chunks; a suspicion outlives it. */
const CLOSURE_MS = 50;

/** Finds where speech starts and stops in a row of probabilities. */
export class SpeechGate {
  readonly #options: SpeechGateOptions;
  #speaking = false;
  #voicedSinceUs: number | undefined;
  /** Of the speech that is suspected. */
  #voicedUs = 0;
  #voicedUntilUs = 0;

  constructor(options: SpeechGateOptions) {
    this.#options = options;
  }

  get speaking(): boolean {
    return this.#speaking;
  }

  /** Neither speech nor the suspicion of it. */
  get quiet(): boolean {
    return !this.#speaking && this.#voicedSinceUs === undefined;
  }

  /** Takes the next chunk: its probability and the times of its first sample and of its end. */
  push(probability: number, fromUs: number, untilUs: number): SpeechChange[] {
    return this.#speaking
      ? this.#pushInSpeech(probability, untilUs)
      : this.#pushInSilence(probability, fromUs, untilUs);
  }

  /** The audio ended: speech stops at once. */
  end(): SpeechChange[] {
    const changes: SpeechChange[] = [];
    if (this.#speaking) changes.push({ type: "stopped", timestampUs: this.#voicedUntilUs });
    else if (this.#voicedSinceUs !== undefined)
      changes.push({ type: "dismissed", timestampUs: this.#voicedSinceUs });
    this.#speaking = false;
    this.#voicedSinceUs = undefined;
    return changes;
  }

  #pushInSilence(probability: number, fromUs: number, untilUs: number): SpeechChange[] {
    const { threshold, hysteresis, onsetMs } = this.#options;
    const changes: SpeechChange[] = [];
    if (this.#voicedSinceUs === undefined) {
      if (probability < threshold) return changes;
      this.#voicedSinceUs = fromUs;
      this.#voicedUs = 0;
      changes.push({ type: "suspected", timestampUs: fromUs });
    }
    if (probability < threshold && untilUs - this.#voicedSinceUs > this.#longestSuspicionUs)
      return this.end();
    if (probability < threshold - hysteresis)
      return untilUs - this.#voicedUntilUs < CLOSURE_MS * 1000 ? changes : this.end();
    this.#voicedUntilUs = untilUs;
    this.#voicedUs += untilUs - fromUs;
    if (probability < threshold || this.#voicedUs < onsetMs * 1000) return changes;
    changes.push({ type: "started", timestampUs: this.#voicedSinceUs });
    this.#speaking = true;
    this.#voicedSinceUs = undefined;
    return changes;
  }

  /** What hangs between the two thresholds is nothing by then. */
  get #longestSuspicionUs(): number {
    return (2 * this.#options.onsetMs + CLOSURE_MS) * 1000;
  }

  #pushInSpeech(probability: number, untilUs: number): SpeechChange[] {
    if (probability >= this.#options.threshold - this.#options.hysteresis) {
      this.#voicedUntilUs = untilUs;
      return [];
    }
    if (untilUs - this.#voicedUntilUs < this.#options.hangoverMs * 1000) return [];
    return this.end();
  }
}
