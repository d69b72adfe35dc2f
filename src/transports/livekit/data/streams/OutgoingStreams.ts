import { randomUUID } from "node:crypto";
import { open, stat } from "node:fs/promises";
import { basename } from "node:path";
import { DataStream_ByteHeader, DataStream_Header, DataStream_TextHeader } from "@livekit/protocol";
import mime from "mime";
import { StreamError } from "../../errors.ts";
import type { DataSender, Outgoing } from "../DataSender.ts";
import { MAXIMUM_PACKET_BYTES, STREAM_CHUNK_BYTES } from "../limits.ts";
import type { ByteStreamInfo, StreamInfo, TextStreamInfo } from "./info.ts";
import { ByteStreamWriter, streamErrorOf, TextStreamWriter } from "./writers.ts";

/** The client protocol from which on a stream may be one packet. */
const SINGLE_PACKET_PROTOCOL = 2;
const UNKNOWN_TYPE = "application/octet-stream";

export interface StreamOptions {
  /** Readers choose by it. Empty when left out. */
  topic?: string;
  /** Everyone when left out or empty. */
  destinationIdentities?: readonly string[];
  attributes?: Record<string, string>;
  /** A UUID when left out. */
  streamId?: string;
}

export interface TextStreamOptions extends StreamOptions {
  /** Bytes of UTF-8, where they are known beforehand. */
  totalSize?: number;
  /** The stream that this one answers. */
  replyToId?: string;
  /** On whose behalf an agent writes; the server heeds it for agents alone. */
  senderIdentity?: string;
  /** The ids of byte streams that belong to the text. */
  attachedStreamIds?: readonly string[];
}

export interface ByteStreamOptions extends StreamOptions {
  /** Bytes, where they are known beforehand. */
  totalSize?: number;
  /** `application/octet-stream` when left out. */
  mimeType?: string;
}

/** A file of this machine by its path, or bytes that are there already. */
export type Attachment = string | { name: string; data: Uint8Array; mimeType?: string };

export interface SendOptions extends StreamOptions {
  /** Called with shares from 0 to 1, with 1 at the end. */
  onProgress?: (progress: number) => void;
  /** Ends the sending; readers get an error. */
  signal?: AbortSignal;
}

export interface SendTextOptions extends SendOptions {
  replyToId?: string;
  senderIdentity?: string;
  /** Sent as byte streams of the same topic, their ids told with the text. */
  attachments?: readonly Attachment[];
}

export interface SendFileOptions extends SendOptions {
  /** By the file's extension when left out. */
  mimeType?: string;
}

export interface SendBytesOptions extends SendOptions {
  mimeType?: string;
}

/** Makes the streams that we send. */
export class OutgoingStreams {
  readonly #sender: DataSender;

  constructor(sender: DataSender) {
    this.#sender = sender;
  }

  /** @throws StreamError headerTooLarge, closed, sendFailed */
  async streamText(options: TextStreamOptions = {}): Promise<TextStreamWriter> {
    const info = this.#textInfo(options);
    await this.#sendHeader(textHeader(info), options, options.senderIdentity);
    return new TextStreamWriter(info, this.#sender, options.destinationIdentities);
  }

  /** @throws StreamError as `streamText` */
  async streamBytes(name: string, options: ByteStreamOptions = {}): Promise<ByteStreamWriter> {
    const info = this.#byteInfo(name, options);
    await this.#sendHeader(byteHeader(info), options);
    return new ByteStreamWriter(info, this.#sender, options.destinationIdentities);
  }

  /** @throws StreamError as `streamText`, cancelled, fileUnreadable for an attachment. */
  async sendText(text: string, options: SendTextOptions = {}): Promise<TextStreamInfo> {
    const attachments = options.attachments ?? [];
    const attachedStreamIds = attachments.map(() => randomUUID());
    const totalSize = Buffer.byteLength(text);
    const progress = shareProgress(options.onProgress, attachments.length + 1);
    const single = this.#textInfo({ ...options, totalSize });
    // The text itself is longer than what is tried, or it may fit into its header.
    if (!attachments.length && totalSize <= STREAM_CHUNK_BYTES) {
      const header = textHeader(single, Buffer.from(text));
      if (await this.#sendSingle(header, options, options.senderIdentity)) {
        progress(0, 1);
        return single;
      }
    }
    const writer = await this.streamText({
      ...options,
      streamId: single.streamId,
      totalSize,
      attachedStreamIds,
    });
    await writing(writer, () => writer.write(text, options.signal));
    progress(0, 1);
    for (const [index, attachment] of attachments.entries()) {
      const { topic, destinationIdentities, signal } = options;
      const streamId = attachedStreamIds[index]!;
      const onProgress = (share: number) => progress(index + 1, share);
      await this.#sendAttachment(attachment, { topic, destinationIdentities, signal, streamId, onProgress });
    }
    return writer.info;
  }

  /** @throws StreamError as `streamText`, cancelled. */
  async sendBytes(name: string, data: Uint8Array, options: SendBytesOptions = {}): Promise<ByteStreamInfo> {
    const info = this.#byteInfo(name, { ...options, totalSize: data.length });
    if (data.length <= STREAM_CHUNK_BYTES && (await this.#sendSingle(byteHeader(info, data), options))) {
      options.onProgress?.(1);
      return info;
    }
    const pieces = async function* () {
      for (let at = 0; at < data.length; at += MAXIMUM_PACKET_BYTES) {
        yield data.subarray(at, at + MAXIMUM_PACKET_BYTES);
      }
    };
    return this.#sendPieces(info, pieces(), options);
  }

  /** @throws StreamError as `streamText`, cancelled, fileUnreadable. */
  async sendFile(path: string, options: SendFileOptions = {}): Promise<ByteStreamInfo> {
    const size = await sizeOf(path);
    const mimeType = options.mimeType ?? mime.getType(path) ?? UNKNOWN_TYPE;
    const info = this.#byteInfo(basename(path), { ...options, mimeType, totalSize: size });
    return this.#sendPieces(info, readFile(path), options);
  }

  #sendAttachment(attachment: Attachment, options: SendOptions): Promise<ByteStreamInfo> {
    if (typeof attachment === "string") return this.sendFile(attachment, options);
    const mimeType = attachment.mimeType ?? mime.getType(attachment.name) ?? UNKNOWN_TYPE;
    return this.sendBytes(attachment.name, attachment.data, { ...options, mimeType });
  }

  async #sendPieces(
    info: ByteStreamInfo,
    pieces: AsyncIterable<Uint8Array>,
    { destinationIdentities, onProgress, signal }: SendOptions,
  ): Promise<ByteStreamInfo> {
    await this.#sendHeader(byteHeader(info), { destinationIdentities });
    const writer = new ByteStreamWriter(info, this.#sender, destinationIdentities);
    await writing(writer, async () => {
      let sent = 0;
      for await (const piece of pieces) {
        await writer.write(piece, signal);
        sent += piece.length;
        if (sent < info.size!) onProgress?.(sent / info.size!);
      }
    });
    onProgress?.(1);
    return info;
  }

  /** False when somebody whom it goes to cannot read it, or when it is too long for one packet. */
  async #sendSingle(header: DataStream_Header, to: StreamOptions, senderIdentity?: string): Promise<boolean> {
    const { destinationIdentities } = to;
    const outgoing = packetOf(header, destinationIdentities, senderIdentity);
    if (!this.#sender.allSpeak(SINGLE_PACKET_PROTOCOL, destinationIdentities)) return false;
    if (this.#sender.sizeOf(outgoing) > STREAM_CHUNK_BYTES) return false;
    await this.#sender.sendReliable(outgoing, "unsent").catch(rethrow);
    return true;
  }

  async #sendHeader(header: DataStream_Header, to: StreamOptions, senderIdentity?: string): Promise<void> {
    const outgoing = packetOf(header, to.destinationIdentities, senderIdentity);
    const bytes = this.#sender.sizeOf(outgoing);
    if (bytes > STREAM_CHUNK_BYTES) {
      const message = `The stream's header has ${bytes} bytes, ${STREAM_CHUNK_BYTES} are allowed`;
      throw new StreamError("headerTooLarge", message, { field: "attributes" });
    }
    await this.#sender.sendReliable(outgoing, "never").catch(rethrow);
  }

  #textInfo(options: TextStreamOptions): TextStreamInfo {
    return {
      ...this.#info(options, "text/plain", options.totalSize),
      attachedStreamIds: [...(options.attachedStreamIds ?? [])],
      replyToId: options.replyToId,
      generated: false,
    };
  }

  #byteInfo(name: string, options: ByteStreamOptions): ByteStreamInfo {
    return { ...this.#info(options, options.mimeType ?? UNKNOWN_TYPE, options.totalSize), name };
  }

  #info(options: StreamOptions, mimeType: string, size: number | undefined): StreamInfo {
    return {
      streamId: options.streamId ?? randomUUID(),
      mimeType,
      topic: options.topic ?? "",
      timestamp: Date.now(),
      size,
      attributes: { ...options.attributes },
      isEncrypted: this.#sender.isEncrypting,
    };
  }
}

function textHeader(info: TextStreamInfo, inlineContent?: Uint8Array): DataStream_Header {
  const { attachedStreamIds, replyToId } = info;
  const value = new DataStream_TextHeader({ attachedStreamIds, replyToStreamId: replyToId ?? "" });
  return headerOf(info, { case: "textHeader", value }, inlineContent);
}

function byteHeader(info: ByteStreamInfo, inlineContent?: Uint8Array): DataStream_Header {
  const value = new DataStream_ByteHeader({ name: info.name });
  return headerOf(info, { case: "byteHeader", value }, inlineContent);
}

function headerOf(
  info: StreamInfo,
  contentHeader: DataStream_Header["contentHeader"],
  inlineContent: Uint8Array | undefined,
): DataStream_Header {
  const { streamId, mimeType, topic, timestamp, size, attributes } = info;
  return new DataStream_Header({
    streamId,
    mimeType,
    topic,
    timestamp: BigInt(timestamp),
    totalLength: size === undefined ? undefined : BigInt(size),
    attributes,
    contentHeader,
    inlineContent,
  });
}

function packetOf(
  value: DataStream_Header,
  destinationIdentities: readonly string[] | undefined,
  senderIdentity: string | undefined,
): Outgoing {
  return { value: { case: "streamHeader", value }, destinationIdentities, senderIdentity };
}

/** Ends the stream in order when `work` did, and with its error for a reason when not. */
async function writing(
  writer: TextStreamWriter | ByteStreamWriter,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    // The first error says more than one of closing.
    if (!writer.isClosed) await writer.close({ reason }).catch(() => {});
    throw error;
  }
  await writer.close();
}

async function sizeOf(path: string): Promise<number> {
  try {
    const found = await stat(path);
    if (!found.isFile()) throw new Error("it is not a file");
    return found.size;
  } catch (error) {
    throw unreadable(path, error);
  }
}

async function* readFile(path: string): AsyncGenerator<Uint8Array, void, void> {
  try {
    await using file = await open(path);
    for (;;) {
      const { bytesRead, buffer } = await file.read({ buffer: Buffer.allocUnsafeSlow(STREAM_CHUNK_BYTES) });
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } catch (error) {
    throw error instanceof StreamError ? error : unreadable(path, error);
  }
}

function unreadable(path: string, cause: unknown): StreamError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new StreamError("fileUnreadable", `${path} cannot be read: ${why}`, { field: "path", cause });
}

/** One share from 0 to 1 out of those of several parts. */
function shareProgress(listener: ((progress: number) => void) | undefined, parts: number) {
  const shares = new Array<number>(parts).fill(0);
  return (part: number, share: number) => {
    shares[part] = share;
    listener?.(shares.reduce((sum, one) => sum + one, 0) / parts);
  };
}

function rethrow(error: unknown): never {
  throw streamErrorOf(error);
}
