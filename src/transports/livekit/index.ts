// The LiveKit client: `livekit(options)` for `connect`, its connection class which is the room, and its typed errors.
import type { Transport } from "../../connection/index.ts";
import { LiveKitConnection } from "./LiveKitConnection.ts";
import { type LiveKitOptions, parseLiveKitOptions } from "./options.ts";

export * from "./data/index.ts";
export { DISCONNECT_REASONS, type LiveKitDisconnectReason } from "./disconnectReason.ts";
export {
  type EncryptionManager,
  type EncryptionOptions,
  type FrameCryptor,
  type KeyDerivation,
  KeyProvider,
  type KeyProviderOptions,
} from "./e2ee/index.ts";
export {
  ConnectError,
  type ConnectFailure,
  PublishDataError,
  PublishDtmfError,
  PublishTrackError,
  PublishTranscriptionError,
  RPC_ERROR_CODES,
  RpcError,
  type RpcErrorName,
  StreamError,
  type StreamFailure,
  UnpublishTrackError,
} from "./errors.ts";
export type { LiveKitConnectionEvents } from "./events.ts";
export { LiveKitConnection, type Scenario } from "./LiveKitConnection.ts";
export type { RtcStats } from "./media/MediaPath.ts";
export type { AudioPublishOptions, LiveKitOptions } from "./options.ts";
export * from "./room/index.ts";
export {
  type JobAnswer,
  type JobKind,
  JobRun,
  LiveKitWorker,
  type LiveKitWorkerEvents,
  type LiveKitWorkerOptions,
  type WorkerJob,
  type WorkerLoad,
} from "./worker.ts";

/**
 * A LiveKit room to connect to.
 *
 * @throws TroupeError INVALID_OPTION
 * @example
 * const room = connect(livekit({ url: "ws://127.0.0.1:7880", token }));
 */
export function livekit(options: LiveKitOptions): Transport<LiveKitConnection> {
  const settings = parseLiveKitOptions(options);
  return { name: "livekit", create: () => new LiveKitConnection(settings) };
}
