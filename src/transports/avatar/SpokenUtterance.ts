import { AudioResampler } from "../../media/index.ts";
import type { AvatarSession } from "./AvatarSession.ts";
import { AvatarError } from "./errors.ts";
import type { Pacer } from "./Pacer.ts";

/** How much goes into one message. */
const PIECE_MS = 40;

export interface SpokenUtteranceOptions {
  session: AvatarSession;
  pacer: Pacer;
  /** Hz of what is written. */
  sampleRate: number;
  /** The face does not say it, or the rest of it: it goes on without. */
  onFaceless: (error: AvatarError) => void;
}

/** One utterance on its way to the face: cut into pieces, resampled, paced, ended. */
export class SpokenUtterance {
  /** Under which the face says it; undefined before its first piece. */
  requestId: string | undefined;
  /** What was written, in samples. */
  written = 0;
  readonly #options: SpokenUtteranceOptions;
  readonly #resampler: AudioResampler | undefined;
  readonly #stop = new AbortController();
  #waiting: Int16Array[] = [];
  #ended = false;
  #more = Promise.withResolvers<void>();
  #isFaceless = false;

  constructor(options: SpokenUtteranceOptions) {
    this.#options = options;
    const { sampleRate: inputRate, session } = options;
    const outputRate = session.config.sampleRate;
    if (inputRate !== outputRate) this.#resampler = new AudioResampler({ inputRate, outputRate });
  }

  get cancelled(): boolean {
    return this.#stop.signal.aborted;
  }

  push(pcm: Int16Array): void {
    this.written += pcm.length;
    if (this.#isFaceless) return;
    const pieces = this.#resampler ? this.#resampler.push(pcm).map((frame) => frame.pcm) : [pcm.slice()];
    this.#waiting.push(...pieces);
    this.#more.resolve();
  }

  /** Nothing more comes. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#resampler) this.#waiting.push(...this.#resampler.flush().map((frame) => frame.pcm));
    this.#more.resolve();
  }

  /** Nothing more of it is sent. */
  cancel(): void {
    this.#stop.abort();
    this.#more.resolve();
  }

  /** Sends it to its end; resolves also when it is cancelled or the face is lost. */
  async perform(): Promise<void> {
    const { session, pacer } = this.#options;
    const pieceSamples = (session.config.sampleRate * PIECE_MS) / 1000;
    try {
      for (;;) {
        const piece = await this.#next(pieceSamples);
        if (!piece || this.cancelled) return;
        await pacer.wait(this.#stop.signal);
        if (this.cancelled) return;
        this.#requireSameLink();
        const isLast = this.#ended && this.#waiting.length === 0;
        const sent = session.sendAudio(piece, { end: isLast });
        this.requestId ??= session.lastRequestId;
        pacer.sent((piece.length * 1000) / session.config.sampleRate);
        await sent;
        if (isLast) return;
      }
    } catch (error) {
      this.#isFaceless = true;
      this.#waiting = [];
      if (!this.cancelled) this.#options.onFaceless(asError(error));
    }
  }

  /** A face that came back meanwhile would begin in the middle. */
  #requireSameLink(): void {
    if (this.requestId === undefined || this.#options.session.lastRequestId === this.requestId) return;
    throw new AvatarError(
      "connectionClosed",
      "websocket_send",
      "The avatar was lost in the middle of an utterance",
      {
        requestId: this.requestId,
      },
    );
  }

  /** At most so many samples, once some are there; an empty piece ends what was sent to its last sample already. */
  async #next(samples: number): Promise<Int16Array | null> {
    while (this.#waiting.length === 0) {
      if (this.cancelled) return null;
      if (this.#ended) return new Int16Array(0);
      this.#more = Promise.withResolvers<void>();
      await this.#more.promise;
    }
    const first = this.#waiting.shift()!;
    if (first.length <= samples) return first;
    this.#waiting.unshift(first.subarray(samples));
    return first.subarray(0, samples);
  }
}

function asError(error: unknown): AvatarError {
  if (error instanceof AvatarError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new AvatarError("unknown", "websocket_send", message, { cause: error });
}
