// Audio as users hold it: sources, sinks, mixers, frames, recordings, levels. The engine below does the work.
export type {
  CryptorState,
  EngineProducer,
  EngineReceiver,
  EngineSender,
  FrameTransformStats,
  Level,
  Loudness,
  OpusParameters,
  ProcessingOptions,
  ResamplerQuality,
} from "../native/index.ts";
export { AudioEncryption, type AudioEncryptionEvents } from "./AudioEncryption.ts";
export { AudioFilter, type FilterStreamInfo, type NoiseCancellationOptions } from "./AudioFilter.ts";
export {
  type AudioFrame,
  type AudioFrameJson,
  combineAudioFrames,
  concatenateFrames,
  copyFrame,
  createFrame,
  type FrameOptions,
  frameDurationMs,
  frameFromJson,
  frameToJson,
  remixFrame,
  silentFrame,
} from "./AudioFrame.ts";
export {
  AudioMixer,
  type AudioMixerEvents,
  type AudioMixerOptions,
  type MixerInput,
  type MixerInputEvents,
  type MixMinus,
} from "./AudioMixer.ts";
export { AudioProcessor } from "./AudioProcessor.ts";
export { AudioResampler, type AudioResamplerOptions } from "./AudioResampler.ts";
export { AudioSink, type AudioSinkEvents, type AudioSinkOptions } from "./AudioSink.ts";
export {
  AudioSource,
  type AudioSourceEvents,
  type AudioSourceOptions,
  type AudioWriteOptions,
} from "./AudioSource.ts";
export type { AudioStream } from "./AudioStream.ts";
export type { AudioDevice, AudioDriver, DeviceStream, DeviceStreamOptions } from "./audioDriver.ts";
export { decodeWav, type WavAudio } from "./decodeWav.ts";
export {
  EncodedAudioFrame,
  EncodedAudioTransform,
  type EncodedAudioTransformEvents,
  type EncodedAudioTransformOptions,
} from "./EncodedAudioTransform.ts";
export { encodeWav } from "./encodeWav.ts";
export { FilteredAudio, type FilteredAudioOptions } from "./FilteredAudio.ts";
export { FrameMixer, type FrameMixerOptions, type FrameStream } from "./FrameMixer.ts";
export { type FrameDirection, FrameTransform, requireTransform, TransformSlot } from "./FrameTransform.ts";
export { LevelMeter } from "./LevelMeter.ts";
export {
  type LocalAudioEvents,
  type LocalAudioOptions,
  listAudioDevices,
  Microphone,
  Speaker,
} from "./LocalAudio.ts";
export { LoudnessMeter } from "./LoudnessMeter.ts";
export { type AudioProducer, type ProducerEvents, requireProducer } from "./producer.ts";
export { Recorder, type RecorderEvents, type RecorderOptions } from "./Recorder.ts";
export { type DetectedTone, DtmfDetector, ToneDetector } from "./ToneDetector.ts";
export {
  type AudioTransform,
  TransformedAudio,
  type TransformedAudioEvents,
  type TransformedAudioOptions,
} from "./TransformedAudio.ts";
export { type DtmfOptions, generateDtmf, generateTone, type ToneOptions } from "./tone.ts";
export {
  DEFAULT_VAD_THRESHOLD,
  type SpeechEdge,
  Vad,
  type VadFrame,
  VoiceActivity,
  type VoiceActivityEvents,
  type VoiceActivityOptions,
} from "./vad/index.ts";
