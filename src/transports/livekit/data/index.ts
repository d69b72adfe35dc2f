// Data of a room: packets, text and byte streams, remote procedure calls, transcription, DTMF and chat.
export type { DataEncryption, DataKind, DataParticipant, DataPort, EncryptedData } from "./DataPort.ts";
export type {
  ChatMessage,
  DataHubEvents,
  ReceivedData,
  SipDtmf,
  Transcription,
  TranscriptionSegment,
} from "./events.ts";
