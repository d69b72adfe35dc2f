import { z } from "zod";
import { type Logger, TroupeError } from "../core/index.ts";

/** Who calls a method of the stage. */
export interface RpcCaller {
  channelId: string;
  connectionId: string;
}

/** Answers one call; what it throws becomes the call's error. */
export type RpcMethod = (params: unknown, caller: RpcCaller) => unknown;

const requestSchema = z.looseObject({
  jsonrpc: z.literal("2.0"),
  id: z.union([z.int(), z.string().max(64)]).optional(),
  method: z.string().max(255),
  params: z.unknown().optional(),
});

/**
 * Runs one JSON-RPC 2.0 call of a client and gives the answer to send; undefined for a notification.
 *
 * https://www.jsonrpc.org/specification
 */
export async function answerRpc(
  message: unknown,
  methods: ReadonlyMap<string, RpcMethod>,
  caller: RpcCaller,
  log: Logger,
): Promise<object | undefined> {
  const request = requestSchema.safeParse(message);
  if (!request.success) return failure(null, -32_600, "Invalid Request");
  const { id, method: name, params } = request.data;
  const method = methods.get(name);
  try {
    if (!method) throw new TroupeError("NOT_SUPPORTED", "Method not found");
    const result = await method(params, caller);
    return id === undefined ? undefined : { jsonrpc: "2.0", id, result: result ?? null };
  } catch (error) {
    if (id === undefined) return undefined;
    if (!method) return failure(id, -32_601, "Method not found");
    if (error instanceof TroupeError && error.code === "INVALID_MESSAGE") {
      return failure(id, -32_602, error.message);
    }
    log.warn("a method of the stage failed", { method: name, error });
    return failure(id, -32_603, "Internal error");
  }
}

function failure(id: number | string | null, code: number, message: string): object {
  return { jsonrpc: "2.0", id, error: { code, message } };
}
