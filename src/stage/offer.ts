import type { DataChannels } from "./dataChannels.ts";
import type { MemberOptions } from "./Member.ts";
import type { OfferMessage } from "./messages.ts";
import { STAGE_VERSION } from "./version.ts";

/** `offer` for a client, with what it may know of its connection. */
export function offerMessage(
  { connect, encodings, identity, metadata, methods }: MemberOptions,
  sdp: string,
  mid: { audio?: string; video?: string },
  channels: DataChannels,
): OfferMessage {
  const { channelId, clientId, bundleId, connectionId, sessionId } = identity;
  const layered = connect.simulcast && mid.video !== undefined;
  return {
    type: "offer",
    sdp,
    version: STAGE_VERSION,
    channel_id: channelId,
    session_id: sessionId,
    client_id: clientId,
    bundle_id: bundleId,
    connection_id: connectionId,
    ...(metadata === undefined ? {} : { metadata }),
    config: { iceServers: [], iceTransportPolicy: "all" },
    mid,
    simulcast: connect.simulcast,
    simulcast_multicodec: layered && encodings.some(({ codec }) => codec !== undefined),
    spotlight: connect.spotlight,
    ...(layered ? { encodings } : {}),
    data_channel_signaling: connect.data_channel_signaling === true,
    ignore_disconnect_websocket: connect.ignore_disconnect_websocket === true,
    ...(channels.wanted ? { data_channels: channels.describe() } : {}),
    ...(methods.size > 0 ? { rpc_methods: [...methods.keys()] } : {}),
  };
}
