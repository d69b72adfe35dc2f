import { z } from "zod";
import { type Clock, TroupeError } from "../../core/index.ts";
import { MAXIMUM_MESSAGE_BYTES } from "./wire.ts";

/** Calls that may wait for their answers at a time. */
const MAXIMUM_PENDING_CALLS = 256;
const DEFAULT_TIMEOUT_MS = 5_000;

/** How one call is made. */
export interface SoraRpcOptions {
  /** How long to wait for the answer, in ms; 5000 when left out. */
  timeoutMs?: number;
  /** Ends the wait early. What the server does with the call is not undone. */
  signal?: AbortSignal;
}

/** The server's answer was an error object of JSON-RPC 2.0 (its section 5.1). */
export class SoraRpcError extends TroupeError {
  override readonly name = "SoraRpcError";
  /** The number in the answer: -32601 for a method that is not known, and so on. */
  readonly rpcCode: number;
  readonly data: unknown;

  constructor(rpcCode: number, message: string, data: unknown) {
    super("REMOTE_ERROR", message);
    this.rpcCode = rpcCode;
    this.data = data;
  }
}

const answer = z.looseObject({
  jsonrpc: z.literal("2.0"),
  id: z.int(),
  result: z.unknown().optional(),
  error: z
    .looseObject({ code: z.int(), message: z.string().max(4096), data: z.unknown().optional() })
    .optional(),
});

interface PendingCall {
  resolve: (result: unknown) => void;
  reject: (error: Error) => void;
  end: () => void;
}

/**
 * The remote procedure calls of one attempt: JSON-RPC 2.0 with integer ids from 1.
 *
 * https://www.jsonrpc.org/specification
 */
export class RpcCalls {
  readonly #send: (text: string) => Promise<void>;
  readonly #clock: Clock;
  readonly #pending = new Map<number, PendingCall>();
  #lastId = 0;

  constructor(send: (text: string) => Promise<void>, clock: Clock) {
    this.#send = send;
    this.#clock = clock;
  }

  /**
   * Calls and waits for the result.
   *
   * @throws SoraRpcError for an error answer; TroupeError TIMEOUT, CANCELLED, QUEUE_FULL, CLOSED.
   */
  call(method: string, params: unknown, options: SoraRpcOptions = {}): Promise<unknown> {
    const { timeoutMs = DEFAULT_TIMEOUT_MS, signal } = options;
    if (signal?.aborted) return Promise.reject(new TroupeError("CANCELLED", `${method} was cancelled`));
    if (this.#pending.size >= MAXIMUM_PENDING_CALLS) {
      return Promise.reject(new TroupeError("QUEUE_FULL", `${MAXIMUM_PENDING_CALLS} calls wait already`));
    }
    this.#lastId += 1;
    const id = this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const cancel = () => this.#end(id)?.reject(new TroupeError("CANCELLED", `${method} was cancelled`));
    const timer = this.#clock.setTimeout(
      () =>
        this.#end(id)?.reject(new TroupeError("TIMEOUT", `${method} was not answered in ${timeoutMs} ms`)),
      timeoutMs,
    );
    signal?.addEventListener("abort", cancel, { once: true });
    const end = () => {
      this.#clock.clearTimeout(timer);
      signal?.removeEventListener("abort", cancel);
    };
    this.#pending.set(id, { resolve, reject, end });
    this.#send(JSON.stringify({ jsonrpc: "2.0", id, method, params })).catch((error) =>
      this.#end(id)?.reject(error),
    );
    return promise;
  }

  /** Tells without an answer. @throws TroupeError CLOSED, QUEUE_FULL */
  notify(method: string, params: unknown): Promise<void> {
    return this.#send(JSON.stringify({ jsonrpc: "2.0", method, params }));
  }

  /** Takes a message of the label; false when it answers no call of ours. */
  receive(text: string): boolean {
    const parsed = parse(text);
    const call = parsed && this.#end(parsed.id);
    if (!call) return false;
    const { error } = parsed;
    if (error) call.reject(new SoraRpcError(error.code, error.message, error.data));
    else call.resolve(parsed.result);
    return true;
  }

  /** The path is gone: nothing that waits will be answered. */
  close(): void {
    for (const id of [...this.#pending.keys()]) {
      this.#end(id)?.reject(
        new TroupeError("CLOSED", "The connection was lost before the call was answered"),
      );
    }
  }

  #end(id: number): PendingCall | undefined {
    const call = this.#pending.get(id);
    this.#pending.delete(id);
    call?.end();
    return call;
  }
}

function parse(text: string): z.output<typeof answer> | undefined {
  if (text.length > MAXIMUM_MESSAGE_BYTES) return undefined;
  try {
    return answer.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
