import { loadBinding, type NativeObject } from "../../native/index.ts";
import type { AvatarConfig } from "./options.ts";

const DEFAULT_BIT_RATE = 32_000;
const COMPLEXITY = 5;
/** What is kept of an encoded utterance for whoever wants it whole. */
const MAXIMUM_KEPT_BYTES = 16 * 1024 * 1024;

/** Encodes one utterance as one logical Ogg Opus stream, a page a packet, on the thread pool. */
export class UtteranceEncoder {
  readonly #encoder: NativeObject;
  readonly #kept: Uint8Array[] = [];
  readonly #keeps: boolean;
  #keptBytes = 0;

  /** @param keeps whether {@link UtteranceEncoder.whole} is wanted. */
  constructor(config: AvatarConfig, keeps: boolean) {
    const { sampleRate, bitrate, oggOpusEncoder } = config;
    this.#keeps = keeps;
    this.#encoder = loadBinding().oggOpusCreate({
      sampleRate,
      channels: 1,
      bitRate: bitrate || DEFAULT_BIT_RATE,
      complexity: COMPLEXITY,
      frameMs: oggOpusEncoder?.frameDurationMs ?? 20,
      application: oggOpusEncoder?.application ?? "audio",
      pagePerPacket: true,
    });
  }

  /** The pages that are ready after these samples. Await each call. */
  async encode(pcm: Int16Array, end: boolean): Promise<Uint8Array> {
    const pieces = [await loadBinding().oggOpusWrite(this.#encoder, pcm)];
    if (end) pieces.push(await loadBinding().oggOpusFinish(this.#encoder));
    const pages = Buffer.concat(pieces);
    this.#keptBytes += pages.length;
    if (this.#keeps && this.#keptBytes <= MAXIMUM_KEPT_BYTES) this.#kept.push(pages);
    return pages;
  }

  /** All of it so far; null when it was not kept or is longer than 16 MiB. */
  get whole(): Uint8Array | null {
    return this.#keeps && this.#keptBytes <= MAXIMUM_KEPT_BYTES ? Buffer.concat(this.#kept) : null;
  }
}
