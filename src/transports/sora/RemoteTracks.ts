import type { DriverEvent } from "../../actors/index.ts";
import type { ConnectionHost } from "../../connection/index.ts";
import type { EngineReceiver } from "../../media/index.ts";
import type { Transceiver } from "../../webrtc/index.ts";

interface Known {
  key: string;
  receiver: EngineReceiver | null;
}

/**
 * Which transceiver of the running attempt carries which remote track. A track's key is made of its sender's
 * connection id, which stays when we dial again, so that what listens to it goes on listening.
 */
export class RemoteTracks {
  readonly #host: ConnectionHost;
  readonly #report: (event: DriverEvent) => void;
  readonly #current = new Map<Transceiver, Known>();
  /** Keys to senders of all attempts that the connection has not been told to end. */
  readonly #all: Map<string, string>;

  /** @param all kept from attempt to attempt. */
  constructor(host: ConnectionHost, report: (event: DriverEvent) => void, all: Map<string, string>) {
    this.#host = host;
    this.#report = report;
    this.#all = all;
  }

  add(transceiver: Transceiver, streamId: string): void {
    if (transceiver.kind !== "audio" || this.#current.has(transceiver)) return;
    const senderId = streamId === "-" ? "" : streamId;
    const key = this.#freeKey(senderId, transceiver.mid);
    this.#current.set(transceiver, { key, receiver: null });
    this.#all.set(key, senderId);
    this.#report({ type: "track.added", track: { key, kind: "audio", senderId } });
    this.refresh();
  }

  remove(transceiver: Transceiver): void {
    const known = this.#current.get(transceiver);
    if (!known) return;
    this.#current.delete(transceiver);
    this.#all.delete(known.key);
    this.#host.receiverGone(known.key);
    this.#report({ type: "track.removed", key: known.key });
  }

  /** Takes all receivers back: the tracks wait for those of another attempt. */
  detach(): void {
    for (const { key } of this.#current.values()) this.#host.receiverGone(key);
    this.#current.clear();
  }

  /** Hands over receivers that are new: a negotiation may have made others. */
  refresh(): void {
    for (const [transceiver, known] of this.#current) {
      const { receiver } = transceiver;
      if (receiver === known.receiver) continue;
      known.receiver = receiver;
      if (receiver) this.#host.receiverReady(known.key, receiver);
      else this.#host.receiverGone(known.key);
    }
  }

  /** Ends the tracks of earlier attempts whose senders have left meanwhile. */
  endAbsent(present: ReadonlySet<string>): void {
    const here = new Set([...this.#current.values()].map(({ key }) => key));
    for (const [key, senderId] of [...this.#all]) {
      if (here.has(key) || present.has(senderId)) continue;
      this.#all.delete(key);
      this.#report({ type: "track.removed", key });
    }
  }

  #freeKey(senderId: string, mid: string): string {
    const key = senderId === "" ? `mid:${mid}` : `${senderId}:audio`;
    const taken = [...this.#current.values()].some((known) => known.key === key);
    return taken ? `${key}:${mid}` : key;
  }
}
