import { z } from "zod";
import { jitterBufferSchema } from "../../connection/index.ts";
import { parseOptions, pemCertificates, pemPrivateKey, TroupeError } from "../../core/index.ts";
import { type AudioProducer, FrameTransform } from "../../media/index.ts";
import { networkSchema } from "../../webrtc/index.ts";

/** What one `connect` may carry in metadata, as JSON text. */
const MAXIMUM_METADATA_CHARACTERS = 64 * 1024;

const identifier = (what: string) =>
  z.string(what).min(1, what).max(255, "a string of at most 255 characters");

const positive = (what: string) => z.int(what).min(1, what);

function isJson(value: unknown): boolean {
  try {
    const text = JSON.stringify(value) as string | undefined;
    return text !== undefined && text.length <= MAXIMUM_METADATA_CHARACTERS;
  } catch {
    return false;
  }
}

const json = z
  .unknown()
  .refine((value) => value === undefined || isJson(value), "a value that fits in 64 KiB of JSON");

function isSignalingUrl(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && (url.protocol === "ws:" || url.protocol === "wss:") && url.hash === "";
}

function isProxyUrl(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && url.username === "" && url.password === "";
}

const userAgent = z
  .string("a string of printable ASCII")
  .regex(/^[\x20-\x7e]{1,255}$/, "1 to 255 characters of printable ASCII");

const signalingUrls = z
  .array(
    z
      .string("a ws:// or wss:// URL")
      .max(2048, "a shorter URL")
      .refine(isSignalingUrl, "a ws:// or wss:// URL"),
    {
      error: "an array of ws:// or wss:// URLs",
    },
  )
  .min(1, "at least one URL")
  .max(64, "at most 64 URLs");

const opusParams = z.strictObject(
  {
    channels: z.int("1 or 2").min(1, "1 or 2").max(2, "1 or 2").optional(),
    maxplaybackrate: z
      .int("8000 to 48000")
      .min(8000, "8000 to 48000")
      .max(48_000, "8000 to 48000")
      .optional(),
    minptime: z.int("3 to 120").min(3, "3 to 120").max(120, "3 to 120").optional(),
    ptime: z.int("10 to 60").min(10, "10 to 60").max(60, "10 to 60").optional(),
    stereo: z.boolean("a boolean").optional(),
    spropStereo: z.boolean("a boolean").optional(),
    useinbandfec: z.boolean("a boolean").optional(),
    usedtx: z.boolean("a boolean").optional(),
  },
  { error: (issue) => knownKeys(issue) },
);

const audio = z.union(
  [
    z.boolean(),
    z.strictObject({
      codecType: z.literal("OPUS", { error: "OPUS" }).optional(),
      /** kbit/s */
      bitRate: z
        .int("6 to 510 (kbit/s)")
        .min(6, "6 to 510 (kbit/s)")
        .max(510, "6 to 510 (kbit/s)")
        .optional(),
      opusParams: opusParams.optional(),
    }),
  ],
  { error: "a boolean or an object of codecType, bitRate and opusParams" },
);

const dataChannel = z
  .strictObject(
    {
      label: z.string("a label of # and 1 to 30 printable characters").regex(/^#[\x21-\x7e]{1,30}$/, {
        error: "a label of # and 1 to 30 printable characters",
      }),
      direction: z.enum(["sendrecv", "sendonly", "recvonly"], { error: "sendrecv, sendonly or recvonly" }),
      ordered: z.boolean("a boolean").optional(),
      /** ms */
      maxPacketLifeTime: z.int("0 to 65535").min(0, "0 to 65535").max(65_535, "0 to 65535").optional(),
      maxRetransmits: z.int("0 to 65535").min(0, "0 to 65535").max(65_535, "0 to 65535").optional(),
      protocol: z.string("a string").max(64, "at most 64 characters").optional(),
      compress: z.boolean("a boolean").optional(),
      header: z
        .array(
          z.strictObject({ type: z.literal("sender_connection_id", { error: '"sender_connection_id"' }) }),
          {
            error: 'an array of { type: "sender_connection_id" }',
          },
        )
        .max(1, "at most one entry")
        .optional(),
    },
    { error: (issue) => knownKeys(issue) },
  )
  .refine((channel) => channel.maxPacketLifeTime === undefined || channel.maxRetransmits === undefined, {
    error: "maxPacketLifeTime or maxRetransmits, not both",
  });

const rid = (allowed: [string, ...string[]]) =>
  z.enum(allowed, { error: allowed.join(", ").replace(/, ([^,]*)$/, " or $1") });

/** Which connections' media is forwarded to us, or kept from us: rules of one group all hold, groups are alternatives. */
const forwardingFilter = z.strictObject(
  {
    version: z.string("a string").max(64, "at most 64 characters").optional(),
    name: z.string("a string").max(255, "at most 255 characters").optional(),
    priority: z.int("an integer").optional(),
    action: z.enum(["block", "allow"], { error: "block or allow" }).optional(),
    rules: z
      .array(
        z
          .array(
            z.strictObject(
              {
                field: z.enum(["connection_id", "client_id", "kind"], {
                  error: "connection_id, client_id or kind",
                }),
                operator: z.enum(["is_in", "is_not_in"], { error: "is_in or is_not_in" }),
                values: z
                  .array(z.string().max(255), { error: "an array of strings" })
                  .max(1000, "at most 1000"),
              },
              { error: (issue) => knownKeys(issue) },
            ),
            { error: "an array of rules" },
          )
          .max(100, "at most 100"),
        { error: "an array of groups of rules" },
      )
      .max(100, "at most 100"),
    metadata: json.optional(),
  },
  { error: (issue) => knownKeys(issue) },
);

const tls = z.strictObject(
  {
    /** Takes any certificate: for servers of your own under test. False by default. */
    insecure: z.boolean("a boolean").optional(),
    /** Authorities to trust in place of the system's, as PEM. */
    caCertificate: pemCertificates.optional(),
    /** For servers that ask who we are, as PEM. */
    clientCertificate: pemCertificates.optional(),
    clientKey: pemPrivateKey.optional(),
  },
  { error: (issue) => knownKeys(issue) },
);

const proxy = z.strictObject(
  {
    /** An HTTP proxy that takes CONNECT, without credentials in it. */
    url: z
      .string("an http:// or https:// URL")
      .max(2048, "a shorter URL")
      .refine(isProxyUrl, "an http:// or https:// URL without credentials"),
    username: z.string("a string").max(1024, "at most 1024 characters").optional(),
    password: z.string("a string").max(1024, "at most 1024 characters").optional(),
    /** What the proxy is told of us; the connection's user agent when left out. */
    userAgent: userAgent.optional(),
  },
  { error: (issue) => knownKeys(issue) },
);

const timeouts = z.strictObject(
  {
    /** From the start to the first open WebSocket, in ms. */
    dialMs: positive("milliseconds above 0").default(30_000),
    /** From there to the answered offer, in ms. */
    negotiateMs: positive("milliseconds above 0").default(15_000),
    /** From there to joined: ICE and DTLS up, in ms. */
    joinMs: positive("milliseconds above 0").default(20_000),
    /** How long a redial waits for ICE before the next one, in ms. */
    redialIceMs: positive("milliseconds above 0").default(3_000),
    /** How long joining waits for the notify about ourselves once audio could flow, in ms. */
    createdMs: positive("milliseconds above 0").default(2_000),
    /** How long a WebSocket may take to close before it is cut, in ms. */
    webSocketCloseMs: positive("milliseconds above 0").default(500),
    /** For the server's answer to a `disconnect` on the WebSocket, in ms. */
    webSocketLeaveMs: positive("1 to 5500 milliseconds").max(5500, "1 to 5500 milliseconds").default(3_000),
    /** For the server's answer to a `disconnect` on the data channel, in ms. */
    dataChannelLeaveMs: positive("1 to 5500 milliseconds").max(5500, "1 to 5500 milliseconds").default(5_000),
    /** For a sign of life of the signalling path when no packet comes any more, in ms. */
    probeMs: positive("milliseconds above 0").default(3_000),
    /** From a loss until it gives up, in ms. */
    reconnectMs: positive("milliseconds above 0").default(120_000),
  },
  { error: (issue) => knownKeys(issue) },
);

function isProducer(value: unknown): value is AudioProducer {
  return typeof value === "object" && value !== null && "producerEvents" in value;
}

const schema = z.strictObject(
  {
    /** All are dialled at once; the first to open is used. */
    signalingUrls,
    channelId: identifier("a non-empty string"),
    role: z.enum(["sendonly", "recvonly", "sendrecv"], { error: "sendonly, recvonly or sendrecv" }),
    clientId: identifier("a non-empty string").optional(),
    bundleId: identifier("a non-empty string").optional(),
    /** For the server's authentication; any JSON. */
    metadata: json.optional(),
    /** What the others learn about us in notifications; any JSON. */
    signalingNotifyMetadata: json.optional(),
    audio: audio.default(true),
    /** Published as soon as the connection starts: `connection.publish(audioSource)` in short. */
    audioSource: z
      .custom<AudioProducer>(isProducer, { error: "an AudioSource, AudioMixer or RemoteTrack" })
      .optional(),
    /** What encoded audio frames pass, both ways: `connection.setTransform(audioTransform)` in short. */
    audioTransform: z
      .instanceof(FrameTransform, { error: "an EncodedAudioTransform or AudioEncryption" })
      .refine(({ closed }) => !closed, "a transform that is not closed")
      .optional(),
    /** Bounds of the delay by which what is heard is evened out. */
    jitterBuffer: jitterBufferSchema.optional(),
    /** Which of this machine's addresses, ports and ways the media takes. */
    network: networkSchema.optional(),
    /**
     * Whether to ask for video. False by default, unlike Sora's own SDKs: nothing here decodes it yet, so what
     * came would only be counted and dropped.
     */
    video: z.boolean("a boolean").default(false),
    /** Whether the channel is a spotlight channel: the server forwards those who speak. */
    spotlight: z.boolean("a boolean").optional(),
    /** How many are forwarded at most, 1 to 8. */
    spotlightNumber: z.int("1 to 8").min(1, "1 to 8").max(8, "1 to 8").optional(),
    /** The layer of those in focus. */
    spotlightFocusRid: rid(["none", "r0", "r1", "r2"]).optional(),
    spotlightUnfocusRid: rid(["none", "r0", "r1", "r2"]).optional(),
    /** Filters on what is forwarded to us. */
    forwardingFilters: z
      .array(forwardingFilter, { error: "an array of forwarding filters" })
      .max(16, "at most 16")
      .optional(),
    /** One filter, in the form that Sora has deprecated for `forwardingFilters`. */
    forwardingFilter: forwardingFilter.optional(),
    /** The language of the server's speech recognition, such as `en-US`. */
    audioStreamingLanguageCode: z
      .string("a language code")
      .min(1)
      .max(64, "at most 64 characters")
      .optional(),
    /** For `wss:` URLs. */
    tls: tls.optional(),
    /** For the WebSocket alone; media takes the ways that ICE finds. */
    proxy: proxy.optional(),
    /** What the server is told of us, in the WebSocket's header and in `connect`. */
    userAgent: userAgent.default("Troupe Sora client"),
    /** Whether signalling moves to data channels; true when `dataChannels` has any, else the server decides. */
    dataChannelSignaling: z.boolean("a boolean").optional(),
    /** Whether the connection lives on without its WebSocket once signalling has moved. */
    ignoreDisconnectWebsocket: z.boolean("a boolean").optional(),
    dataChannels: z
      .array(dataChannel, { error: "an array of data channels" })
      .max(32, "at most 32")
      .default([]),
    /** Whether a lost connection is dialled again. */
    reconnect: z.boolean("a boolean").default(true),
    timeouts: timeouts.default(timeouts.parse({})),
  },
  { error: (issue) => knownKeys(issue) },
);

/** What `sora()` takes. */
export type SoraOptions = z.input<typeof schema>;

/** The options of one connection, checked and with defaults filled in. */
export type SoraSettings = z.output<typeof schema>;

/** A data channel that a client asks for. */
export type SoraDataChannelOptions = z.input<typeof dataChannel>;

/** @throws TroupeError INVALID_OPTION */
export function parseSoraOptions(options: unknown): SoraSettings {
  const settings = parseOptions(schema, options, "sora");
  const labels = settings.dataChannels.map(({ label }) => label);
  if ((settings.tls?.clientCertificate === undefined) !== (settings.tls?.clientKey === undefined)) {
    throw TroupeError.expected(
      "INVALID_OPTION",
      "sora.tls",
      "clientCertificate and clientKey together",
      settings.tls?.clientKey === undefined ? "only clientCertificate" : "only clientKey",
    );
  }
  const distinct = z.array(z.string()).refine((all) => new Set(all).size === all.length, "distinct labels");
  parseOptions(distinct, labels, "sora.dataChannels");
  if (settings.audioSource && settings.role === "recvonly") {
    throw TroupeError.expected(
      "INVALID_OPTION",
      "sora.role",
      "sendonly or sendrecv, to go with audioSource",
      settings.role,
    );
  }
  return settings;
}

function knownKeys(issue: { code?: string; keys?: unknown }): string | undefined {
  if (issue.code === "unrecognized_keys")
    return `only options that exist (not ${String(issue.keys).slice(0, 80)})`;
  return issue.code === "invalid_type" ? "an object" : undefined;
}
