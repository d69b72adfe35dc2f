import { RpcAck, RpcError as RpcErrorMessage, type RpcRequest, RpcResponse } from "@livekit/protocol";
import { type Clock, logger } from "../../../../core/index.ts";
import { RpcError } from "../../errors.ts";
import type { DataSender, PacketValue } from "../DataSender.ts";
import type { DataLimits } from "../limits.ts";
import type { OutgoingStreams } from "../streams/OutgoingStreams.ts";
import type { TextStreamReader } from "../streams/readers.ts";
import {
  MAXIMUM_PACKET_PAYLOAD_BYTES,
  PACKET_RPC_VERSION,
  RPC_ATTRIBUTES,
  RPC_RESPONSE_TOPIC,
  type RpcHandler,
  STREAM_RPC_PROTOCOL,
  STREAM_RPC_VERSION,
} from "./rpc.ts";

/** Calls that are remembered, so that one which is sent again does not run twice. */
const MAXIMUM_REMEMBERED = 4096;
/** What a handler is given when its caller does not say how long it waits. */
const UNKNOWN_TIMEOUT_MS = 15_000;
/** The longest timer of Node. */
const LONGEST_MS = 2 ** 31 - 1;

interface Call {
  requestId: string;
  callerIdentity: string;
  method: string;
  responseTimeoutMs: number;
  /** Sends the response by what the caller understands. */
  respond: (payload: string) => Promise<void>;
}

interface Running {
  callerIdentity: string;
  stop: (why: RpcError) => void;
}

/** The methods that others call. */
export class RpcServer {
  readonly #sender: DataSender;
  readonly #streams: OutgoingStreams;
  readonly #limits: DataLimits;
  readonly #clock: Clock;
  readonly #handlers = new Map<string, RpcHandler>();
  readonly #running = new Map<string, Running>();
  readonly #remembered = new Set<string>();
  #isClosed = false;

  constructor(sender: DataSender, streams: OutgoingStreams, limits: DataLimits, clock: Clock) {
    this.#sender = sender;
    this.#streams = streams;
    this.#limits = limits;
    this.#clock = clock;
  }

  /** Takes the place of a handler that the method had. */
  register(method: string, handler: RpcHandler): void {
    this.#handlers.set(method, handler);
  }

  unregister(method: string): void {
    this.#handlers.delete(method);
  }

  /** A call by a packet. */
  async request(request: RpcRequest, callerIdentity: string): Promise<void> {
    const { id: requestId, method, payload, version } = request;
    const responseTimeoutMs = request.responseTimeoutMs || UNKNOWN_TIMEOUT_MS;
    if (!this.#isNew(requestId, callerIdentity)) return;
    // Before the answer by the order of the queue; a handler need not wait for it.
    void this.#acknowledge(requestId, callerIdentity);
    const respond = (response: string) => this.#respondByPacket(requestId, callerIdentity, response);
    const call = { requestId, callerIdentity, method, responseTimeoutMs, respond };
    const isKnown = version === PACKET_RPC_VERSION;
    await this.#answer(call, isKnown ? async () => payload : unsupportedVersion);
  }

  /** A call by a stream. */
  async requestStream(reader: TextStreamReader, callerIdentity: string): Promise<void> {
    const { attributes } = reader.info;
    const requestId = attributes[RPC_ATTRIBUTES.requestId] ?? "";
    const method = attributes[RPC_ATTRIBUTES.method] ?? "";
    if (!requestId || !method || !this.#isNew(requestId, callerIdentity)) {
      reader.close();
      return;
    }
    void this.#acknowledge(requestId, callerIdentity);
    const told = Number(attributes[RPC_ATTRIBUTES.responseTimeoutMs]);
    const responseTimeoutMs = told > 0 ? told : UNKNOWN_TIMEOUT_MS;
    const isKnown = Number(attributes[RPC_ATTRIBUTES.version]) === STREAM_RPC_VERSION;
    const respond = (response: string) => this.#respondByStream(requestId, callerIdentity, response);
    const call = { requestId, callerIdentity, method, responseTimeoutMs, respond };
    await this.#answer(call, isKnown ? () => readRequest(reader) : unsupportedVersion);
    reader.close();
  }

  participantLeft(identity: string): void {
    this.#stop(({ callerIdentity }) => callerIdentity === identity, "The caller left");
  }

  /** Ends every handler; nobody is answered any more. */
  close(): void {
    this.#isClosed = true;
    this.#stop(() => true, "The room was left");
    this.#handlers.clear();
  }

  #stop(concerns: (running: Running) => boolean, why: string): void {
    for (const running of this.#running.values()) {
      if (concerns(running)) running.stop(RpcError.of("RECIPIENT_DISCONNECTED", why));
    }
  }

  async #answer(call: Call, read: () => Promise<string>): Promise<void> {
    try {
      const response = await this.#run(call, read);
      if (!this.#isClosed) await call.respond(response);
    } catch (error) {
      if (!this.#isClosed) await this.#refuse(call, this.#errorOf(call, error));
    }
  }

  /** The handler's answer, or what ended it first: its time, the caller or we. */
  async #run(call: Call, read: () => Promise<string>): Promise<string> {
    if (this.#running.size >= this.#limits.runningCalls) {
      throw RpcError.of("APPLICATION_ERROR", "Too many calls are running");
    }
    const { requestId, callerIdentity, method, responseTimeoutMs } = call;
    const controller = new AbortController();
    const { promise: stopped, reject } = Promise.withResolvers<never>();
    const stop = (why: RpcError) => {
      controller.abort(why);
      reject(why);
    };
    const key = keyOf(requestId, callerIdentity);
    this.#running.set(key, { callerIdentity, stop });
    const limitMs = Math.min(responseTimeoutMs, LONGEST_MS);
    const timer = this.#clock.setTimeout(() => stop(RpcError.of("RESPONSE_TIMEOUT")), limitMs);
    const work = async () => {
      const payload = await read();
      const handler = this.#handlers.get(method);
      if (!handler) throw RpcError.of("UNSUPPORTED_METHOD");
      const { signal } = controller;
      // What it gives is checked: a handler in JavaScript may forget to.
      const response: unknown = await handler({ ...call, payload, responseTimeoutMs, signal });
      if (response !== undefined && typeof response !== "string") {
        throw RpcError.of("APPLICATION_ERROR", "The handler gave no text");
      }
      return response ?? "";
    };
    try {
      return await Promise.race([work(), stopped]);
    } finally {
      this.#clock.clearTimeout(timer);
      this.#running.delete(key);
      stopped.catch(() => {});
    }
  }

  #errorOf({ method }: Call, error: unknown): RpcError {
    if (error instanceof RpcError) return error;
    // Its text stays here: it may say more than a caller should know.
    logger.warn("an RPC handler failed", { method, error });
    return RpcError.of("APPLICATION_ERROR");
  }

  async #acknowledge(requestId: string, callerIdentity: string): Promise<void> {
    await this.#send(callerIdentity, { case: "rpcAck", value: new RpcAck({ requestId }) });
  }

  async #respondByPacket(requestId: string, callerIdentity: string, payload: string): Promise<void> {
    if (Buffer.byteLength(payload) > MAXIMUM_PACKET_PAYLOAD_BYTES) {
      throw RpcError.of("RESPONSE_PAYLOAD_TOO_LARGE");
    }
    const value = new RpcResponse({ requestId, value: { case: "payload", value: payload } });
    await this.#send(callerIdentity, { case: "rpcResponse", value });
  }

  async #respondByStream(requestId: string, callerIdentity: string, payload: string): Promise<void> {
    if (this.#sender.protocolOf(callerIdentity) < STREAM_RPC_PROTOCOL) {
      await this.#respondByPacket(requestId, callerIdentity, payload);
      return;
    }
    try {
      await this.#streams.sendText(payload, {
        topic: RPC_RESPONSE_TOPIC,
        destinationIdentities: [callerIdentity],
        attributes: { [RPC_ATTRIBUTES.requestId]: requestId },
      });
    } catch (cause) {
      throw RpcError.of("SEND_FAILED", undefined, { cause });
    }
  }

  async #refuse({ requestId, callerIdentity }: Call, error: RpcError): Promise<void> {
    const { rpcCode: code, message, data = "" } = error;
    const value = { case: "error" as const, value: new RpcErrorMessage({ code, message, data }) };
    await this.#send(callerIdentity, { case: "rpcResponse", value: new RpcResponse({ requestId, value }) });
  }

  async #send(callerIdentity: string, value: PacketValue): Promise<void> {
    try {
      await this.#sender.sendReliable({ value, destinationIdentities: [callerIdentity] }, "unsent");
    } catch (error) {
      logger.debug("an RPC answer was not sent", { callerIdentity, error });
    }
  }

  #isNew(requestId: string, callerIdentity: string): boolean {
    const key = keyOf(requestId, callerIdentity);
    if (this.#isClosed || this.#remembered.has(key)) return false;
    this.#remembered.add(key);
    const [oldest] = this.#remembered;
    if (this.#remembered.size > MAXIMUM_REMEMBERED) this.#remembered.delete(oldest!);
    return true;
  }
}

function keyOf(requestId: string, callerIdentity: string): string {
  return `${callerIdentity} ${requestId}`;
}

async function unsupportedVersion(): Promise<string> {
  throw RpcError.of("UNSUPPORTED_VERSION");
}

async function readRequest(reader: TextStreamReader): Promise<string> {
  try {
    return await reader.readAll();
  } catch (cause) {
    throw RpcError.of("APPLICATION_ERROR", "The request could not be read", { cause });
  }
}
