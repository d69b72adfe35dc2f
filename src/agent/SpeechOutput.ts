import type { AudioFrame, AudioProducer } from "../media/index.ts";

/** Port of what a mouth speaks through: an AudioSource, or a face that speaks (an AvatarSource). */
export interface SpeechOutput extends AudioProducer {
  /** Hz of what it takes. */
  readonly sampleRate: number;
  /** Queues samples; resolves once there is room for all of them. Rejects when they are cleared first. */
  write(audio: AudioFrame): Promise<void>;
  /** Throws away what is queued and sounding. */
  clear(): number;
  /** Resolves when all that was written has been heard, or was thrown away. */
  waitForPlayout(): Promise<"played" | "cleared">;
  /** `playing` while audio is heard, so that what is written then does not begin anew; left out by what always does. */
  readonly state?: string;
  /** Its audio begins to be heard. */
  once(name: "playing", listener: () => void): () => void;
}
