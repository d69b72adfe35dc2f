import PQueue from "p-queue";
import { TroupeError } from "../../core/index.ts";
import { AvatarError } from "./errors.ts";
import { generateLogId } from "./logId.ts";
import type { AvatarConfig } from "./options.ts";
import { UtteranceEncoder } from "./UtteranceEncoder.ts";
import type { AvatarLink } from "./wire/AvatarLink.ts";
import { encodeAudio, encodeInterrupt } from "./wire/messages.ts";

/** Audio that is sent in one message, in bytes. */
const PIECE_BYTES = 64 * 1024;
/** Sends that wait at most; a caller that does not await them meets this bound. */
const MAXIMUM_WAITING = 256;
/** Interrupted requests whose frames may still come. */
const MAXIMUM_INTERRUPTED = 16;
const NO_AUDIO = new Uint8Array(0);

interface Request {
  readonly id: string;
  readonly encoder: UtteranceEncoder | null;
  interrupted: boolean;
}

/** What the session hears of it. */
export interface UtterancesPort {
  started(): void;
  /** The last that was begun is sent to its end. */
  ended(): void;
  encoded(requestId: string, audio: Uint8Array): void;
  /** Whether somebody wants to hear of `encoded`. */
  wantsEncoded(): boolean;
}

/** What is said over one link: request ids, order, encoding and interruptions. */
export class Utterances {
  readonly #config: AvatarConfig;
  readonly #link: AvatarLink;
  readonly #port: UtterancesPort;
  readonly #sends = new PQueue({ concurrency: 1 });
  readonly #interrupted: string[] = [];
  #current: Request | undefined;
  #last: Request | undefined;

  constructor(config: AvatarConfig, link: AvatarLink, port: UtterancesPort) {
    this.#config = config;
    this.#link = link;
    this.#port = port;
  }

  get lastId(): string | undefined {
    return this.#last?.id;
  }

  /** Whether frames of this request are not wanted any more. */
  isInterrupted(requestId: string): boolean {
    return this.#interrupted.includes(requestId);
  }

  async send(audio: Int16Array | Uint8Array, end: boolean): Promise<string> {
    if (this.#sends.size >= MAXIMUM_WAITING)
      throw new AvatarError("connectionFailed", "websocket_send", `${MAXIMUM_WAITING} sends wait already`, {
        code: "QUEUE_FULL",
        requestId: this.#current?.id,
      });
    const request = this.#current ?? this.#open();
    if (end) this.#current = undefined;
    await this.#sends.add(() => this.#sendPieces(request, audio, end));
    return request.id;
  }

  /** Ends what is being said: what waits is not sent. Resolves when the service was told. */
  async interrupt(): Promise<void> {
    const request = this.#last;
    if (!request) return;
    const wasOpen = this.#current === request;
    this.#current = undefined;
    request.interrupted = true;
    this.#interrupted.push(request.id);
    if (this.#interrupted.length > MAXIMUM_INTERRUPTED) this.#interrupted.shift();
    const hasEgress = this.#config.liveKitEgress !== undefined || this.#config.agoraEgress !== undefined;
    // The service knows interruptions with an egress only; elsewhere an open request is ended and its frames dropped.
    if (hasEgress) await this.#sends.add(() => this.#link.send(encodeInterrupt(request.id), request.id));
    else if (wasOpen)
      await this.#sends.add(async () => {
        const rest = request.encoder ? await request.encoder.encode(new Int16Array(0), true) : NO_AUDIO;
        await this.#link.send(encodeAudio(request.id, rest, true), request.id);
      });
  }

  #open(): Request {
    const encodes = this.#config.oggOpusEncoder !== undefined;
    const encoder = encodes ? new UtteranceEncoder(this.#config, this.#port.wantsEncoded()) : null;
    const request = { id: generateLogId(), encoder, interrupted: false };
    this.#current = request;
    this.#last = request;
    this.#port.started();
    return request;
  }

  async #sendPieces(request: Request, audio: Int16Array | Uint8Array, end: boolean): Promise<void> {
    if (request.interrupted) return;
    const bytes = await this.#encode(request, audio, end);
    if (bytes.length === 0 && !end) return;
    for (let at = 0; at === 0 || at < bytes.length; at += PIECE_BYTES) {
      if (request.interrupted) return;
      const isLast = at + PIECE_BYTES >= bytes.length;
      const piece = bytes.subarray(at, at + PIECE_BYTES);
      await this.#link.send(encodeAudio(request.id, piece, end && isLast), request.id);
    }
    if (!end) return;
    if (!this.#current) this.#port.ended();
    const whole = request.encoder?.whole;
    if (whole) this.#port.encoded(request.id, whole);
  }

  async #encode(request: Request, audio: Int16Array | Uint8Array, end: boolean): Promise<Uint8Array> {
    if (request.encoder) return request.encoder.encode(samplesOf(audio), end);
    return audio instanceof Uint8Array
      ? audio
      : new Uint8Array(audio.buffer, audio.byteOffset, audio.byteLength);
  }
}

/** @throws TroupeError INVALID_AUDIO for half a sample. */
function samplesOf(audio: Int16Array | Uint8Array): Int16Array {
  if (audio instanceof Int16Array) return audio;
  if (audio.byteLength % 2 !== 0)
    throw TroupeError.expected("INVALID_AUDIO", "audio", "whole 16-bit samples", audio.byteLength);
  // A Buffer's own slice would be a view of its pool.
  return new Int16Array(new Uint8Array(audio).buffer);
}
