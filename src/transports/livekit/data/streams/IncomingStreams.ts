import {
  type DataStream_Chunk,
  DataStream_CompressionType,
  type DataStream_Header,
  type DataStream_Trailer,
} from "@livekit/protocol";
import { logger } from "../../../../core/index.ts";
import { StreamError } from "../../errors.ts";
import type { DataLimits } from "../limits.ts";
import { IncomingStream, type StreamSender } from "./IncomingStream.ts";
import { byteInfoOf, textInfoOf } from "./info.ts";
import { ByteStreamReader, TextStreamReader } from "./readers.ts";
import { UnreadBudget } from "./UnreadBudget.ts";

/** Gets each stream of a topic. What it throws, and what its promise rejects with, is logged. */
export type TextStreamHandler = (reader: TextStreamReader, participantIdentity: string) => unknown;
export type ByteStreamHandler = (reader: ByteStreamReader, participantIdentity: string) => unknown;

/** Who takes the text streams of a topic for which the user has no handler; undefined when nobody does. */
export type BuiltInHandler = (topic: string) => TextStreamHandler | undefined;

/** The streams that others send to us, by id, and who takes them. */
export class IncomingStreams {
  readonly #limits: DataLimits;
  readonly #budget: UnreadBudget;
  readonly #builtIn: BuiltInHandler;
  readonly #dropped: (why: string) => void;
  readonly #textHandlers = new Map<string, TextStreamHandler>();
  readonly #byteHandlers = new Map<string, ByteStreamHandler>();
  readonly #streams = new Map<string, IncomingStream>();

  constructor(limits: DataLimits, builtIn: BuiltInHandler, dropped: (why: string) => void) {
    this.#limits = limits;
    this.#budget = new UnreadBudget(limits.unreadBytes);
    this.#builtIn = builtIn;
    this.#dropped = dropped;
  }

  /** @throws StreamError handlerAlreadyRegistered */
  registerText(topic: string, handler: TextStreamHandler): void {
    register(this.#textHandlers, "text", topic, handler);
  }

  unregisterText(topic: string): void {
    this.#textHandlers.delete(topic);
  }

  /** @throws StreamError handlerAlreadyRegistered */
  registerBytes(topic: string, handler: ByteStreamHandler): void {
    register(this.#byteHandlers, "byte", topic, handler);
  }

  unregisterBytes(topic: string): void {
    this.#byteHandlers.delete(topic);
  }

  header(header: DataStream_Header, sender: StreamSender, isEncrypted: boolean): void {
    const open = this.#openerOf(header, sender, isEncrypted);
    const key = keyOf(sender, header.streamId);
    // A topic that nobody handles is ignored by custom; a header that came before is one sent again.
    if (!open || this.#streams.has(key)) return;
    if (this.#streams.size >= this.#limits.openStreams) this.#sweep();
    if (this.#streams.size >= this.#limits.openStreams) {
      this.#dropped("too many streams are open");
      return;
    }
    if (header.compression > DataStream_CompressionType.DEFLATE_RAW) {
      this.#dropped("a stream has an unknown compression");
      return;
    }
    const stream = open();
    if (header.inlineContent === undefined) {
      this.#streams.set(key, stream);
      return;
    }
    stream.payload(header.inlineContent);
    stream.end();
  }

  chunk(chunk: DataStream_Chunk, sender: StreamSender, isEncrypted: boolean): void {
    const key = keyOf(sender, chunk.streamId);
    const stream = this.#streams.get(key);
    stream?.chunk(chunk, isEncrypted);
    if (stream?.isOver) this.#streams.delete(key);
  }

  trailer(trailer: DataStream_Trailer, sender: StreamSender, isEncrypted: boolean): void {
    const key = keyOf(sender, trailer.streamId);
    this.#streams.get(key)?.trailer(trailer, isEncrypted);
    this.#streams.delete(key);
  }

  /** The sender left, or came back as somebody new: what it did not end fails. */
  participantLeft(identity: string, sid: string | undefined): void {
    for (const [key, stream] of this.#streams) {
      if (stream.sender.identity !== identity && stream.sender.sid !== sid) continue;
      stream.fail(new StreamError("abnormalEnd", `${identity} left in the middle of the stream`));
      this.#streams.delete(key);
    }
  }

  close(): void {
    for (const stream of this.#streams.values()) {
      stream.fail(new StreamError("closed", "The room was left in the middle of the stream"));
    }
    this.#streams.clear();
    this.#textHandlers.clear();
    this.#byteHandlers.clear();
  }

  /** What makes the stream and tells its handler; undefined when nobody handles it. */
  #openerOf(
    header: DataStream_Header,
    sender: StreamSender,
    isEncrypted: boolean,
  ): (() => IncomingStream) | undefined {
    const options = {
      isCompressed: header.compression === DataStream_CompressionType.DEFLATE_RAW,
      maximumBytes: this.#limits.streamBytes,
      budget: this.#budget,
    };
    const text = textInfoOf(header, isEncrypted);
    const textHandler = text && (this.#textHandlers.get(header.topic) ?? this.#builtIn(header.topic));
    if (text && textHandler) {
      return () => {
        const stream = new IncomingStream(text, sender, options);
        const reader = new TextStreamReader(text, stream.queue, this.#limits.readAllBytes);
        handle(header.topic, () => textHandler(reader, sender.identity));
        return stream;
      };
    }
    const bytes = byteInfoOf(header, isEncrypted);
    const byteHandler = bytes && this.#byteHandlers.get(header.topic);
    if (!bytes || !byteHandler) return undefined;
    return () => {
      const stream = new IncomingStream(bytes, sender, options);
      const reader = new ByteStreamReader(bytes, stream.queue, this.#limits.readAllBytes);
      handle(header.topic, () => byteHandler(reader, sender.identity));
      return stream;
    };
  }

  /** Forgets streams that their readers let go. */
  #sweep(): void {
    for (const [key, stream] of this.#streams) if (stream.isOver) this.#streams.delete(key);
  }
}

/** Ids are chosen by senders, so another sender's stream may have the same. */
function keyOf(sender: StreamSender, streamId: string): string {
  return `${sender.sid} ${streamId}`;
}

function register<Handler>(
  handlers: Map<string, Handler>,
  kind: string,
  topic: string,
  handler: Handler,
): void {
  if (handlers.has(topic)) {
    const message = `The topic ${JSON.stringify(topic)} has a ${kind} stream handler already`;
    throw new StreamError("handlerAlreadyRegistered", message, { field: "topic" });
  }
  handlers.set(topic, handler);
}

function handle(topic: string, call: () => unknown): void {
  const report = (error: unknown) => logger.error("a stream's handler failed", { topic, error });
  try {
    Promise.resolve(call()).catch(report);
  } catch (error) {
    report(error);
  }
}
