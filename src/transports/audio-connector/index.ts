// Vonage's Audio Connector: the server that it calls, a call as a connection, and the request that starts one.
export {
  AudioConnectorConnection,
  type AudioConnectorHandlers,
} from "./AudioConnectorConnection.ts";
export { AudioConnectorServer, type AudioConnectorServerEvents } from "./AudioConnectorServer.ts";
export type { AudioConnectorEvents, AudioConnectorInfo } from "./events.ts";
export type { IncomingCounts } from "./IncomingAudio.ts";
export type { OutgoingCounts, SendAudioOptions } from "./OutgoingAudio.ts";
export type {
  AudioConnectorAuthentication,
  AudioConnectorCallOptions,
  AudioConnectorLimits,
  AudioConnectorServerOptions,
  UpgradeRequest,
} from "./options.ts";
export { type StartAudioConnectorOptions, startAudioConnector } from "./startAudioConnector.ts";
export type { ClearForm } from "./wire.ts";
