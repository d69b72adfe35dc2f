import { StreamError } from "../../errors.ts";
import type { ChunkQueue } from "./ChunkQueue.ts";
import type { ByteStreamInfo, StreamInfo, TextStreamInfo } from "./info.ts";

export interface ReadAllOptions {
  signal?: AbortSignal;
  /** Bytes; more makes the read fail. The hub's `readAllBytes` when left out. */
  maximumBytes?: number;
}

/** A share from 0 to 1, or undefined when the stream's size is not known. */
export type ProgressListener = (progress: number | undefined) => void;

/** A reader that was dropped unread would hold its share of the bytes that may be unread for ever. */
const abandoned = new FinalizationRegistry<ChunkQueue>((queue) => queue.cancel());

/** What both kinds of readers do: count, check the size and report progress. */
class StreamReader<Info extends StreamInfo> {
  /** The attributes change when the stream ends: the trailer's take the place of the header's. */
  readonly info: Info;
  /** Called at each chunk that is read, and with 1 at the end of a stream of known size. */
  onProgress: ProgressListener | undefined;
  readonly #queue: ChunkQueue;
  readonly #readAllBytes: number;
  #received = 0;

  constructor(info: Info, queue: ChunkQueue, readAllBytes: number) {
    this.info = info;
    this.#queue = queue;
    this.#readAllBytes = readAllBytes;
    abandoned.register(this, queue);
  }

  /** Lets go of a stream that nobody reads to its end: what is left of it is not kept. */
  close(): void {
    this.#queue.cancel();
  }

  protected async nextChunk(signal?: AbortSignal): Promise<Uint8Array | undefined> {
    const chunk = await this.#queue.next(signal);
    this.#received += chunk?.length ?? 0;
    this.#checkSize(chunk === undefined);
    this.#report(chunk === undefined);
    return chunk;
  }

  protected async collect(options: ReadAllOptions): Promise<Buffer> {
    const maximum = options.maximumBytes ?? this.#readAllBytes;
    const chunks: Uint8Array[] = [];
    let total = 0;
    try {
      for (let chunk = await this.nextChunk(options.signal); chunk; ) {
        total += chunk.length;
        if (total > maximum) {
          throw new StreamError("payloadTooLarge", `The stream has more than the ${maximum} bytes allowed`);
        }
        chunks.push(chunk);
        chunk = await this.nextChunk(options.signal);
      }
    } finally {
      this.close();
    }
    return Buffer.concat(chunks, total);
  }

  #checkSize(isEnd: boolean): void {
    const { size } = this.info;
    // The clients of LiveKit write 0 where they do not know the size.
    if (!size) return;
    if (isEnd && this.#received < size) {
      throw new StreamError("incomplete", `The stream ended after ${this.#received} of ${size} bytes`);
    }
    if (this.#received > size) {
      this.close();
      throw new StreamError("lengthExceeded", `The stream has more than the ${size} bytes of its header`);
    }
  }

  #report(isEnd: boolean): void {
    const { size } = this.info;
    if (isEnd && size !== undefined) this.onProgress?.(1);
    else if (!isEnd) this.onProgress?.(size ? this.#received / size : undefined);
  }
}

/**
 * Text that somebody sends. Iterate it for the pieces as they come, or take it whole; either once.
 *
 * @throws StreamError from either when the stream does not come to its end.
 */
export class TextStreamReader extends StreamReader<TextStreamInfo> {
  readonly #decoder = new TextDecoder("utf-8", { fatal: true });

  async *[Symbol.asyncIterator](): AsyncGenerator<string, void, void> {
    yield* this.read();
  }

  /** As iterating, with a signal that ends it. A loop that breaks off closes the reader. */
  async *read(signal?: AbortSignal): AsyncGenerator<string, void, void> {
    try {
      for (let chunk = await this.nextChunk(signal); chunk; chunk = await this.nextChunk(signal)) {
        const text = this.#decode(chunk);
        if (text) yield text;
      }
      this.#decode(undefined);
    } finally {
      this.close();
    }
  }

  /** @throws StreamError */
  async readAll(options: ReadAllOptions = {}): Promise<string> {
    const bytes = await this.collect(options);
    const text = this.#decode(bytes);
    this.#decode(undefined);
    return text;
  }

  #decode(chunk: Uint8Array | undefined): string {
    try {
      return chunk ? this.#decoder.decode(chunk, { stream: true }) : this.#decoder.decode();
    } catch (error) {
      throw new StreamError("decodeFailed", "The stream's text is not UTF-8", { cause: error });
    }
  }
}

/**
 * Bytes that somebody sends, a file for one. Iterate it for the pieces as they come, or take it whole; either once.
 *
 * @throws StreamError from either when the stream does not come to its end.
 */
export class ByteStreamReader extends StreamReader<ByteStreamInfo> {
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, void> {
    yield* this.read();
  }

  /** As iterating, with a signal that ends it. A loop that breaks off closes the reader. */
  async *read(signal?: AbortSignal): AsyncGenerator<Uint8Array, void, void> {
    try {
      for (let chunk = await this.nextChunk(signal); chunk; chunk = await this.nextChunk(signal)) yield chunk;
    } finally {
      this.close();
    }
  }

  /** @throws StreamError */
  readAll(options: ReadAllOptions = {}): Promise<Uint8Array> {
    return this.collect(options);
  }
}
