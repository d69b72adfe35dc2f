import type { TypedEvents } from "../core/index.ts";
import type { AudioFrame } from "../media/index.ts";

/** What was said in one utterance. */
export interface Transcript {
  /** Empty when nothing was understood. */
  text: string;
  /** How long the audio was, in ms. */
  durationMs: number;
}

/** What a {@link SpeechStream} reports. */
export type SpeechStreamEvents = {
  /** What is understood so far, if the recogniser tells. */
  partial: [text: string];
  final: [transcript: Transcript];
  /** It gave up; no `final` comes. */
  error: [error: Error];
};

/** One utterance on its way through a recogniser. */
export interface SpeechStream {
  readonly events: TypedEvents<SpeechStreamEvents>;
  /** Takes the next audio, mono at the rate that the stream was opened with; copied before it returns. */
  write(audio: AudioFrame | Int16Array): void;
  /**
   * No audio comes any more. Resolves with what `final` reports.
   *
   * @throws TroupeError as `error` reports it; CANCELLED after `close`.
   */
  end(): Promise<Transcript>;
  /** Gives up and frees everything. Allowed at any time. */
  close(): void;
}

export interface SpeechStreamOptions {
  /** Hz; 16000 when left out. */
  sampleRate?: number;
  /** Closes the stream. */
  signal?: AbortSignal;
}

/** Port of a recogniser. */
export interface SpeechToText {
  open(options?: SpeechStreamOptions): SpeechStream;
}

/** Port of a voice. */
export interface TextToSpeech {
  /** Hz of all frames that it gives. */
  readonly sampleRate: number;
  /**
   * Speaks `text` as mono frames, the first as early as it can. Ends early, by an error CANCELLED, when `signal`
   * aborts; leaving the loop frees everything too.
   */
  speak(text: string, signal?: AbortSignal): AsyncIterable<AudioFrame>;
}

/** Port of what decides whether somebody who fell silent has finished. */
export interface TurnDetector {
  /** The probability, 0 to 1, that the turn is over after `text`. */
  isFinished(text: string): number | Promise<number>;
}

/** Takes each silence for the end of the turn. */
export const everySilenceEnds: TurnDetector = { isFinished: () => 1 };
