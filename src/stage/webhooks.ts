import PQueue from "p-queue";
import { z } from "zod";
import { type Logger, randomId, TroupeError } from "../core/index.ts";
import type { AuthenticateRequest, AuthenticateResult } from "./Entrance.ts";
import { videoCodecType } from "./encodings.ts";

/** What the receiver of a webhook may answer, in bytes. */
const MAXIMUM_REPLY_BYTES = 64 * 1024;
/** Events that wait for a slow receiver; the newest is dropped when there are more. */
const MAXIMUM_WAITING_EVENTS = 1000;
const EVENT_TIMEOUT_MS = 5_000;

const verdictSchema = z.looseObject({
  allowed: z.boolean(),
  reason: z.string().max(120).optional(),
  metadata: z.unknown().optional(),
  audio: z.boolean().optional(),
  audio_codec_type: z.string().max(16).optional(),
  audio_bit_rate: z.number().min(6).max(510).optional(),
  video: z.boolean().optional(),
  video_codec_type: videoCodecType.optional(),
  video_bit_rate: z.number().min(1).max(50_000).optional(),
});

/**
 * Asks a web server whether a client may come in, as Sora's authentication webhook does: a POST with who asks,
 * answered by `{ "allowed": true }` or `{ "allowed": false, "reason": "..." }`.
 *
 * @throws TroupeError ACCESS_DENIED when it does not answer with a verdict.
 */
export async function askWebhook(url: string, request: AuthenticateRequest): Promise<AuthenticateResult> {
  const { channelId, connectionId, clientId, bundleId, role, metadata, signal } = request;
  const body = {
    timestamp: new Date().toISOString(),
    channel_id: channelId,
    connection_id: connectionId,
    client_id: clientId,
    bundle_id: bundleId,
    role,
    auth_metadata: metadata,
  };
  const text = await post(url, body, signal);
  const verdict = verdictSchema.safeParse(parse(text));
  if (!verdict.success) throw new TroupeError("ACCESS_DENIED", "The authentication webhook gave no verdict");
  const { allowed, reason, metadata: given, ...overrides } = verdict.data;
  return { allowed, reason, metadata: given, overrides };
}

/** Tells a web server who comes and goes, in order, one at a time. */
export class EventWebhook {
  readonly #url: string;
  readonly #log: Logger;
  readonly #queue = new PQueue({ concurrency: 1 });
  readonly #stop = new AbortController();
  /** Events that were not delivered: too many waited, or the receiver failed. */
  dropped = 0;

  constructor(url: string, log: Logger) {
    this.#url = url;
    this.#log = log;
  }

  tell(type: string, event: Record<string, unknown>): void {
    if (this.#stop.signal.aborted) return;
    if (this.#queue.size >= MAXIMUM_WAITING_EVENTS) {
      this.dropped += 1;
      return;
    }
    const body = { ...event, id: randomId(), type };
    void this.#queue.add(() => this.#deliver(body));
  }

  /** Delivers what waits, for at most as long as one event may take. */
  async close(): Promise<void> {
    const timer = setTimeout(() => this.#stop.abort(), EVENT_TIMEOUT_MS);
    await this.#queue.onIdle();
    clearTimeout(timer);
    this.#stop.abort();
  }

  async #deliver(body: object): Promise<void> {
    try {
      const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(EVENT_TIMEOUT_MS)]);
      await post(this.#url, body, signal);
    } catch (error) {
      this.dropped += 1;
      this.#log.warn("an event webhook was not delivered", { error });
    }
  }
}

async function post(url: string, body: object, signal: AbortSignal): Promise<string> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    redirect: "error",
    signal,
  });
  const text = await readBounded(response);
  if (!response.ok) throw new TroupeError("SIGNALLING_FAILED", `The webhook answered ${response.status}`);
  return text;
}

async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > MAXIMUM_REPLY_BYTES)
      throw new TroupeError("INVALID_MESSAGE", "The webhook's answer is too long");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
