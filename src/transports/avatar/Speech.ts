import { type Clock, TroupeError } from "../../core/index.ts";
import type { AudioSource } from "../../media/index.ts";
import { AvatarError } from "./errors.ts";
import type { Pacer } from "./Pacer.ts";
import type { SpokenUtterance } from "./SpokenUtterance.ts";

/** How much was written to a voice that utterances share, in ms. */
interface VoiceLine {
  writtenMs: number;
}

export interface SpeechOptions {
  utterance: SpokenUtterance;
  /** What is heard here; null when the avatar is heard in a room of its own. */
  voice: AudioSource | null;
  /** What was written to `voice`, by all utterances. */
  line: VoiceLine;
  sampleRate: number;
  pacer: Pacer;
  clock: Clock;
  firstFrameMs: number;
  /** What may wait to be heard, in ms. */
  capacityMs: number;
  /** The one before is heard or will be, so that this one may be. */
  turn: Promise<void>;
  onFaceless: (error: AvatarError) => void;
  /** It begins to be heard. */
  onPlaying: () => void;
}

/** One utterance in both its forms: as it goes to the face, and as it is heard, which waits for the face. */
export class Speech {
  readonly #options: SpeechOptions;
  readonly #released = Promise.withResolvers<void>();
  readonly #over = new AbortController();
  /** What waits for the face. */
  #held: Int16Array[] = [];
  #heldSamples = 0;
  #isReleased = false;
  #isPlaying = false;
  #isFaceless = false;
  #startedUs = 0;
  /** What had been written to the voice before its first. */
  #lineStartMs = 0;
  #timer: unknown;
  #performed = Promise.withResolvers<void>();

  constructor(options: SpeechOptions) {
    this.#options = options;
  }

  get requestId(): string | undefined {
    return this.#options.utterance.requestId;
  }

  /** When it may be followed by another. */
  get released(): Promise<void> {
    return this.#released.promise;
  }

  /** How much of it was heard, in ms. */
  get positionMs(): number {
    const { voice, line, clock } = this.#options;
    if (!this.#isPlaying) return 0;
    if (voice) {
      const heardMs = line.writtenMs - voice.queuedDurationMs - this.#lineStartMs;
      return Math.min(this.#writtenMs, Math.max(0, heardMs));
    }
    return Math.min(this.#writtenMs, (clock.nowUs() - this.#startedUs) / 1000);
  }

  /** Goes to the face, once its turn has come, to its end. */
  async perform(): Promise<void> {
    const { clock, voice, firstFrameMs, onPlaying } = this.#options;
    if (this.#over.signal.aborted) return;
    this.#startedUs = clock.nowUs();
    if (voice) this.#timer = clock.setTimeout(() => this.release(lateFace(firstFrameMs)), firstFrameMs);
    else {
      this.#isPlaying = true;
      this.#released.resolve();
      onPlaying();
    }
    await this.#options.utterance.perform();
    this.#performed.resolve();
  }

  /** @throws TroupeError CANCELLED when it is cut first. */
  async write(pcm: Int16Array): Promise<void> {
    const { utterance, voice, capacityMs, sampleRate } = this.#options;
    this.#requireGoing();
    utterance.push(pcm);
    if (!voice) {
      await this.#sleep(this.#writtenMs - this.positionMs - capacityMs);
      this.#requireGoing();
    } else if (this.#isPlaying) await this.#voiceOut(voice, pcm);
    else {
      this.#held.push(pcm.slice());
      this.#heldSamples += pcm.length;
      if ((this.#heldSamples * 1000) / sampleRate > capacityMs) await this.#released.promise;
      this.#requireGoing();
    }
  }

  /** The face shows it, or `error` says why it will not in time: it is heard. */
  release(error?: AvatarError): void {
    const { clock, voice, turn, onFaceless } = this.#options;
    if (error && !this.#isFaceless && !this.#over.signal.aborted) {
      this.#isFaceless = true;
      onFaceless(error);
    }
    if (this.#isReleased || !voice) return;
    this.#isReleased = true;
    clock.clearTimeout(this.#timer);
    void turn.then(() => this.#sound(voice));
  }

  /** Nothing more comes; resolves when all of it was heard. */
  async finish(): Promise<"played" | "cleared"> {
    const { utterance, voice, pacer } = this.#options;
    utterance.end();
    if (voice) {
      await this.#released.promise;
      return this.#over.signal.aborted ? "cleared" : voice.waitForPlayout();
    }
    await this.#performed.promise;
    await this.#sleep(pacer.aheadMs);
    return this.#over.signal.aborted ? "cleared" : "played";
  }

  /** Resolves when what was written by now was heard. */
  async heard(): Promise<void> {
    const { voice } = this.#options;
    await this.#released.promise;
    if (this.#over.signal.aborted) return;
    if (voice) await voice.waitForPlayout();
    else await this.#sleep(this.#writtenMs - this.positionMs);
  }

  /** Nothing more of it is sent or heard. Gives how much was thrown away, in ms. */
  cancel(): number {
    const { utterance, voice, clock, sampleRate } = this.#options;
    const heldMs = (this.#heldSamples * 1000) / sampleRate;
    this.#over.abort();
    clock.clearTimeout(this.#timer);
    utterance.cancel();
    this.#held = [];
    this.#heldSamples = 0;
    this.#isReleased = true;
    const cutMs = heldMs + (voice?.clear() ?? 0);
    this.#released.resolve();
    this.#performed.resolve();
    return cutMs;
  }

  #sound(voice: AudioSource): void {
    const held = new Int16Array(this.#heldSamples);
    let at = 0;
    for (const pcm of this.#held) {
      held.set(pcm, at);
      at += pcm.length;
    }
    this.#held = [];
    this.#heldSamples = 0;
    this.#isPlaying = true;
    this.#lineStartMs = this.#options.line.writtenMs;
    // It is cancelled when it is cut or its source closes, which the waits for playout tell of.
    if (held.length > 0 && !this.#over.signal.aborted) this.#voiceOut(voice, held).catch(() => {});
    this.#released.resolve();
    if (!this.#over.signal.aborted) this.#options.onPlaying();
  }

  #voiceOut(voice: AudioSource, pcm: Int16Array): Promise<void> {
    this.#options.line.writtenMs += (pcm.length * 1000) / this.#options.sampleRate;
    return voice.write(pcm);
  }

  get #writtenMs(): number {
    return (this.#options.utterance.written * 1000) / this.#options.sampleRate;
  }

  #requireGoing(): void {
    if (this.#over.signal.aborted) throw new TroupeError("CANCELLED", "The utterance was cleared");
  }

  async #sleep(ms: number): Promise<void> {
    const { signal } = this.#over;
    if (ms <= 0 || signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#options.clock.setTimeout(resolve, ms);
    const stop = () => resolve();
    signal.addEventListener("abort", stop, { once: true });
    await promise;
    signal.removeEventListener("abort", stop);
    this.#options.clock.clearTimeout(timer);
  }
}

function lateFace(ms: number): AvatarError {
  const message = `The face showed nothing within ${ms} ms; the voice is heard without it`;
  return new AvatarError("connectionFailed", "websocket_runtime", message, { code: "TIMEOUT" });
}
