// The typed face of the addon: the media engine's objects, and the transport's raw calls for its one adapter.
export type {
  CodecParameters,
  CryptorState,
  EngineStats,
  ForwarderOptions,
  FrameCryptorOptions,
  FrameTransformStats,
  HeaderExtensionIds,
  InboundRtpStats,
  NativeBinding,
  OpusParameters,
  OutboundRtpStats,
  PeerStats,
  ReceiverOptions,
  SenderOptions,
  SinkOptions,
  SourceOptions,
  TransportFeedbackStats,
} from "./binding.ts";
export {
  Engine,
  EngineForwarder,
  type EngineFrame,
  EnginePeer,
  EngineSender,
  EngineSink,
} from "./engine.ts";
export { EngineFrameCryptor, EngineFrameRelay, EngineFrameTransform } from "./frameTransforms.ts";
export { NativeHandle } from "./handles.ts";
export { loadBinding } from "./load.ts";
export type { Loudness, NativeObject, ProcessingOptions, ResamplerQuality } from "./processing.ts";
export {
  EncodedSource,
  EngineFilter,
  EngineMixer,
  EngineMixMinus,
  EngineProducer,
  EngineReceiver,
  EngineSource,
  type FilterOptions,
  type Level,
} from "./producers.ts";
export { NetworkChanged, onSocketNetworkChange } from "./socketNetwork.ts";
export type {
  DataChannelOptions,
  DtlsCertificate,
  TransportCandidate,
  TransportCertificate,
  TransportEvent,
  TransportOptions,
  TransportPairChecks,
  TransportParameters,
  TransportState,
  TransportStats,
  TransportTraffic,
} from "./transportBinding.ts";
