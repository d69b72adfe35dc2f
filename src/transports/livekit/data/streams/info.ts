import type { DataStream_Header } from "@livekit/protocol";

/** What a stream's header says of it. */
export interface StreamInfo {
  streamId: string;
  mimeType: string;
  topic: string;
  /** When it was opened, ms since the epoch. */
  timestamp: number;
  /** Bytes, before any compression; undefined when the sender did not know. */
  size: number | undefined;
  /** Of the header; those of the trailer take their place when the stream ended. */
  attributes: Record<string, string>;
  isEncrypted: boolean;
}

export interface TextStreamInfo extends StreamInfo {
  /** The ids of the byte streams that belong to this text. */
  attachedStreamIds: string[];
  /** The stream that this one answers; undefined when there is none. */
  replyToId: string | undefined;
  /** An agent wrote it on behalf of the participant. */
  generated: boolean;
}

export interface ByteStreamInfo extends StreamInfo {
  /** A file's base name, or what the sender called it. */
  name: string;
}

function streamInfoOf(header: DataStream_Header, isEncrypted: boolean): StreamInfo {
  return {
    streamId: header.streamId,
    mimeType: header.mimeType,
    topic: header.topic,
    timestamp: Number(header.timestamp),
    size: header.totalLength === undefined ? undefined : Number(header.totalLength),
    attributes: { ...header.attributes },
    isEncrypted,
  };
}

/** What a text header says; undefined when it is none. */
export function textInfoOf(header: DataStream_Header, isEncrypted: boolean): TextStreamInfo | undefined {
  if (header.contentHeader.case !== "textHeader") return undefined;
  const text = header.contentHeader.value;
  return {
    ...streamInfoOf(header, isEncrypted),
    attachedStreamIds: [...text.attachedStreamIds],
    replyToId: text.replyToStreamId || undefined,
    generated: text.generated,
  };
}

/** What a byte header says; undefined when it is none. */
export function byteInfoOf(header: DataStream_Header, isEncrypted: boolean): ByteStreamInfo | undefined {
  if (header.contentHeader.case !== "byteHeader") return undefined;
  return { ...streamInfoOf(header, isEncrypted), name: header.contentHeader.value.name };
}
