import { DataStream_Chunk, DataStream_Trailer } from "@livekit/protocol";
import PQueue from "p-queue";
import { TroupeError } from "../../../../core/index.ts";
import { StreamError } from "../../errors.ts";
import type { DataSender } from "../DataSender.ts";
import { STREAM_CHUNK_BYTES } from "../limits.ts";
import type { ByteStreamInfo, StreamInfo, TextStreamInfo } from "./info.ts";
import { splitText } from "./splitText.ts";

/** What may wait to be written on one stream. */
const MAXIMUM_WAITING_WRITES = 1024;

export interface CloseOptions {
  /** Why the stream ends before its time; its readers get it as an error. An orderly end when left out. */
  reason?: string;
  /** They take the place of the header's. */
  attributes?: Record<string, string>;
}

/** What both kinds of writers do: keep the order, number the chunks and end the stream. */
class StreamWriter<Info extends StreamInfo> {
  readonly info: Info;
  readonly #sender: DataSender;
  readonly #destinations: readonly string[] | undefined;
  readonly #session: number;
  readonly #writes = new PQueue({ concurrency: 1 });
  #nextIndex = 0n;
  #isClosed = false;

  constructor(info: Info, sender: DataSender, destinations: readonly string[] | undefined) {
    this.info = info;
    this.#sender = sender;
    this.#destinations = destinations;
    this.#session = sender.session;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Ends the stream, after what was written before.
   *
   * @throws StreamError closed when it was ended before, or when the room was joined anew since it was opened.
   */
  async close({ reason = "", attributes = {} }: CloseOptions = {}): Promise<void> {
    this.#checkOpen();
    this.#isClosed = true;
    Object.assign(this.info.attributes, attributes);
    const { streamId } = this.info;
    const value = new DataStream_Trailer({ streamId, reason, attributes });
    await this.#writes.add(() => this.#send({ case: "streamTrailer", value }));
  }

  /** Ends the stream when a block with `await using` is left without having done so. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isClosed) await this.close();
  }

  protected async sendPieces(pieces: Iterable<Uint8Array>, signal: AbortSignal | undefined): Promise<void> {
    this.#checkOpen();
    if (this.#writes.size >= MAXIMUM_WAITING_WRITES) {
      throw new StreamError("tooSlow", "Too much waits to be written on the stream: await each write");
    }
    await this.#writes.add(async () => {
      for (const content of pieces) {
        if (signal?.aborted) {
          throw new StreamError("cancelled", "Sending was cancelled", { cause: signal.reason });
        }
        const { streamId } = this.info;
        const value = new DataStream_Chunk({ streamId, chunkIndex: this.#nextIndex, content });
        await this.#send({ case: "streamChunk", value });
        this.#nextIndex += 1n;
      }
    });
  }

  async #send(value: Parameters<DataSender["sendReliable"]>[0]["value"]): Promise<void> {
    // Its readers were told that we left; they would ignore the rest.
    if (this.#sender.session !== this.#session) throw rejoinedError();
    try {
      await this.#sender.sendReliable({ value, destinationIdentities: this.#destinations }, "never");
    } catch (error) {
      throw streamErrorOf(error);
    }
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new StreamError("closed", "The stream was closed");
    if (this.#sender.session !== this.#session) throw rejoinedError();
  }
}

/** An open text stream of ours. */
export class TextStreamWriter extends StreamWriter<TextStreamInfo> {
  /**
   * Sends text behind what was written before; resolves when the data channel took it all.
   *
   * @throws StreamError
   */
  async write(text: string, signal?: AbortSignal): Promise<void> {
    await this.sendPieces(splitText(text, STREAM_CHUNK_BYTES), signal);
  }
}

/** An open byte stream of ours. */
export class ByteStreamWriter extends StreamWriter<ByteStreamInfo> {
  /**
   * Sends bytes behind what was written before; resolves when the data channel took them all. They must not change
   * until then.
   *
   * @throws StreamError
   */
  async write(data: Uint8Array, signal?: AbortSignal): Promise<void> {
    await this.sendPieces(splitBytes(data), signal);
  }
}

function* splitBytes(data: Uint8Array): Generator<Uint8Array, void, void> {
  for (let at = 0; at < data.length; at += STREAM_CHUNK_BYTES)
    yield data.subarray(at, at + STREAM_CHUNK_BYTES);
}

function rejoinedError(): StreamError {
  return new StreamError("closed", "The room was joined anew since the stream was opened");
}

/** What sending failed with, as the error of a stream. */
export function streamErrorOf(error: unknown): StreamError {
  if (error instanceof StreamError) return error;
  const isClosed = error instanceof TroupeError && error.code === "CLOSED";
  const message = error instanceof Error ? error.message : String(error);
  return new StreamError(isClosed ? "closed" : "sendFailed", message, { cause: error });
}
