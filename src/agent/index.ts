// `troupe/agent`: what a bot is made of. Ears, mouth, turn taking, and the speech ports that they work with.
export {
  everySilenceEnds,
  type FliteOptions,
  FliteVoice,
  Pocketsphinx,
  type PocketsphinxOptions,
  type SpeechStream,
  type SpeechStreamEvents,
  type SpeechStreamOptions,
  type SpeechToText,
  type TextToSpeech,
  type Transcript,
  type TurnDetector,
} from "../speech/index.ts";
export { Ears, type EarsEvents, type EarsOptions, type Utterance } from "./Ears.ts";
export { Mouth, type MouthEvents, type MouthOptions } from "./Mouth.ts";
export type { SpeechOutput } from "./SpeechOutput.ts";
export { TurnTaking, type TurnTakingEvents, type TurnTakingOptions } from "./TurnTaking.ts";
