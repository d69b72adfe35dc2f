import { DataPacket, EncryptedPacket, EncryptedPacketPayload, Encryption_Type } from "@livekit/protocol";
import { type Clock, TroupeError } from "../../../core/index.ts";
import type { DataPort } from "./DataPort.ts";
import { type DataLimits, MAXIMUM_PACKET_BYTES } from "./limits.ts";
import { ReliableQueue, type Survival } from "./ReliableQueue.ts";

export type PacketValue = DataPacket["value"];

export interface Outgoing {
  value: PacketValue;
  /** Everyone when left out or empty. */
  destinationIdentities?: readonly string[];
  /** On whose behalf it is sent; an agent's right. The local participant when left out. */
  senderIdentity?: string;
}

/** Makes packets, encrypts them where the room does, and sends them by either channel. */
export class DataSender {
  readonly #port: DataPort;
  readonly #queue: ReliableQueue;
  /** Counts the sessions: what belongs to an earlier one has ended. */
  session = 1;
  /** Lossy packets that were not sent because the channel was not open. */
  lossyDropped = 0;
  #closed: TroupeError | undefined;

  constructor(port: DataPort, limits: DataLimits, clock: Clock) {
    this.#port = port;
    this.#queue = new ReliableQueue(port, limits, clock);
  }

  /** Reliable bytes that wait to be sent. */
  get waitingBytes(): number {
    return this.#queue.waitingBytes;
  }

  get isEncrypting(): boolean {
    return this.#port.encryption?.isEnabled ?? false;
  }

  /**
   * Resolves when the data channel took it.
   *
   * @throws TroupeError INVALID_OPTION when it is too long, QUEUE_FULL, CLOSED.
   */
  async sendReliable(outgoing: Outgoing, survival: Survival): Promise<void> {
    await this.#queue.send(this.#bytesOf(outgoing), survival);
  }

  /** Lossy packets do not wait: without an open channel they are dropped. */
  async sendLossy(outgoing: Outgoing): Promise<void> {
    const bytes = this.#bytesOf(outgoing);
    if (this.#closed) throw this.#closed;
    if (!this.#port.isConnected) {
      this.lossyDropped += 1;
      return;
    }
    await this.#port.send("lossy", bytes);
  }

  /** How long the packet is on the wire, in bytes, without its number. */
  sizeOf(outgoing: Outgoing): number {
    return this.#packetOf(outgoing).toBinary().length;
  }

  /** Whether everyone whom the packet goes to has this client protocol or a later one. */
  allSpeak(protocol: number, destinationIdentities: readonly string[] | undefined): boolean {
    const participants = this.#port.participants();
    if (!destinationIdentities?.length) return participants.every((one) => one.clientProtocol >= protocol);
    return destinationIdentities.every((identity) => this.protocolOf(identity) >= protocol);
  }

  /** 0 for somebody unknown. */
  protocolOf(identity: string): number {
    return this.#port.participants().find((one) => one.identity === identity)?.clientProtocol ?? 0;
  }

  wake(): void {
    this.#queue.wake();
  }

  resumed(lastSequence: number): void {
    this.#queue.resumed(lastSequence);
  }

  rejoined(): void {
    this.session += 1;
    this.#queue.rejoined();
  }

  close(error: TroupeError): void {
    this.#closed = error;
    this.#queue.close(error);
  }

  #bytesOf(outgoing: Outgoing): Uint8Array {
    const bytes = this.#packetOf(outgoing).toBinary();
    if (bytes.length > MAXIMUM_PACKET_BYTES) {
      const message = `A data packet of ${bytes.length} bytes is too long`;
      throw new TroupeError("INVALID_OPTION", message, {
        field: "data",
        expected: `at most ${MAXIMUM_PACKET_BYTES} bytes with its envelope`,
        received: `${bytes.length}`,
      });
    }
    return bytes;
  }

  #packetOf({ value, destinationIdentities, senderIdentity }: Outgoing): DataPacket {
    return new DataPacket({
      value: this.isEncrypting ? this.#encrypted(value) : value,
      destinationIdentities: [...(destinationIdentities ?? [])],
      participantIdentity: senderIdentity ?? "",
    });
  }

  /** Digits, transcriptions and metrics stay readable: the server needs to see them. */
  #encrypted(value: PacketValue): PacketValue {
    const payload = encryptablePayload(value);
    if (!payload) return value;
    const { payload: encryptedValue, iv, keyIndex } = this.#port.encryption!.encrypt(payload.toBinary());
    const packet = { encryptionType: Encryption_Type.GCM, iv, keyIndex, encryptedValue };
    return { case: "encryptedPacket", value: new EncryptedPacket(packet) };
  }
}

function encryptablePayload(value: PacketValue): EncryptedPacketPayload | undefined {
  switch (value.case) {
    case "user":
    case "chatMessage":
    case "rpcRequest":
    case "rpcAck":
    case "rpcResponse":
    case "streamHeader":
    case "streamChunk":
    case "streamTrailer":
      return new EncryptedPacketPayload({ value });
    default:
      return undefined;
  }
}
