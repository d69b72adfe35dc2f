import { errors, jwtVerify } from "jose";
import { z } from "zod";
import { TroupeError } from "../core/index.ts";
import { videoCodecType } from "./encodings.ts";
import type { ConnectMessage } from "./messages.ts";

/** Tokens are short; a longer one is not worth its parsing. */
const MAXIMUM_TOKEN_CHARACTERS = 8192;

const claimsSchema = z.looseObject({
  channel_id: z.string().min(1).max(255),
  exp: z.number(),
  audio: z.boolean().optional(),
  audio_codec_type: z.string().max(16).optional(),
  audio_bit_rate: z.number().min(6).max(510).optional(),
  video: z.boolean().optional(),
  video_codec_type: videoCodecType.optional(),
  video_bit_rate: z.number().min(1).max(50_000).optional(),
});

/** What an access token or an authenticator sets in place of what the client asked for; bit rates in kbit/s. */
export type MediaOverrides = Partial<
  Pick<
    z.output<typeof claimsSchema>,
    "audio" | "audio_codec_type" | "audio_bit_rate" | "video" | "video_codec_type" | "video_bit_rate"
  >
>;

/**
 * Reads an access token as hosted Sora services use them: a JWT signed with HS256 (RFC 7519) that names the
 * channel and when it expires, and may set what is sent.
 *
 * @throws TroupeError ACCESS_DENIED whose message is the reason for the client.
 */
export async function readAccessToken(
  token: unknown,
  secret: string,
  channelId: string,
): Promise<MediaOverrides> {
  if (typeof token !== "string" || token.length > MAXIMUM_TOKEN_CHARACTERS)
    throw denied("MISSING-ACCESS-TOKEN");
  let payload: unknown;
  try {
    ({ payload } = await jwtVerify(token, new TextEncoder().encode(secret), {
      algorithms: ["HS256"],
      requiredClaims: ["exp", "channel_id"],
    }));
  } catch (error) {
    throw denied(error instanceof errors.JWTExpired ? "EXPIRED-ACCESS-TOKEN" : "INVALID-ACCESS-TOKEN");
  }
  const claims = claimsSchema.safeParse(payload);
  if (!claims.success)
    throw denied(`INVALID-ACCESS-TOKEN ${claims.error.issues[0]?.path.join(".") ?? ""}`.trim());
  if (claims.data.channel_id !== channelId) throw denied("INVALID-CHANNEL-ID");
  return claims.data;
}

/** The client's wishes with what was set for it. */
export function overrideMedia(connect: ConnectMessage, set: MediaOverrides): ConnectMessage {
  return {
    ...connect,
    audio: override(connect.audio, set.audio, set.audio_codec_type, set.audio_bit_rate),
    video: override(connect.video, set.video, set.video_codec_type, set.video_bit_rate),
  };
}

function override<Wish extends { codec_type?: string; bit_rate?: number }>(
  wished: boolean | Wish,
  wanted: boolean | undefined,
  codecType: string | undefined,
  bitRate: number | undefined,
): boolean | Wish {
  if (wanted === false || (wanted === undefined && wished === false)) return false;
  const wish = typeof wished === "object" ? wished : ({} as Wish);
  if (codecType === undefined && bitRate === undefined) return typeof wished === "object" ? wished : true;
  return { ...wish, codec_type: codecType ?? wish.codec_type, bit_rate: bitRate ?? wish.bit_rate };
}

function denied(reason: string): TroupeError {
  return new TroupeError("ACCESS_DENIED", reason);
}
