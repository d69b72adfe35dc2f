import { randomBytes } from "node:crypto";
import { DataPacket, DataPacket_Kind, UserPacket } from "@livekit/protocol";
import {
  type Clock,
  logger,
  parseOptions,
  systemClock,
  TroupeError,
  TypedEvents,
} from "../../../core/index.ts";
import { PublishDataError, PublishDtmfError, PublishTranscriptionError, StreamError } from "../errors.ts";
import type { DataKind, DataPort } from "./DataPort.ts";
import { DataSender, type Outgoing, type PacketValue } from "./DataSender.ts";
import { EncryptedPackets } from "./EncryptedPackets.ts";
import type { ChatMessage, DataHubEvents, SipDtmf, Transcription } from "./events.ts";
import { type DataLimits, dataLimitsSchema } from "./limits.ts";
import {
  chatOf,
  chatPacket,
  dtmfOf,
  dtmfPacket,
  newChat,
  transcriptionOf,
  transcriptionPacket,
} from "./messages.ts";
import { ReceivedPackets } from "./ReceivedPackets.ts";
import type { Survival } from "./ReliableQueue.ts";
import { RpcClient } from "./rpc/RpcClient.ts";
import { RpcServer } from "./rpc/RpcServer.ts";
import { RPC_REQUEST_TOPIC, RPC_RESPONSE_TOPIC, type RpcCall, type RpcHandler } from "./rpc/rpc.ts";
import type { StreamSender } from "./streams/IncomingStream.ts";
import {
  type ByteStreamHandler,
  IncomingStreams,
  type TextStreamHandler,
} from "./streams/IncomingStreams.ts";
import type { ByteStreamInfo, TextStreamInfo } from "./streams/info.ts";
import {
  type ByteStreamOptions,
  OutgoingStreams,
  type SendBytesOptions,
  type SendFileOptions,
  type SendTextOptions,
  type TextStreamOptions,
} from "./streams/OutgoingStreams.ts";
import type { ByteStreamWriter, TextStreamWriter } from "./streams/writers.ts";
import {
  readTranscription,
  TRANSCRIPTION_TOPIC,
  type TranscriptionStreamOptions,
  transcriptionStream,
} from "./transcriptionStreams.ts";

export interface DataHubOptions {
  limits?: Partial<DataLimits>;
  clock?: Clock;
}

export interface PublishDataOptions {
  /** Arrives exactly once and in order; otherwise at most once. True when left out. */
  reliable?: boolean;
  /** Everyone when left out or empty. */
  destinationIdentities?: readonly string[];
  topic?: string;
}

/** Bytes that mark a message, so that it is heard once though it was sent again after the room was joined anew. */
const NONCE_BYTES = 16;

/**
 * Everything that goes over a room's data channels: packets, streams, remote procedure calls, transcriptions,
 * digits and chat. It outlives reconnects; handlers and what waits to be sent are kept.
 *
 * The connection tells it what happens: `wake` when the channels are open, `resumed` after a resume, `rejoined`
 * after a full reconnect, `participantLeft`, `close`, and `receive` for each packet.
 */
export class DataHub {
  readonly events = new TypedEvents<DataHubEvents>();
  readonly #port: DataPort;
  readonly #sender: DataSender;
  readonly #received = new ReceivedPackets();
  readonly #encrypted: EncryptedPackets;
  readonly #incoming: IncomingStreams;
  readonly #outgoing: OutgoingStreams;
  readonly #client: RpcClient;
  readonly #server: RpcServer;
  #isClosed = false;
  /** Packets of others that were let go: unreadable, or beyond a limit. */
  dropped = 0;
  /** Reliable packets of others that their numbers tell of, and that did not come: see `packetsSkipped`. */
  skipped = 0;

  /** @throws TroupeError INVALID_OPTION for a limit. */
  constructor(port: DataPort, { limits: given = {}, clock = systemClock }: DataHubOptions = {}) {
    const limits = parseOptions(dataLimitsSchema, given, "data");
    this.#port = port;
    this.#sender = new DataSender(port, limits, clock);
    this.#outgoing = new OutgoingStreams(this.#sender);
    this.#client = new RpcClient(port, this.#sender, this.#outgoing, clock);
    this.#server = new RpcServer(this.#sender, this.#outgoing, limits, clock);
    this.#encrypted = new EncryptedPackets(port, limits, clock, {
      opened: (packet, value, isEncrypted) => this.#dispatch(packet, value, isEncrypted),
      dropped: (why) => this.#drop(why),
    });
    this.#incoming = new IncomingStreams(
      limits,
      (topic) => this.#builtInHandler(topic),
      (why) => this.#drop(why),
    );
  }

  /** Reliable bytes that wait to be sent. */
  get waitingBytes(): number {
    return this.#sender.waitingBytes;
  }

  /** Lossy messages of ours that were not sent, because the channel was not open. */
  get lossyDropped(): number {
    return this.#sender.lossyDropped;
  }

  // --- what users do

  /**
   * Sends a message; resolves when the data channel took it, for a reliable one after a reconnect if need be.
   *
   * @throws PublishDataError INVALID_OPTION when it is too long, QUEUE_FULL, CLOSED.
   */
  async publishData(data: Uint8Array | string, options: PublishDataOptions = {}): Promise<void> {
    const { reliable = true, destinationIdentities, topic } = options;
    if (typeof data !== "string" && !(data instanceof Uint8Array)) {
      throw TroupeError.expected("INVALID_OPTION", "data", "text or bytes", data);
    }
    const payload = typeof data === "string" ? Buffer.from(data) : data;
    const nonce = reliable ? randomBytes(NONCE_BYTES) : undefined;
    const value = new UserPacket({ payload, topic, nonce });
    const outgoing: Outgoing = { value: { case: "user", value }, destinationIdentities };
    try {
      await (reliable ? this.#sender.sendReliable(outgoing, "always") : this.#sender.sendLossy(outgoing));
    } catch (error) {
      throw asError(PublishDataError, error);
    }
  }

  /** Sends a digit to the telephones of the room. @throws PublishDtmfError */
  async publishDtmf({ code, digit }: SipDtmf): Promise<void> {
    if (!Number.isInteger(code) || code < 0 || code > 255) {
      throw TroupeError.expected("INVALID_OPTION", "code", "a whole number from 0 to 255", code);
    }
    await this.#publish({ case: "sipDtmf", value: dtmfPacket({ code, digit }) }, PublishDtmfError);
  }

  /** Sends segments of a transcription by a packet; the server passes it on for agents alone. @throws PublishTranscriptionError */
  async publishTranscription(transcription: Transcription): Promise<void> {
    const value = transcriptionPacket(transcription);
    await this.#publish({ case: "transcription", value }, PublishTranscriptionError);
  }

  /**
   * Opens a stream for the text of one segment, as LiveKit's agents do; close it with `FINAL_TRANSCRIPTION` when
   * the segment is complete.
   *
   * @throws StreamError
   */
  streamTranscription(options: TranscriptionStreamOptions): Promise<TextStreamWriter> {
    return this.#outgoing.streamText(transcriptionStream(options));
  }

  /** @throws PublishDataError */
  async sendChatMessage(text: string, destinationIdentities?: readonly string[]): Promise<ChatMessage> {
    return this.#sendChat(newChat(text), destinationIdentities);
  }

  /** Sends a message's new text under its old id. @throws PublishDataError */
  async editChatMessage(
    text: string,
    original: ChatMessage,
    destinationIdentities?: readonly string[],
  ): Promise<ChatMessage> {
    const edited = { ...original, message: text, editTimestamp: Date.now() };
    return this.#sendChat(edited, destinationIdentities);
  }

  /** Sends text whole. @throws StreamError */
  sendText(text: string, options?: SendTextOptions): Promise<TextStreamInfo> {
    return this.#outgoing.sendText(text, options);
  }

  /** Opens a stream for text that comes piece by piece. @throws StreamError */
  streamText(options?: TextStreamOptions): Promise<TextStreamWriter> {
    return this.#outgoing.streamText(options);
  }

  /** Sends bytes whole. @throws StreamError */
  sendBytes(name: string, data: Uint8Array, options?: SendBytesOptions): Promise<ByteStreamInfo> {
    return this.#outgoing.sendBytes(name, data, options);
  }

  /** Opens a stream for bytes that come piece by piece. @throws StreamError */
  streamBytes(name: string, options?: ByteStreamOptions): Promise<ByteStreamWriter> {
    return this.#outgoing.streamBytes(name, options);
  }

  /** Sends a file of this machine under its base name. @throws StreamError fileUnreadable and as `sendBytes` */
  sendFile(path: string, options?: SendFileOptions): Promise<ByteStreamInfo> {
    return this.#outgoing.sendFile(path, options);
  }

  /** @throws StreamError handlerAlreadyRegistered */
  registerTextStreamHandler(topic: string, handler: TextStreamHandler): void {
    if (topic === RPC_REQUEST_TOPIC || topic === RPC_RESPONSE_TOPIC) {
      throw new StreamError("handlerAlreadyRegistered", `The topic ${topic} is that of RPC`, {
        field: "topic",
      });
    }
    this.#incoming.registerText(topic, handler);
  }

  unregisterTextStreamHandler(topic: string): void {
    this.#incoming.unregisterText(topic);
  }

  /** @throws StreamError handlerAlreadyRegistered */
  registerByteStreamHandler(topic: string, handler: ByteStreamHandler): void {
    this.#incoming.registerBytes(topic, handler);
  }

  unregisterByteStreamHandler(topic: string): void {
    this.#incoming.unregisterBytes(topic);
  }

  /** Calls a method of another participant. @throws RpcError, TroupeError CANCELLED */
  performRpc(call: RpcCall): Promise<string> {
    return this.#client.perform(call);
  }

  /** Takes calls of a method; the handler takes the place of one that was there. */
  registerRpcMethod(method: string, handler: RpcHandler): void {
    this.#server.register(method, handler);
  }

  unregisterRpcMethod(method: string): void {
    this.#server.unregister(method);
  }

  // --- what the connection tells

  /** A packet of either channel. Never throws: what cannot be read is counted and reported as `dropped`. */
  receive(kind: DataKind, bytes: Uint8Array): void {
    if (this.#isClosed) return;
    try {
      this.#receive(kind, DataPacket.fromBinary(bytes), bytes.length);
    } catch (error) {
      logger.debug("a data packet was dropped", { kind, error });
      this.#drop("it could not be read");
    }
  }

  /** The data channels are open. */
  wake(): void {
    this.#sender.wake();
  }

  /** The session was resumed; `lastSequence` is the `lastMessageSeq` of the server's ReconnectResponse. */
  resumed(lastSequence: number): void {
    this.#sender.resumed(lastSequence);
  }

  /** The room was joined anew, under another sid. Open streams of ours end; packets that wait are sent. */
  rejoined(): void {
    this.#sender.rejoined();
  }

  /** The last number that came of each sender, for SyncState. */
  lastSequences(): { publisherSid: string; lastSeq: number }[] {
    return this.#received.lastSequences();
  }

  /** Fails what waits for the participant: calls and streams. */
  participantLeft(identity: string, sid?: string): void {
    this.#client.participantLeft(identity);
    this.#server.participantLeft(identity);
    this.#incoming.participantLeft(identity, sid);
    this.#port.encryption?.forget(identity);
  }

  /** The room was left: handlers of calls end first, then everything that waits fails. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#server.close();
    this.#client.close();
    this.#incoming.close();
    this.#encrypted.close();
    this.#sender.close(new TroupeError("CLOSED", "The room was left"));
    this.events.removeAllListeners();
  }

  // --- packets

  #receive(kind: DataKind, packet: DataPacket, size: number): void {
    if (kind === "reliable" && !this.#takeSequence(packet)) return;
    // The channel that it came by is the truth; what the packet says of it is not.
    packet.kind = kind === "reliable" ? DataPacket_Kind.RELIABLE : DataPacket_Kind.LOSSY;
    if (kind === "reliable") this.#encrypted.takeReliable(packet, size);
    else this.#encrypted.takeLossy(packet);
  }

  /** False for a packet that came already. */
  #takeSequence({ participantSid, participantIdentity, sequence }: DataPacket): boolean {
    const skipped = this.#received.takeSequence(participantSid, sequence);
    if (skipped === undefined) return false;
    this.skipped += skipped;
    if (skipped > 0) this.events.emit("packetsSkipped", participantIdentity, skipped);
    return true;
  }

  #dispatch(packet: DataPacket, value: PacketValue, isEncrypted: boolean): void {
    const { participantIdentity: identity, participantSid: sid } = packet;
    const from = identity || undefined;
    switch (value.case) {
      case "user":
        this.#takeUser(packet, value.value, isEncrypted);
        break;
      case "sipDtmf":
        this.events.emit("sipDtmfReceived", dtmfOf(value.value), from);
        break;
      case "transcription":
        this.events.emit("transcriptionReceived", transcriptionOf(value.value), from);
        break;
      case "chatMessage":
        this.#takeChat(chatOf(value.value), from);
        break;
      case "rpcRequest":
        void this.#server.request(value.value, identity);
        break;
      case "rpcAck":
        this.#client.acknowledged(value.value.requestId, identity);
        break;
      case "rpcResponse":
        this.#client.response(value.value, identity);
        break;
      default:
        this.#takeStream(value, { identity, sid }, isEncrypted);
    }
  }

  /** Metrics, active speakers of old servers and what later ones may add are let go. */
  #takeStream(value: PacketValue, sender: StreamSender, isEncrypted: boolean): void {
    if (value.case === "streamHeader") this.#incoming.header(value.value, sender, isEncrypted);
    else if (value.case === "streamChunk") this.#incoming.chunk(value.value, sender, isEncrypted);
    else if (value.case === "streamTrailer") this.#incoming.trailer(value.value, sender, isEncrypted);
  }

  #takeUser(packet: DataPacket, user: UserPacket, isEncrypted: boolean): void {
    // Older servers name the sender in the inner packet alone.
    const participantIdentity = packet.participantIdentity || user.participantIdentity || undefined;
    if (!this.#received.takeNonce(participantIdentity ?? "", user.nonce)) return;
    const { payload: data } = user;
    const kind = packet.kind === DataPacket_Kind.RELIABLE ? "reliable" : "lossy";
    const topic = user.topic || undefined;
    this.events.emit("dataReceived", { data, kind, topic, participantIdentity, isEncrypted });
  }

  #takeChat(message: ChatMessage, from: string | undefined): void {
    const isEdit = message.editTimestamp !== undefined || message.deleted;
    this.events.emit(isEdit ? "chatMessageEdited" : "chatMessageReceived", message, from);
  }

  #builtInHandler(topic: string): TextStreamHandler | undefined {
    if (topic === RPC_REQUEST_TOPIC) return (reader, from) => this.#server.requestStream(reader, from);
    if (topic === RPC_RESPONSE_TOPIC) return (reader, from) => this.#client.responseStream(reader, from);
    if (topic !== TRANSCRIPTION_TOPIC || !this.events.listenerCount("transcriptionReceived"))
      return undefined;
    return (reader, from) =>
      readTranscription(reader, from, (transcription) =>
        this.events.emit("transcriptionReceived", transcription, from),
      );
  }

  async #sendChat(message: ChatMessage, to: readonly string[] | undefined): Promise<ChatMessage> {
    await this.#publish({ case: "chatMessage", value: chatPacket(message) }, PublishDataError, to);
    return message;
  }

  async #publish(
    value: PacketValue,
    failure: PublishFailure,
    destinationIdentities?: readonly string[],
    survival: Survival = "unsent",
  ): Promise<void> {
    try {
      await this.#sender.sendReliable({ value, destinationIdentities }, survival);
    } catch (error) {
      throw asError(failure, error);
    }
  }

  #drop(why: string): void {
    this.dropped += 1;
    this.events.emit("dropped", why);
  }
}

type PublishFailure = typeof PublishDataError | typeof PublishDtmfError | typeof PublishTranscriptionError;

function asError(failure: PublishFailure, error: unknown): TroupeError {
  const { code, message, field, expected, received } = TroupeError.from("TRANSPORT_FAILED", error);
  return new failure(code, message, { field, expected, received, cause: error });
}
