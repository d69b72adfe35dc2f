import type { SignalRequest } from "@livekit/protocol";

/** The signalling as a room needs it; the answers come by {@link RoomModel.receive}. */
export interface RoomSignal {
  /**
   * Sends now, or once the signalling of this membership is back.
   *
   * @throws TroupeError INVALID_STATE when there is no membership of a room, as while it dials anew.
   */
  send(message: Exclude<SignalRequest["message"], { case: undefined }>): void;
}
