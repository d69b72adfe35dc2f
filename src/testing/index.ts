// `troupe/testing`: scripted callers, timelines, recordings and what can be measured in them.
export {
  type DemoCallEvent,
  type DemoCallOptions,
  type DemoCallResult,
  type DemoMeasurements,
  runDemoCall,
} from "./demoCall.ts";
export { type MouthToEarOptions, measureMouthToEar } from "./mouthToEar.ts";
export {
  findSound,
  type Recording,
  readRecording,
  responseMs,
  type SoundOptions,
  type SoundSpan,
  silenceMs,
} from "./recording.ts";
export { type Answer, ScriptedCaller, type ScriptedCallerOptions } from "./ScriptedCaller.ts";
export { Timeline, type TimelineEntry } from "./Timeline.ts";
export { generateTone, measureTone, type ToneOptions } from "./tone.ts";
