import { createPrivateKey } from "node:crypto";
import { createRequire } from "node:module";
import { z } from "zod";
import { parseOptions, TroupeError } from "../../core/index.ts";
import { SAMPLE_RATES } from "./wire.ts";

/** How long Vonage may take to answer, in ms; it gives up on a WebSocket of its own after 6 s. */
const ANSWER_MS = 15_000;

const RSA_KEY = "the application's private key (RSA) in PEM: its text, not a file's name";

const text = z.string("a text").min(1, "a text");
const optionsSchema = z.strictObject({
  applicationId: text,
  privateKey: z.string(RSA_KEY).refine(isRsaKey, RSA_KEY),
  sessionId: text,
  token: text,
  uri: z.string("a ws: or wss: address").regex(/^wss?:\/\//, "a ws: or wss: address"),
  streams: z.array(text, "a list of stream ids").max(50, "at most 50 streams").optional(),
  headers: z.record(z.string(), z.string(), "texts by header").optional(),
  sampleRate: z.literal(SAMPLE_RATES, "8000, 16000 or 24000").default(16_000),
  bidirectional: z.boolean("true or false").default(true),
  audioTransport: z.enum(["binary", "json"], "binary or json").default("binary"),
  videoHost: z.string("an address").optional(),
});

/** What Vonage is asked to connect. */
export interface StartAudioConnectorOptions {
  applicationId: string;
  /** Of the application: RSA in PEM, the text and not a file's name. */
  privateKey: string;
  /** A routed session of the application. */
  sessionId: string;
  /** A client's token of that session. */
  token: string;
  /** Where the server is, as Vonage reaches it, with the path token. */
  uri: string;
  /** Whom to hear, at most 50; everybody when left out. */
  streams?: readonly string[];
  /** Sent along with the call: the secret of `authentication.header`, and what you like. */
  headers?: Readonly<Record<string, string>>;
  /** Hz; 16000 when left out. */
  sampleRate?: 8_000 | 16_000 | 24_000;
  /** Whether the session hears the bot; true when left out. */
  bidirectional?: boolean;
  /** Binary frames, or JSON with base64; binary when left out. */
  audioTransport?: "binary" | "json";
  /** `https://video.api.vonage.com` when left out. */
  videoHost?: string;
}

/**
 * Has Vonage call an {@link AudioConnectorServer}: POST connect with the application's JWT, by Vonage's own packages
 * `@vonage/video` and `@vonage/auth`, which are not installed with Troupe.
 *
 * @see https://developer.vonage.com/en/video/guides/audio-connector
 * @returns the ids of the call: `id` to end it by, `connectionId` as {@link AudioConnectorConnection.info} has it.
 * @throws TroupeError INVALID_OPTION; NOT_INSTALLED with the command that installs them; REMOTE_ERROR when Vonage
 * refuses, with its HTTP status; TRANSPORT_FAILED when it is not reached.
 */
export async function startAudioConnector(
  options: StartAudioConnectorOptions,
): Promise<{ id: string; connectionId: string }> {
  const settings = parseOptions(optionsSchema, options, "startAudioConnector");
  const { applicationId, privateKey, sessionId, token, videoHost } = settings;
  const { Video, Auth } = loadVonage();
  const auth = new Auth({ applicationId, privateKey });
  const video = new Video(auth, { timeout: ANSWER_MS, ...(videoHost ? { videoHost } : {}) });
  try {
    const { id, connectionId } = await video.connectToWebsocket(sessionId, token, webSocketOf(settings));
    return { id, connectionId };
  } catch (error) {
    throw describeFailure(error);
  }
}

/** Else Vonage's package would fail to sign, which looks as if nobody had answered. */
function isRsaKey(pem: string): boolean {
  try {
    return createPrivateKey(pem).asymmetricKeyType === "rsa";
  } catch {
    return false;
  }
}

function webSocketOf(settings: z.output<typeof optionsSchema>): object {
  const { uri, streams, headers, sampleRate, bidirectional, audioTransport } = settings;
  return {
    uri,
    ...(streams ? { streams } : {}),
    ...(headers ? { headers } : {}),
    audioRate: sampleRate,
    bidirectional,
    ...(audioTransport === "json" ? { audioTransport: { transport: "json", encoding: "base64" } } : {}),
  };
}

/** The part of Vonage's packages that is used here. */
interface Vonage {
  Auth: new (options: { applicationId: string; privateKey: string }) => object;
  Video: new (
    auth: object,
    options: { timeout: number; videoHost?: string },
  ) => {
    connectToWebsocket(
      sessionId: string,
      token: string,
      webSocket: object,
    ): Promise<{ id: string; connectionId: string }>;
  };
}

function loadVonage(): Vonage {
  const load = createRequire(import.meta.url);
  try {
    return { ...load("@vonage/video"), ...load("@vonage/auth") } as Vonage;
  } catch (cause) {
    const message = "Starting calls needs Vonage's packages: run `npm install @vonage/video @vonage/auth`";
    throw new TroupeError("NOT_INSTALLED", message, { cause });
  }
}

/** Without the error of the package as its cause: that holds the request, its token and headers. */
function describeFailure(error: unknown): TroupeError {
  const { response, message } = error as { response?: { status?: number }; message?: string };
  if (response?.status)
    return new TroupeError("REMOTE_ERROR", `Vonage refused to connect with HTTP status ${response.status}`);
  return new TroupeError("TRANSPORT_FAILED", `Vonage was not reached: ${message ?? error}`);
}
