import { MIMEType } from "node:util";
import { z } from "zod";

/** What the far side plays, Hz. */
export const SAMPLE_RATES = [8_000, 16_000, 24_000] as const;
export type CallSampleRate = (typeof SAMPLE_RATES)[number];

/** Every message of audio holds this much. */
export const FRAME_MS = 20;
export const FRAME_US = FRAME_MS * 1_000;

/** What the far side buffers at most, in messages of audio: a minute. */
export const FAR_BUFFER_MESSAGES = 3_072;

/** Bytes of one message: 16-bit samples of one channel. */
export function frameBytes(sampleRate: number, frameMs: number = FRAME_MS): number {
  return (sampleRate * frameMs * 2) / 1_000;
}

/** The known forms of the message that has the far side drop what it buffers. */
export const CLEAR_MESSAGES = {
  action: '{"action":"clear"}',
  event: '{"event":"websocket:cleared"}',
  clearAudio: '{"event":"clearAudio"}',
} as const;
export type ClearForm = keyof typeof CLEAR_MESSAGES;

/** A text message of the far side, as far as it is known. */
export type FarMessage =
  /** The first one. `sampleRate` is undefined when it names none that is played here. */
  | { type: "start"; sampleRate: CallSampleRate | undefined; fields: Record<string, unknown> }
  | { type: "audio"; pcm: Buffer }
  | { type: "mediaUpdate"; active: boolean }
  | { type: "cleared" }
  | { type: "notify"; payload: unknown }
  | { type: "dtmf"; digit: string; durationMs: number }
  | { type: "disconnected" }
  | { type: "other" };

const digitSchema = z
  .union([z.string(), z.int().transform(String)])
  .pipe(z.string().regex(/^[0-9*#A-Da-d]$/))
  .transform((digit) => digit.toUpperCase());
const dtmfSchema = z.object({
  digit: digitSchema,
  duration: z.coerce.number().nonnegative().max(3_600_000).default(0),
});
const mediaUpdateSchema = z.object({ active: z.boolean() });

/** Reads a text message, white space before the JSON allowed. What is not understood is `other`; it never throws. */
export function parseFarMessage(text: string): FarMessage {
  const value = parseObject(text);
  if (!value) return { type: "other" };
  const { event } = value;
  if (typeof value.audio === "string" && event === undefined) {
    return { type: "audio", pcm: Buffer.from(value.audio, "base64") };
  }
  if (event === "websocket:dtmf") return dtmfOf(value);
  if (event === "websocket:media:update") {
    const update = mediaUpdateSchema.safeParse(value);
    return update.success ? { type: "mediaUpdate", active: update.data.active } : { type: "other" };
  }
  if (event === "websocket:cleared") return { type: "cleared" };
  if (event === "websocket:notify") return { type: "notify", payload: value.payload };
  if (event === "websocket:disconnected") return { type: "disconnected" };
  if (typeof value["content-type"] === "string" || event === "websocket:connected") return startOf(value);
  return event === undefined && "digit" in value ? dtmfOf(value) : { type: "other" };
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function dtmfOf(value: Record<string, unknown>): FarMessage {
  const dtmf = dtmfSchema.safeParse(value);
  if (!dtmf.success) return { type: "other" };
  return { type: "dtmf", digit: dtmf.data.digit, durationMs: dtmf.data.duration };
}

function startOf({ event: _, "content-type": contentType, ...fields }: Record<string, unknown>): FarMessage {
  const rate = typeof contentType === "string" ? rateOf(contentType) : undefined;
  return { type: "start", sampleRate: SAMPLE_RATES.find((known) => String(known) === rate), fields };
}

/** The rate of one channel of linear PCM (RFC 2586): `audio/l16;rate=16000`, with other parameters or without. */
function rateOf(contentType: string): string | null | undefined {
  try {
    const { essence, params } = new MIMEType(contentType);
    const isMono = (params.get("channels") ?? "1") === "1";
    return essence === "audio/l16" && isMono ? params.get("rate") : undefined;
  } catch {
    return undefined;
  }
}
