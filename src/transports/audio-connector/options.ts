import { z } from "zod";
import { isLoopback, parseOptions, TroupeError } from "../../core/index.ts";
import type { AudioConnectorConnection } from "./AudioConnectorConnection.ts";
import { type ClearForm, SAMPLE_RATES } from "./wire.ts";

/** A path token or header value that is shorter can be guessed. */
const SHORTEST_SECRET = 16;

/** A request that wants to open a call, as it came. */
export interface UpgradeRequest {
  /** The path without the path token, and the query. */
  path: string;
  headers: Readonly<Record<string, string>>;
  remoteAddress: string;
}

/** How callers show who they are. Every part that is given has to be met. */
export interface AudioConnectorAuthentication {
  /** The last part of the path, at least 16 characters; `randomId()` of any kind will do. */
  pathToken?: string;
  /** A header that Vonage is told to send (`headers` of the connect request), its value at least 16 characters. */
  header?: { name: string; value: string };
  /** Decides by itself; it has as long as a handshake may take. */
  authorize?: (request: UpgradeRequest) => boolean | Promise<boolean>;
}

/** What one server bears. Every bound is checked before the work that it bounds. */
export interface AudioConnectorLimits {
  /** Open WebSockets, and calls, those that wait to come back among them; 500 when left out. */
  connections?: number;
  /** Bytes of one message; 65536 when left out. */
  messageBytes?: number;
  /** Messages a second from one call, with a burst of twice as many, then it is closed; 500 when left out. */
  messagesPerSecond?: number;
  /** For TLS, for the request, and from the upgrade to the first message, in ms each; 6000 when left out. */
  handshakeMs?: number;
  /** Bytes that may wait for a far side that does not read; then its audio is dropped. 131072 when left out. */
  bufferedBytes?: number;
  /** How long nothing at all may come, pongs included, until the call counts as lost, in ms; 15000 when left out. */
  silentMs?: number;
}

/** How calls are carried. */
export interface AudioConnectorCallOptions {
  /** Hz when the far side does not say: 8000, 16000 or 24000; 16000 when left out. */
  sampleRate?: 8_000 | 16_000 | 24_000;
  /**
   * What the far side has to have before it plays, in ms: how late a frame of ours may come before it is missed. It is
   * heard as delay. 80 when left out; it grows to what stalls of this process need, up to 400.
   */
  leadMs?: number;
  /** How late a frame of the far side may come before it is missed, in ms, until stalls need more; 40 when left out. */
  receiveDelayMs?: number;
  /** How much of `sendAudio` the far side is given ahead, in seconds, above 0 and at most 60; 5 when left out. */
  activeSeconds?: number;
  /** Which message clears the far side's buffer: `{"action":"clear"}` when left out. */
  clear?: ClearForm;
  /** How audio is sent: `auto` (when left out) as the far side sends it, JSON with base64 or binary. */
  audioTransport?: "auto" | "binary" | "json";
  /** How long a call that was lost may take to come back, in ms; 5000 when left out, 0 for not at all. */
  graceMs?: number;
}

/** How a server is started. */
export interface AudioConnectorServerOptions {
  /** 127.0.0.1 when left out. Any other address but this machine's own needs `authentication`. */
  host?: string;
  /** 0 (when left out) for any free one. */
  port?: number;
  /** PEM texts, for `wss:`. */
  tls?: { cert: string | Buffer; key: string | Buffer };
  /** The paths that calls come to, without the path token; any when left out. */
  paths?: readonly (string | RegExp)[];
  authentication?: AudioConnectorAuthentication;
  /** Web pages whose browsers may call; none when left out. Vonage sends no Origin. */
  allowedOrigins?: readonly string[];
  limits?: AudioConnectorLimits;
  call?: AudioConnectorCallOptions;
  /** Called once it listens; `start` waits for it. */
  onStart?: () => void | Promise<void>;
  /** Called once it has stopped; `stop` waits for it. */
  onStop?: () => void | Promise<void>;
  /** Called for each new call. Messages wait until it is done, for 10 s at most; audio does not. */
  onConnect?: (call: AudioConnectorConnection) => void | Promise<void>;
}

const whole = (minimum: number) => z.int("an integer").min(minimum, `at least ${minimum}`);
const callback = z
  .custom<(...args: never[]) => unknown>((value) => typeof value === "function", "a function")
  .optional();
const secretSchema = z
  .string("a text")
  .min(SHORTEST_SECRET, `a text of at least ${SHORTEST_SECRET} characters`);

const limitsSchema = z.strictObject({
  connections: whole(1).default(500),
  messageBytes: whole(1_024).default(65_536),
  messagesPerSecond: whole(1).default(500),
  handshakeMs: whole(1).default(6_000),
  bufferedBytes: whole(1_024).default(131_072),
  silentMs: whole(100).default(15_000),
});

const ACTIVE_SECONDS = "a number above 0, at most 60";
export const activeSecondsSchema = z.number(ACTIVE_SECONDS).positive(ACTIVE_SECONDS).max(60, ACTIVE_SECONDS);

const callSchema = z.strictObject({
  sampleRate: z.literal(SAMPLE_RATES, "8000, 16000 or 24000").default(16_000),
  leadMs: z.number("0 to 5000").min(0, "0 to 5000").max(5_000, "0 to 5000").default(80),
  receiveDelayMs: z.number("0 to 500").min(0, "0 to 500").max(500, "0 to 500").default(40),
  activeSeconds: activeSecondsSchema.default(5),
  clear: z.enum(["action", "event", "clearAudio"], "action, event or clearAudio").default("action"),
  audioTransport: z.enum(["auto", "binary", "json"], "auto, binary or json").default("auto"),
  graceMs: whole(0).max(600_000, "at most 600000").default(5_000),
});

const serverSchema = z.strictObject({
  host: z.string("an address").min(1, "an address").default("127.0.0.1"),
  port: z.int("0 to 65535").min(0, "0 to 65535").max(65_535, "0 to 65535").default(0),
  tls: z
    .strictObject({
      cert: z.union([z.string(), z.instanceof(Buffer)], "PEM"),
      key: z.union([z.string(), z.instanceof(Buffer)], "PEM"),
    })
    .optional(),
  paths: z
    .array(
      z.union([z.string().startsWith("/", "a path that begins with /"), z.instanceof(RegExp)], "paths"),
      "a list of paths",
    )
    .min(1, "at least one path")
    .optional(),
  authentication: z
    .strictObject({
      pathToken: secretSchema.regex(/^[\w~-]*$/, "letters, digits, _, - and ~ alone").optional(),
      header: z
        .strictObject({ name: z.string().regex(/^[\w-]+$/, "the name of a header"), value: secretSchema })
        .optional(),
      authorize: callback,
    })
    .default({}),
  allowedOrigins: z.array(z.string()).default([]),
  limits: limitsSchema.prefault({}),
  call: callSchema.prefault({}),
  onStart: callback,
  onStop: callback,
  onConnect: callback,
});

export type CallSettings = z.output<typeof callSchema>;
export type LimitSettings = z.output<typeof limitsSchema>;
export interface ServerSettings
  extends Omit<z.output<typeof serverSchema>, "authentication" | "onStart" | "onStop" | "onConnect">,
    Pick<AudioConnectorServerOptions, "onStart" | "onStop" | "onConnect"> {
  authentication: AudioConnectorAuthentication;
}

/** @throws TroupeError INVALID_OPTION; ACCESS_DENIED for an address that others reach, without authentication. */
export function parseServerOptions(options: AudioConnectorServerOptions): ServerSettings {
  const settings = parseOptions(serverSchema, options, "AudioConnectorServer") as ServerSettings;
  const { pathToken, header, authorize } = settings.authentication;
  if (!isLoopback(settings.host) && !pathToken && !header && !authorize) {
    const message = `The server listens on ${settings.host} only with authentication: others reach it there`;
    throw new TroupeError("ACCESS_DENIED", message, {
      field: "authentication",
      expected: "pathToken, header or authorize",
      received: "none",
    });
  }
  return settings;
}
