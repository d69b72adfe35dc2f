import type { SignalResponse } from "@livekit/protocol";
import { type Clock, TroupeError } from "../../../core/index.ts";
import { NetworkChanged } from "../../../native/index.ts";
import type { ConnectionForm } from "../AttemptContext.ts";
import { ConnectError } from "../errors.ts";
import { type JoinIntent, joinUrl, validateUrl } from "./joinRequest.ts";
import { readText } from "./readText.ts";
import { SignalClient } from "./SignalClient.ts";
import type { Refusal, SocketEnding } from "./SignalSocket.ts";
import { withoutToken } from "./withoutToken.ts";

/** How much is read of the text that a refusal carries, in bytes. */
const MAXIMUM_TEXT_BYTES = 4096;
/** All that livekit-server says when a room has as many participants as it may. */
const CLOSED_BY_MEDIA = /^connection closed by media$/;

export interface DialOptions {
  url: string;
  token: string;
  intent: JoinIntent;
  form: ConnectionForm;
  /** For the WebSocket and the first message together, in ms. */
  connectMs: number;
  clock: Clock;
  signal: AbortSignal;
  /** The WebSocket is open; the first message is still to come. */
  onOpen: () => void;
}

/** Open signalling, with what the server said so far. */
export interface Dialled {
  client: SignalClient;
  first: SignalResponse;
  rest: SignalResponse[];
}

/**
 * Opens the signalling and waits for the server's first message. Messages that follow wait for a listener: nothing
 * is lost between the resolution and whoever awaits it.
 *
 * @throws ConnectError why it failed; CANCELLED when the signal aborts.
 */
export async function dial(options: DialOptions): Promise<Dialled> {
  const url = joinUrl(options.url, options.intent, options.form);
  const client = new SignalClient(url, options.token, {
    connectTimeoutMs: options.connectMs,
    clock: options.clock,
  });
  try {
    return await firstMessage(client, options);
  } catch (error) {
    client.close();
    // A proxy may have swallowed what the server said: it says it again to a plain request.
    if (error instanceof UnexplainedLoss) throw await explain(url, options, error.ending);
    throw error;
  }
}

class UnexplainedLoss extends Error {
  readonly ending: SocketEnding;
  constructor(ending: SocketEnding) {
    super(ending.error?.message ?? ending.reason);
    this.ending = ending;
  }
}

function firstMessage(client: SignalClient, options: DialOptions) {
  const { signal, connectMs, clock } = options;
  const { promise, resolve, reject } = Promise.withResolvers<Dialled>();
  const rest: SignalResponse[] = [];
  let first: SignalResponse | undefined;
  const onAbort = () => reject(new TroupeError("CANCELLED", "Dialling was cancelled"));
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  const timer = clock.setTimeout(() => {
    reject(new ConnectError("timeout", `The server did not let us join within ${connectMs} ms`));
  }, connectMs);
  const offs = [
    client.events.on("open", options.onOpen),
    client.events.on("response", (response) => {
      if (first) rest.push(response);
      else first = response;
      resolve({ client, first, rest });
    }),
    client.events.on("lost", (ending) => reject(errorOf(ending, options.token))),
  ];
  return promise.finally(() => {
    clock.clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
    for (const off of offs) off();
  });
}

function errorOf(ending: SocketEnding, token: string): Error {
  if (ending.refusal) return refused(ending.refusal, token);
  const code = (ending.error as NodeJS.ErrnoException | undefined)?.code;
  if (code !== undefined && /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/.test(code)) {
    return new ConnectError("serverUnreachable", `The server cannot be reached (${code})`, {
      cause: ending.error,
    });
  }
  if (ending.error instanceof NetworkChanged) {
    return new ConnectError("serverUnreachable", `The way to the server is lost: ${ending.error.message}`, {
      cause: ending.error,
    });
  }
  if (ending.error?.message === "Opening handshake has timed out") {
    return new ConnectError("timeout", "The server did not answer the WebSocket's handshake in time");
  }
  return new UnexplainedLoss(ending);
}

/** What an HTTP status in place of a WebSocket means. */
function refused({ status, text: raw }: Refusal, token: string): ConnectError {
  const text = withoutToken(raw, token);
  const said = `${text || "no reason given"} (HTTP ${status})`;
  const details = { status, received: text };
  if (/max(imum)? participants|participant limit|limit exceeded|room is full/i.test(text)) {
    return new ConnectError("roomFull", `The room is full: ${said}`, details);
  }
  if (CLOSED_BY_MEDIA.test(text)) {
    return new ConnectError(
      "roomFull",
      `The server ended the join, as it does for a full room: ${said}`,
      details,
    );
  }
  if (status === 401)
    return new ConnectError("unauthorized", `The server refused the token: ${said}`, details);
  if (status === 403)
    return new ConnectError("notAllowed", `The token does not allow this: ${said}`, details);
  if (status === 404 && /\broom\b/i.test(text))
    return new ConnectError("notFound", `There is no such room: ${said}`, details);
  if (status === 404)
    return new ConnectError("serviceNotFound", `No LiveKit server answers at this address: ${said}`, details);
  if (status >= 400 && status < 500) {
    return new ConnectError("notAllowed", `The server refused to let us join: ${said}`, details);
  }
  return new ConnectError("internal", `The server failed: ${said}`, details);
}

/** Whether dialling again could help. */
export function isPermanent(error: unknown): boolean {
  if (!(error instanceof ConnectError) || (error.status ?? 0) >= 500) return false;
  return ["unauthorized", "notAllowed", "notFound", "serviceNotFound", "roomFull", "noRelay"].includes(
    error.reason,
  );
}

async function explain(url: string, options: DialOptions, ending: SocketEnding): Promise<ConnectError> {
  const lost = new ConnectError(
    "serverUnreachable",
    `The signalling connection was lost: ${ending.error?.message ?? (ending.reason || `closed with ${ending.code}`)}`,
    { cause: ending.error },
  );
  try {
    const response = await fetch(validateUrl(url), {
      headers: { authorization: `Bearer ${options.token}` },
      redirect: "error",
      signal: AbortSignal.any([options.signal, AbortSignal.timeout(options.connectMs)]),
    });
    if (response.ok) {
      await response.body?.cancel();
      return lost;
    }
    const text = (await readText(response, MAXIMUM_TEXT_BYTES)).trim();
    return refused({ status: response.status, text }, options.token);
  } catch {
    return lost;
  }
}
