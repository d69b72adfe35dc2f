import { z } from "zod";
import { SessionTokenError } from "../errors.ts";
import type { AvatarConfig } from "../options.ts";
import { classify } from "./classify.ts";
import { describeProblem, hasErrors, readBounded, readProblem } from "./problem.ts";

const PATH = "/session-tokens";
const MAXIMUM_BODY_BYTES = 64 * 1024;

const tokenSchema = z.object({
  sessionToken: z
    .string()
    .min(1)
    .max(16 * 1024),
});

/**
 * Asks the console for a session token that is good until `expiresAt`.
 *
 * @throws SessionTokenError; when `signal` aborts too.
 */
export async function requestToken(
  config: Pick<AvatarConfig, "consoleUrl" | "apiKey">,
  expiresAt: Date,
  signal: AbortSignal,
): Promise<string> {
  const { status, body } = await post(config, expiresAt, signal);
  if (status !== 200 || hasErrors(body)) {
    const problem = readProblem(body);
    const httpStatus = (status === 200 && Number(problem?.status)) || status;
    const reason = classify({
      phase: "session_token",
      httpStatus,
      serverCode: problem?.code,
      title: problem?.title,
      detail: problem?.detail,
    });
    throw new SessionTokenError(
      reason,
      describeProblem("The console gave no session token", httpStatus, problem),
      {
        httpStatus,
        serverCode: problem?.code,
        serverTitle: problem?.title,
        serverDetail: problem?.detail,
      },
    );
  }
  const token = tokenSchema.safeParse(parseJson(body));
  if (token.success) return token.data.sessionToken;
  throw new SessionTokenError("protocolError", "The console answered without a session token", {
    httpStatus: status,
  });
}

async function post(
  { consoleUrl, apiKey }: Pick<AvatarConfig, "consoleUrl" | "apiKey">,
  expiresAt: Date,
  signal: AbortSignal,
): Promise<{ status: number; body: string }> {
  try {
    const response = await fetch(endpointOf(consoleUrl), {
      method: "POST",
      headers: { "X-Api-Key": apiKey, "Content-Type": "application/json" },
      body: JSON.stringify({ expireAt: Math.floor(expiresAt.getTime() / 1000) }),
      redirect: "error",
      signal,
    });
    return { status: response.status, body: await readBounded(response.body ?? [], MAXIMUM_BODY_BYTES) };
  } catch (error) {
    const why =
      (error as Error).cause instanceof Error ? (error as { cause: Error }).cause : (error as Error);
    throw new SessionTokenError("connectionFailed", `The console cannot be asked: ${why.message}`, {
      cause: error,
      ...(signal.aborted && { code: "CANCELLED" as const }),
    });
  }
}

function endpointOf(consoleUrl: string): URL {
  const url = new URL(consoleUrl);
  url.pathname = url.pathname.replace(/\/+$/, "") + PATH;
  return url;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
