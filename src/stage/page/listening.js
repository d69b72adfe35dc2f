// Plays the pieces of audio of one track as they come, a moment late so that they join.

/** How far ahead a piece is set, in seconds, when nothing plays. */
const LEAD_SECONDS = 0.25;
/** What waits longer than this is let go: the page would tell the past. */
const MAXIMUM_AHEAD_SECONDS = 1;

export class Listening {
  #context;
  #gain;
  #nextAt = 0;
  /** Seconds that were played or are about to be. */
  played = 0;

  constructor(context) {
    this.#context = context;
    this.#gain = context.createGain();
    this.#gain.connect(context.destination);
  }

  /** `pcm`: 16-bit samples of one channel in base64. */
  play({ pcm, sampleRate }) {
    const bytes = Uint8Array.from(atob(pcm), (letter) => letter.charCodeAt(0));
    const samples = new Int16Array(bytes.buffer);
    const now = this.#context.currentTime;
    if (samples.length === 0 || this.#nextAt > now + MAXIMUM_AHEAD_SECONDS) return;
    if (this.#nextAt < now) this.#nextAt = now + LEAD_SECONDS;
    const buffer = this.#context.createBuffer(1, samples.length, sampleRate);
    buffer.copyToChannel(
      Float32Array.from(samples, (sample) => sample / 32768),
      0,
    );
    const source = this.#context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.#gain);
    source.start(this.#nextAt);
    this.#nextAt += buffer.duration;
    this.played += buffer.duration;
  }

  /** What plays now, for a meter. */
  get output() {
    return this.#gain;
  }

  close() {
    this.#gain.disconnect();
  }
}
