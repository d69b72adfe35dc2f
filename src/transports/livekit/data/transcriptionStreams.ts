import { StreamError } from "../errors.ts";
import type { Transcription } from "./events.ts";
import type { TextStreamOptions } from "./streams/OutgoingStreams.ts";
import type { TextStreamReader } from "./streams/readers.ts";

/** The topic on which LiveKit's agents write what was said, a stream a segment. */
export const TRANSCRIPTION_TOPIC = "lk.transcription";

/** What is taken of one segment, in characters: nobody says more in one go. */
const MAXIMUM_LENGTH = 100_000;

const ATTRIBUTES = {
  segmentId: "lk.segment_id",
  trackSid: "lk.transcribed_track_id",
  final: "lk.transcription_final",
} as const;

export interface TranscriptionStreamOptions {
  /** Of the segment; later streams of the same id take its place. */
  segmentId: string;
  /** Whose words they are; the server lets agents alone write for others. */
  participantIdentity: string;
  trackSid: string;
  /** Whether this text is the last of its segment. `false` when left out; the writer's `close` can say so later. */
  final?: boolean;
  destinationIdentities?: readonly string[];
}

export function transcriptionStream(options: TranscriptionStreamOptions): TextStreamOptions {
  return {
    topic: TRANSCRIPTION_TOPIC,
    senderIdentity: options.participantIdentity,
    destinationIdentities: options.destinationIdentities,
    attributes: {
      [ATTRIBUTES.segmentId]: options.segmentId,
      [ATTRIBUTES.trackSid]: options.trackSid,
      [ATTRIBUTES.final]: String(options.final ?? false),
    },
  };
}

/** What `close` of a transcription's writer is given when the segment is complete. */
export const FINAL_TRANSCRIPTION = { attributes: { [ATTRIBUTES.final]: "true" } } as const;

/** Reports a segment as it grows, and once more when it is final. A stream that breaks off reports nothing more. */
export async function readTranscription(
  reader: TextStreamReader,
  participantIdentity: string,
  report: (transcription: Transcription) => void,
): Promise<void> {
  const { attributes, streamId } = reader.info;
  const segment = (text: string, final: boolean): Transcription => ({
    participantIdentity,
    trackSid: attributes[ATTRIBUTES.trackSid] ?? "",
    segments: [
      {
        id: attributes[ATTRIBUTES.segmentId] || streamId,
        text,
        startTime: 0,
        endTime: 0,
        language: "",
        final,
      },
    ],
  });
  let text = "";
  try {
    for await (const piece of reader) {
      text += piece;
      if (text.length > MAXIMUM_LENGTH) return;
      report(segment(text, false));
    }
  } catch (error) {
    if (error instanceof StreamError) return;
    throw error;
  }
  if (attributes[ATTRIBUTES.final] === "true") report(segment(text, true));
}
