import { createInflateRaw, type InflateRaw } from "node:zlib";
import type { DataStream_Chunk, DataStream_Trailer } from "@livekit/protocol";
import { StreamError } from "../../errors.ts";
import { ChunkQueue } from "./ChunkQueue.ts";
import type { StreamInfo } from "./info.ts";
import type { UnreadBudget } from "./UnreadBudget.ts";

/**
 * Who sends a stream. An agent may write text on behalf of another participant; then the identity is that of the
 * other, and the sid its own.
 */
export interface StreamSender {
  identity: string;
  sid: string;
}

/** A stream on its way in: its order, its compression and its end. */
export class IncomingStream {
  readonly info: StreamInfo;
  readonly sender: StreamSender;
  readonly queue: ChunkQueue;
  readonly #maximumBytes: number;
  readonly #inflate: InflateRaw | undefined;
  #nextIndex = 0n;
  #bytes = 0;

  constructor(
    info: StreamInfo,
    sender: StreamSender,
    options: { isCompressed: boolean; maximumBytes: number; budget: UnreadBudget },
  ) {
    this.info = info;
    this.sender = sender;
    this.queue = new ChunkQueue(options.budget);
    this.#maximumBytes = options.maximumBytes;
    if (options.isCompressed) this.#inflate = this.#startInflating();
  }

  /** Over for the network: ended, failed or let go by its reader. */
  get isOver(): boolean {
    return this.queue.isOver;
  }

  chunk({ chunkIndex, content }: DataStream_Chunk, isEncrypted: boolean): void {
    if (this.isOver || !this.#checkEncryption(isEncrypted)) return;
    // One that came before, sent again after a reconnect.
    if (chunkIndex < this.#nextIndex) return;
    if (chunkIndex > this.#nextIndex) {
      this.fail(new StreamError("chunkMissing", `Chunk ${this.#nextIndex} of the stream is missing`));
      return;
    }
    this.#nextIndex += 1n;
    this.payload(content);
  }

  /** Bytes as they came, compressed or not. */
  payload(content: Uint8Array): void {
    if (content.length === 0) return;
    if (this.#inflate) this.#inflate.write(content);
    else this.#take(content);
  }

  trailer({ reason, attributes }: DataStream_Trailer, isEncrypted: boolean): void {
    if (!this.#checkEncryption(isEncrypted)) return;
    Object.assign(this.info.attributes, attributes);
    if (reason) this.fail(new StreamError("abnormalEnd", `The sender ended the stream: ${reason}`));
    else this.end();
  }

  end(): void {
    if (this.#inflate) this.#inflate.end();
    else this.queue.end();
  }

  fail(error: StreamError): void {
    this.queue.end(error);
    this.#inflate?.destroy();
  }

  #checkEncryption(isEncrypted: boolean): boolean {
    if (isEncrypted === this.info.isEncrypted) return true;
    this.fail(new StreamError("encryptionMismatch", "Parts of the stream are encrypted and others are not"));
    return false;
  }

  #take(content: Uint8Array): void {
    this.#bytes += content.length;
    if (this.#bytes > this.#maximumBytes) {
      const message = `The stream has more than the ${this.#maximumBytes} bytes allowed`;
      this.fail(new StreamError("payloadTooLarge", message));
      return;
    }
    this.queue.push(content);
    if (this.queue.isOver) this.#inflate?.destroy();
  }

  #startInflating(): InflateRaw {
    const inflate = createInflateRaw();
    inflate.on("data", (data: Buffer) => this.#take(data));
    inflate.on("end", () => this.queue.end());
    inflate.on("error", (error) => {
      this.queue.end(
        new StreamError("decompressFailed", "The stream's compression is broken", { cause: error }),
      );
    });
    // Destroyed before its end: whatever did it has told the queue why.
    inflate.on("close", () => this.queue.end());
    return inflate;
  }
}
