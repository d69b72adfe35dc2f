import { type DataPacket, EncryptedPacketPayload } from "@livekit/protocol";
import { type Clock, logger } from "../../../core/index.ts";
import type { DataPort } from "./DataPort.ts";
import type { PacketValue } from "./DataSender.ts";
import type { DataLimits } from "./limits.ts";

/** How long a packet waits for the key that opens it, in ms. */
const WAIT_MS = 10_000;

export interface EncryptedPacketsListener {
  opened(packet: DataPacket, value: PacketValue, isEncrypted: boolean): void;
  dropped(why: string): void;
}

interface Waiting {
  packet: DataPacket;
  size: number;
  /** When it is given up, in us. */
  untilUs: number;
}

interface Sender {
  waiting: Waiting[];
  stopListening: () => void;
  timer: unknown;
  /** Opening a packet may itself change keys. */
  isOpening: boolean;
}

/**
 * Opens the reliable packets of a room in their order. One that no key opens yet waits for its key, and the later ones
 * of its sender behind it: whoever sets a key, or moves it on by the ratchet, sends under it before the others have it.
 */
export class EncryptedPackets {
  readonly #port: DataPort;
  readonly #limits: DataLimits;
  readonly #clock: Clock;
  readonly #listener: EncryptedPacketsListener;
  /** Those of whom something waits, by identity. */
  readonly #senders = new Map<string, Sender>();
  #waitingBytes = 0;

  constructor(port: DataPort, limits: DataLimits, clock: Clock, listener: EncryptedPacketsListener) {
    this.#port = port;
    this.#limits = limits;
    this.#clock = clock;
    this.#listener = listener;
  }

  /** @param size the length of the packet on the wire, in bytes. */
  takeReliable(packet: DataPacket, size: number): void {
    const sender = this.#senders.get(packet.participantIdentity);
    if (sender) this.#wait(sender, packet, size);
    else if (!this.#open(packet)) this.#waitFirst(packet, size);
  }

  /** A lossy packet waits for nothing. */
  takeLossy(packet: DataPacket): void {
    if (!this.#open(packet)) this.#listener.dropped("no key opens it");
  }

  close(): void {
    for (const sender of this.#senders.values()) this.#end(sender);
    this.#senders.clear();
  }

  /** False when a key may yet come that opens it. */
  #open(packet: DataPacket): boolean {
    const { value } = packet;
    if (value.case !== "encryptedPacket") {
      this.#listener.opened(packet, value, false);
      return true;
    }
    const { encryption } = this.#port;
    if (!encryption) {
      this.#listener.dropped("it is encrypted and the room is not");
      return true;
    }
    let opened: PacketValue;
    try {
      const { encryptedValue: payload, iv, keyIndex } = value.value;
      const plain = encryption.decrypt({ payload, iv, keyIndex }, packet.participantIdentity);
      if (!plain) return false;
      opened = EncryptedPacketPayload.fromBinary(plain).value;
    } catch (error) {
      logger.debug("an encrypted data packet was dropped", { error });
      this.#listener.dropped("it could not be read");
      return true;
    }
    this.#listener.opened(packet, opened, true);
    return true;
  }

  #waitFirst(packet: DataPacket, size: number): void {
    const identity = packet.participantIdentity;
    const sender: Sender = { waiting: [], stopListening: () => {}, timer: undefined, isOpening: false };
    this.#wait(sender, packet, size);
    if (sender.waiting.length === 0) return;
    this.#senders.set(identity, sender);
    sender.stopListening =
      this.#port.encryption?.onKeys(identity, () => this.#openWaiting(identity)) ?? sender.stopListening;
    this.#arm(identity, sender);
  }

  #wait(sender: Sender, packet: DataPacket, size: number): void {
    if (this.#waitingBytes + size > this.#limits.undecryptedBytes) {
      this.#listener.dropped("too many packets wait for their keys");
      return;
    }
    this.#waitingBytes += size;
    sender.waiting.push({ packet, size, untilUs: this.#clock.nowUs() + WAIT_MS * 1000 });
  }

  #openWaiting(identity: string): void {
    const sender = this.#senders.get(identity);
    if (!sender || sender.isOpening) return;
    sender.isOpening = true;
    try {
      // What a listener does may end all of this.
      while (sender.waiting[0] && this.#senders.get(identity) === sender) {
        if (!this.#open(sender.waiting[0].packet)) break;
        this.#shift(sender);
      }
    } finally {
      sender.isOpening = false;
    }
    if (this.#senders.get(identity) !== sender) return;
    if (sender.waiting.length > 0) {
      this.#arm(identity, sender);
      return;
    }
    this.#senders.delete(identity);
    this.#end(sender);
  }

  #arm(identity: string, sender: Sender): void {
    this.#clock.clearTimeout(sender.timer);
    const waitMs = Math.max(0, (sender.waiting[0]!.untilUs - this.#clock.nowUs()) / 1000);
    sender.timer = this.#clock.setTimeout(() => {
      this.#shift(sender);
      this.#listener.dropped("no key opened it in time");
      this.#openWaiting(identity);
    }, waitMs);
  }

  #shift(sender: Sender): void {
    this.#waitingBytes -= sender.waiting.shift()?.size ?? 0;
  }

  #end(sender: Sender): void {
    this.#clock.clearTimeout(sender.timer);
    sender.stopListening();
    for (const { size } of sender.waiting) this.#waitingBytes -= size;
    sender.waiting = [];
  }
}
