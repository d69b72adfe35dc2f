import type { SignallingPath } from "./client.ts";
import type { SoraNotify, SoraOffer, SoraPush } from "./wire.ts";

/** A message of another member on one of the `#` labels. */
export interface SoraChannelMessage {
  label: string;
  /** Without the header. */
  data: Buffer;
  /** Who sent it, where the label has the header `sender_connection_id`. */
  senderConnectionId: string | undefined;
}

/** What a {@link SoraConnection} reports beyond what every connection does. */
export type SoraConnectionEvents = {
  /** The server's offer, before it is answered; once per attempt. */
  offer: [offer: SoraOffer];
  /** Who comes and goes, and what else the server tells: see `event_type`. */
  notify: [notify: SoraNotify];
  push: [push: SoraPush];
  /** Signalling has moved to the data channels. */
  switched: [switched: { ignoreDisconnectWebsocket: boolean }];
  /** The WebSocket closed, by us (1000 SELF-CLOSED after `switched`) or by the server. */
  wsClose: [code: number, reason: string];
  /** Every signalling message as it passes. It may hold secrets of yours. */
  signalingMessage: [type: SignallingPath, direction: "sent" | "received", raw: string];
  /** Every JSON-RPC message of the server, answers to our calls among them, as text. */
  rpc: [text: string];
  /** Beside `message`, with the sender. */
  channelMessage: [message: SoraChannelMessage];
};
