import { randomUUID } from "node:crypto";
import { RpcRequest, type RpcResponse } from "@livekit/protocol";
import { type Clock, logger, TroupeError } from "../../../../core/index.ts";
import { RpcError } from "../../errors.ts";
import type { DataPort } from "../DataPort.ts";
import type { DataSender } from "../DataSender.ts";
import type { OutgoingStreams } from "../streams/OutgoingStreams.ts";
import type { TextStreamReader } from "../streams/readers.ts";
import {
  MAXIMUM_PACKET_PAYLOAD_BYTES,
  PACKET_RPC_VERSION,
  RPC_ATTRIBUTES,
  RPC_REQUEST_TOPIC,
  type RpcCall,
  STREAM_RPC_PROTOCOL,
  STREAM_RPC_VERSION,
} from "./rpc.ts";

const RESPONSE_TIMEOUT_MS = 15_000;
const MAXIMUM_ROUND_TRIP_MS = 7_000;
/** What a handler is left with at least. */
const LEAST_HANDLER_MS = 1_000;
/** The first server that passes RPC on. */
const FIRST_SERVER = [1, 8];

interface Pending {
  destinationIdentity: string;
  acknowledged: () => void;
  settle: { resolve: (payload: string) => void; reject: (error: TroupeError) => void };
}

/** The calls that we make. */
export class RpcClient {
  readonly #port: DataPort;
  readonly #sender: DataSender;
  readonly #streams: OutgoingStreams;
  readonly #clock: Clock;
  readonly #pending = new Map<string, Pending>();

  constructor(port: DataPort, sender: DataSender, streams: OutgoingStreams, clock: Clock) {
    this.#port = port;
    this.#sender = sender;
    this.#streams = streams;
    this.#clock = clock;
  }

  /**
   * Calls a method of another participant and gives its response.
   *
   * @throws RpcError by what went wrong, TroupeError CANCELLED when the signal aborts.
   */
  async perform(call: RpcCall): Promise<string> {
    const usesStreams = this.#check(call);
    const { responseTimeoutMs = RESPONSE_TIMEOUT_MS, maximumRoundTripMs = MAXIMUM_ROUND_TRIP_MS } = call;
    const requestId = randomUUID();
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    let timer = this.#fails(maximumRoundTripMs, () => reject(this.#silence(call.destinationIdentity)));
    const acknowledged = () => {
      this.#clock.clearTimeout(timer);
      timer = this.#fails(responseTimeoutMs, () => reject(RpcError.of("RESPONSE_TIMEOUT")));
    };
    const { destinationIdentity, signal } = call;
    this.#pending.set(requestId, { destinationIdentity, acknowledged, settle: { resolve, reject } });
    const onAbort = () => reject(cancelledError(signal));
    signal?.addEventListener("abort", onAbort, { once: true });
    if (signal?.aborted) onAbort();
    else {
      const handlerMs = Math.max(responseTimeoutMs - maximumRoundTripMs, LEAST_HANDLER_MS);
      this.#send(call, requestId, handlerMs, usesStreams).catch((cause: Error) => {
        reject(cause instanceof RpcError ? cause : RpcError.of("SEND_FAILED", cause.message, { cause }));
      });
    }
    try {
      return await promise;
    } finally {
      this.#clock.clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      this.#pending.delete(requestId);
    }
  }

  acknowledged(requestId: string, senderIdentity: string): void {
    this.#pendingOf(requestId, senderIdentity)?.acknowledged();
  }

  /** A response by a packet: what a client of protocol 0 sends, and every error. */
  response({ requestId, value }: RpcResponse, senderIdentity: string): void {
    const settle = this.#pendingOf(requestId, senderIdentity)?.settle;
    if (value.case === "error") {
      settle?.reject(new RpcError(value.value.code, value.value.message, value.value.data));
    } else if (value.case === "payload") settle?.resolve(value.value);
    else settle?.reject(RpcError.of("APPLICATION_ERROR", "The response is in no known form"));
  }

  /** A response by a stream. */
  async responseStream(reader: TextStreamReader, senderIdentity: string): Promise<void> {
    const requestId = reader.info.attributes[RPC_ATTRIBUTES.requestId] ?? "";
    const settle = this.#pendingOf(requestId, senderIdentity)?.settle;
    if (!settle) {
      reader.close();
      return;
    }
    try {
      settle.resolve(await reader.readAll());
    } catch (cause) {
      settle.reject(RpcError.of("APPLICATION_ERROR", "The response could not be read", { cause }));
    }
  }

  participantLeft(identity: string): void {
    for (const { destinationIdentity, settle } of this.#pending.values()) {
      if (destinationIdentity === identity) settle.reject(RpcError.of("RECIPIENT_DISCONNECTED"));
    }
  }

  close(): void {
    for (const { settle } of this.#pending.values()) {
      settle.reject(RpcError.of("RECIPIENT_DISCONNECTED", "The room was left"));
    }
  }

  /** Whether the call goes by streams. */
  #check({ destinationIdentity, method, payload }: RpcCall): boolean {
    if (typeof method !== "string" || method === "") {
      throw TroupeError.expected("INVALID_OPTION", "method", "a method's name", method);
    }
    if (typeof payload !== "string") {
      throw TroupeError.expected("INVALID_OPTION", "payload", "text", payload);
    }
    if (!passesRpc(this.#port.serverVersion)) throw RpcError.of("UNSUPPORTED_SERVER");
    const usesStreams = this.#sender.protocolOf(destinationIdentity) >= STREAM_RPC_PROTOCOL;
    if (!usesStreams && Buffer.byteLength(payload) > MAXIMUM_PACKET_PAYLOAD_BYTES) {
      throw RpcError.of("REQUEST_PAYLOAD_TOO_LARGE");
    }
    return usesStreams;
  }

  async #send(call: RpcCall, id: string, handlerMs: number, usesStreams: boolean): Promise<void> {
    const { destinationIdentity, method, payload } = call;
    const destinationIdentities = [destinationIdentity];
    if (!usesStreams) {
      const request = { id, method, payload, responseTimeoutMs: handlerMs, version: PACKET_RPC_VERSION };
      const value = { case: "rpcRequest" as const, value: new RpcRequest(request) };
      await this.#sender.sendReliable({ value, destinationIdentities }, "unsent");
      return;
    }
    const attributes = {
      [RPC_ATTRIBUTES.requestId]: id,
      [RPC_ATTRIBUTES.method]: method,
      [RPC_ATTRIBUTES.responseTimeoutMs]: String(handlerMs),
      [RPC_ATTRIBUTES.version]: String(STREAM_RPC_VERSION),
    };
    await this.#streams.sendText(payload, { topic: RPC_REQUEST_TOPIC, destinationIdentities, attributes });
  }

  /** Only whom we called may answer. */
  #pendingOf(requestId: string, senderIdentity: string): Pending | undefined {
    const pending = this.#pending.get(requestId);
    if (pending?.destinationIdentity === senderIdentity) return pending;
    logger.debug("an RPC answer belongs to no call", { requestId, senderIdentity });
    return undefined;
  }

  /** Data may outrun the news of who is there, so somebody unknown is called all the same. */
  #silence(identity: string): RpcError {
    const isKnown = this.#port.participants().some((one) => one.identity === identity);
    return RpcError.of(isKnown ? "CONNECTION_TIMEOUT" : "RECIPIENT_NOT_FOUND");
  }

  #fails(ms: number, fail: () => void): unknown {
    return this.#clock.setTimeout(fail, ms);
  }
}

function passesRpc(serverVersion: string | undefined): boolean {
  const parts = serverVersion?.match(/^(\d+)\.(\d+)/);
  if (!parts) return true;
  const [major, minor] = [Number(parts[1]), Number(parts[2])];
  return major > FIRST_SERVER[0]! || (major === FIRST_SERVER[0] && minor >= FIRST_SERVER[1]!);
}

function cancelledError(signal: AbortSignal | undefined): TroupeError {
  return new TroupeError("CANCELLED", "The call was cancelled", { cause: signal?.reason });
}
