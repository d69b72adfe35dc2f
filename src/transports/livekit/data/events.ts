import type { DataKind } from "./DataPort.ts";

/** What `publishData` of a participant, or of the server's API, brought. */
export interface ReceivedData {
  data: Uint8Array;
  kind: DataKind;
  topic: string | undefined;
  /** Undefined when the server's API sent it. */
  participantIdentity: string | undefined;
  isEncrypted: boolean;
}

/** A digit of a telephone call. */
export interface SipDtmf {
  /** 0 to 9 for the digits, 10 for the star, 11 for the hash, 12 to 15 for A to D (RFC 4733). */
  code: number;
  digit: string;
}

/** A stretch of transcribed speech; later ones of the same id take its place. */
export interface TranscriptionSegment {
  id: string;
  text: string;
  /** ms; 0 when it is not known. */
  startTime: number;
  endTime: number;
  language: string;
  /** No later segment of this id follows. */
  final: boolean;
}

/** Who spoke, in which track, and what. */
export interface Transcription {
  participantIdentity: string;
  trackSid: string;
  segments: TranscriptionSegment[];
}

/** A message of the room's chat. */
export interface ChatMessage {
  id: string;
  /** ms since the epoch */
  timestamp: number;
  message: string;
  /** When it was changed last, ms since the epoch; undefined when it never was. */
  editTimestamp: number | undefined;
  deleted: boolean;
  /** An agent wrote it on behalf of the participant. */
  generated: boolean;
}

/** What a {@link DataHub} reports. A participant is undefined where the server's API sent the packet. */
export type DataHubEvents = {
  dataReceived: [data: ReceivedData];
  sipDtmfReceived: [dtmf: SipDtmf, participantIdentity: string | undefined];
  transcriptionReceived: [transcription: Transcription, senderIdentity: string | undefined];
  chatMessageReceived: [message: ChatMessage, participantIdentity: string | undefined];
  chatMessageEdited: [message: ChatMessage, participantIdentity: string | undefined];
  /**
   * The numbers of a participant's reliable packets left so many out. Where nobody sends to some of the room alone, the
   * server lost them; what is sent to others is numbered too.
   */
  packetsSkipped: [participantIdentity: string, packets: number];
  /** A packet could not be read or was let go by a limit; it is counted. */
  dropped: [why: string];
};
