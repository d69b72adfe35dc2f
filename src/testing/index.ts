// `troupe/testing`: scripted callers, timelines, recordings and what can be measured in them.
export { audioConnectorLine, type CallerLine, type OpenLine, soraLine } from "./CallerLine.ts";
export {
  type DemoCallEvent,
  type DemoCallOptions,
  type DemoCallResult,
  type DemoMeasurements,
  runDemoCall,
} from "./demoCall.ts";
export { type MouthToEarOptions, measureMouthToEar, nextTrack } from "./mouthToEar.ts";
export { ConnectionProxy } from "./network/ConnectionProxy.ts";
export type { UdpAddress } from "./network/candidates.ts";
export { ImpairedPath, type PathCounters } from "./network/ImpairedPath.ts";
export { type Impairment, type ImpairmentSettings, parseImpairment } from "./network/impairment.ts";
export type { Direction, LinkStats } from "./network/link.worker.ts";
export { type LinkImpairment, NetworkLink, type NetworkLinkOptions } from "./network/NetworkLink.ts";
export { type RewriteMessage, SignallingProxy, soraThrough } from "./network/SignallingProxy.ts";
export { type Alignment, type AlignmentOptions, align } from "./quality/alignment.ts";
export { findGaps, type Gap, type GapOptions } from "./quality/gaps.ts";
export { type ScoreOptions, type SpeechPair, scoreSpeech } from "./quality/scoreSpeech.ts";
export { alignSegments, type Segment, type SegmentOptions } from "./quality/segments.ts";
export {
  findSound,
  type Recording,
  readRecording,
  responseMs,
  type SoundOptions,
  type SoundSpan,
  silenceMs,
} from "./recording.ts";
export {
  type Answer,
  type CallerPlace,
  ScriptedCaller,
  type ScriptedCallerOptions,
} from "./ScriptedCaller.ts";
export { monotonicMs, Timeline, type TimelineEntry } from "./Timeline.ts";
export { generateTone, measureTone, type ToneOptions } from "./tone.ts";
export { within } from "./within.ts";
