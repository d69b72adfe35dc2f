// Voice activity by Silero: one worker thread runs the model for every stream of the process in batches.
export { DEFAULT_VAD_THRESHOLD, Vad, type VadFrame } from "./Vad.ts";
export {
  type SpeechEdge,
  VoiceActivity,
  type VoiceActivityEvents,
  type VoiceActivityOptions,
} from "./VoiceActivity.ts";
