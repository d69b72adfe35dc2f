// Data of a room: packets, text and byte streams, remote procedure calls, transcription, DTMF and chat.
export { DataHub, type DataHubOptions, type PublishDataOptions } from "./DataHub.ts";
export type { DataEncryption, DataKind, DataParticipant, DataPort, EncryptedData } from "./DataPort.ts";
export type {
  ChatMessage,
  DataHubEvents,
  ReceivedData,
  SipDtmf,
  Transcription,
  TranscriptionSegment,
} from "./events.ts";
export type { DataLimits } from "./limits.ts";
export type { RpcCall, RpcHandler, RpcInvocation } from "./rpc/rpc.ts";
export type { ByteStreamHandler, TextStreamHandler } from "./streams/IncomingStreams.ts";
export type { ByteStreamInfo, StreamInfo, TextStreamInfo } from "./streams/info.ts";
export type {
  Attachment,
  ByteStreamOptions,
  SendBytesOptions,
  SendFileOptions,
  SendOptions,
  SendTextOptions,
  StreamOptions,
  TextStreamOptions,
} from "./streams/OutgoingStreams.ts";
export {
  ByteStreamReader,
  type ProgressListener,
  type ReadAllOptions,
  TextStreamReader,
} from "./streams/readers.ts";
export { ByteStreamWriter, type CloseOptions, TextStreamWriter } from "./streams/writers.ts";
export {
  FINAL_TRANSCRIPTION,
  TRANSCRIPTION_TOPIC,
  type TranscriptionStreamOptions,
} from "./transcriptionStreams.ts";
