// The LiveKit client: `livekit(options)` for `connect`, its connection class, and its typed errors.
import type { Transport } from "../../connection/index.ts";
import { LiveKitConnection } from "./LiveKitConnection.ts";
import { type LiveKitOptions, parseLiveKitOptions } from "./options.ts";

export { DISCONNECT_REASONS, type LiveKitDisconnectReason } from "./disconnectReason.ts";
export { LiveKitConnection, type LiveKitConnectionEvents } from "./LiveKitConnection.ts";
export type { AudioPublishOptions, LiveKitOptions } from "./options.ts";

/**
 * A LiveKit room to connect to.
 *
 * @throws TroupeError INVALID_OPTION
 * @example
 * const connection = connect(livekit({ url: "ws://127.0.0.1:7880", token }));
 */
export function livekit(options: LiveKitOptions): Transport<LiveKitConnection> {
  const settings = parseLiveKitOptions(options);
  return { name: "livekit", create: () => new LiveKitConnection(settings) };
}
