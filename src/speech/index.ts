// Ports of recognition, synthesis and turn detection, and adapters that run Debian's programs for them.
export { type FliteOptions, FliteVoice } from "./flite.ts";
export { Pocketsphinx, type PocketsphinxOptions } from "./pocketsphinx.ts";
export {
  everySilenceEnds,
  type SpeechStream,
  type SpeechStreamEvents,
  type SpeechStreamOptions,
  type SpeechToText,
  type TextToSpeech,
  type Transcript,
  type TurnDetector,
} from "./ports.ts";
