// The Sora client: `sora(options)` for `connect`, its connection class, and the codes of Sora's own SDKs.
import type { Transport } from "../../connection/index.ts";
import { parseSoraOptions, type SoraOptions } from "./options.ts";
import { SoraConnection } from "./SoraConnection.ts";

export { SORA_ERROR_CODES, type SoraErrorCode, soraErrorCodeOf } from "./errorCode.ts";
export type { SoraChannelMessage, SoraConnectionEvents } from "./events.ts";
export { isSoraNotify, type SoraNotifications } from "./notifications.ts";
export type { SoraDataChannelOptions, SoraOptions } from "./options.ts";
export { SoraRpcError, type SoraRpcOptions } from "./rpc.ts";
export { SoraConnection } from "./SoraConnection.ts";
export type { SoraNotify, SoraOffer, SoraPush } from "./wire.ts";

/**
 * A Sora channel to connect to.
 *
 * @throws TroupeError INVALID_OPTION
 * @example
 * const connection = connect(sora({ signalingUrls: ["ws://127.0.0.1:5000/signaling"], channelId: "lobby", role: "sendrecv" }));
 */
export function sora(options: SoraOptions): Transport<SoraConnection> {
  const settings = parseSoraOptions(options);
  return { name: "sora", create: () => new SoraConnection(settings) };
}
