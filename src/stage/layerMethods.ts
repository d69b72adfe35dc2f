import { z } from "zod";
import { TroupeError } from "../core/index.ts";
import type { Channels } from "./Channels.ts";
import { requestedRid } from "./encodings.ts";
import type { ConnectMessage } from "./messages.ts";
import type { RpcMethod } from "./rpc.ts";

const requestSchema = z.looseObject({
  receiver_connection_id: z.string().max(64).optional(),
  sender_connection_id: z.string().max(64).optional(),
  rid: requestedRid,
});

/** What a client of simulcast can call: which layer a member of its channel gets, of one sender or of all. */
export function layerMethods(
  { simulcast, spotlight }: ConnectMessage,
  channels: Channels,
): [string, RpcMethod][] {
  if (!simulcast && !spotlight) return [];
  const requestRid: RpcMethod = (params, { channelId, connectionId }) => {
    const request = requestSchema.safeParse(params);
    if (!request.success) {
      const field = request.error.issues[0]?.path.join(".") || "params";
      throw new TroupeError("INVALID_MESSAGE", `Invalid ${field}`);
    }
    const { receiver_connection_id = connectionId, sender_connection_id, rid } = request.data;
    const channel = channels.get(channelId);
    const receiver = channel?.member(receiver_connection_id);
    if (!receiver) throw new TroupeError("INVALID_MESSAGE", "There is no such receiver_connection_id");
    // What is asked for is remembered, so nobody may ask for what there is not.
    if (sender_connection_id !== undefined && !channel?.member(sender_connection_id))
      throw new TroupeError("INVALID_MESSAGE", "There is no such sender_connection_id");
    receiver.requestLayer(rid, sender_connection_id);
    return { channel_id: channelId, receiver_connection_id, rid };
  };
  return [["2025.2.0/RequestSimulcastRid", requestRid]];
}
