import { randomUUID } from "node:crypto";
import {
  ChatMessage as ChatMessagePacket,
  SipDTMF,
  Transcription as TranscriptionPacket,
  TranscriptionSegment as TranscriptionSegmentPacket,
} from "@livekit/protocol";
import type { ChatMessage, SipDtmf, Transcription, TranscriptionSegment } from "./events.ts";

export function transcriptionPacket({ participantIdentity, trackSid, segments }: Transcription) {
  return new TranscriptionPacket({
    transcribedParticipantIdentity: participantIdentity,
    trackId: trackSid,
    segments: segments.map(segmentPacket),
  });
}

function segmentPacket({ startTime, endTime, ...rest }: TranscriptionSegment) {
  const times = { startTime: BigInt(Math.round(startTime)), endTime: BigInt(Math.round(endTime)) };
  return new TranscriptionSegmentPacket({ ...rest, ...times });
}

export function transcriptionOf(packet: TranscriptionPacket): Transcription {
  return {
    participantIdentity: packet.transcribedParticipantIdentity,
    trackSid: packet.trackId,
    segments: packet.segments.map(({ id, text, startTime, endTime, language, final }) => ({
      id,
      text,
      startTime: Number(startTime),
      endTime: Number(endTime),
      language,
      final,
    })),
  };
}

export function chatPacket(message: ChatMessage): ChatMessagePacket {
  const { id, timestamp, editTimestamp, deleted, generated } = message;
  return new ChatMessagePacket({
    id,
    timestamp: BigInt(timestamp),
    message: message.message,
    editTimestamp: editTimestamp === undefined ? undefined : BigInt(editTimestamp),
    deleted,
    generated,
  });
}

export function chatOf(packet: ChatMessagePacket): ChatMessage {
  const { id, timestamp, message, editTimestamp, deleted, generated } = packet;
  return {
    id,
    timestamp: Number(timestamp),
    message,
    editTimestamp: editTimestamp === undefined ? undefined : Number(editTimestamp),
    deleted,
    generated,
  };
}

export function newChat(message: string): ChatMessage {
  const timestamp = Date.now();
  return { id: randomUUID(), timestamp, message, editTimestamp: undefined, deleted: false, generated: false };
}

export function dtmfPacket({ code, digit }: SipDtmf): SipDTMF {
  return new SipDTMF({ code, digit });
}

export function dtmfOf({ code, digit }: SipDTMF): SipDtmf {
  return { code, digit };
}
