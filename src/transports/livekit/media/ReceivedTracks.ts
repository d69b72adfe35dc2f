import type { EngineReceiver } from "../../../media/index.ts";
import type { Transceiver } from "../../../webrtc/index.ts";
import type { TransformTarget } from "../e2ee/index.ts";
import type { MediaListener } from "./MediaPath.ts";

type Transform = Parameters<TransformTarget["setTransform"]>[0];

/** Which m-line brings which of the server's tracks. */
export class ReceivedTracks {
  readonly #listener: Pick<MediaListener, "receiverReady" | "receiverGone">;
  readonly #received = new Map<Transceiver, { sid: string; receiver: EngineReceiver }>();

  constructor(listener: Pick<MediaListener, "receiverReady" | "receiverGone">) {
    this.#listener = listener;
  }

  /** Hands over what the last exchange brought, and takes away what it ended. */
  settle(
    transceivers: readonly Transceiver[],
    sidOf: (transceiver: Transceiver) => string | undefined,
  ): void {
    const present = new Set(transceivers);
    for (const [transceiver, { sid, receiver }] of [...this.#received]) {
      const stays = present.has(transceiver) && transceiver.receiver === receiver;
      if (stays && sidOf(transceiver) === sid) continue;
      this.#received.delete(transceiver);
      this.#listener.receiverGone(sid);
    }
    for (const transceiver of transceivers) {
      const { receiver } = transceiver;
      const sid = sidOf(transceiver);
      if (!receiver || !sid || this.#received.has(transceiver)) continue;
      this.#received.set(transceiver, { sid, receiver });
      const target = { setTransform: (it: Transform) => transceiver.setReceiverTransform(it) };
      this.#listener.receiverReady(sid, receiver, target);
    }
  }
}
