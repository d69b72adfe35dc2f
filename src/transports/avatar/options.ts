import { z } from "zod";
import { parseOptions } from "../../core/index.ts";

/** What the service takes PCM at, in Hz. */
export const AVATAR_SAMPLE_RATES = [8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000] as const;
/** What Ogg Opus can be at, in Hz. */
const OPUS_SAMPLE_RATES = [8_000, 12_000, 16_000, 24_000, 48_000];

const text = (what: string, longest = 1_024) =>
  z.string(what).min(1, what).max(longest, `${what} of at most ${longest} characters`);
const maybe = (what: string, longest = 64 * 1024) =>
  z.string(what).max(longest, `${what} of at most ${longest} characters`).default("");
const milliseconds = (least: number, most: number) =>
  z
    .int(`${least} to ${most} (ms)`)
    .min(least, `${least} to ${most} (ms)`)
    .max(most, `${least} to ${most} (ms)`);

function url(...protocols: string[]) {
  const what = `a ${protocols.map((protocol) => `${protocol}//`).join(", ")} URL`;
  return z
    .string(what)
    .max(2_048, "a shorter URL")
    .refine((value) => protocols.includes(URL.parse(value)?.protocol ?? ""), what);
}

const liveKitEgress = z.strictObject(
  {
    /** The LiveKit server, as the avatar service reaches it. */
    url: url("ws:", "wss:", "http:", "https:"),
    roomName: text("a room name"),
    /** Identity of the participant that the avatar becomes. */
    publisherId: text("an identity"),
    /** An access token for that room and identity; in place of `apiKey` and `apiSecret`. */
    apiToken: maybe("an access token"),
    apiKey: maybe("a key"),
    apiSecret: maybe("a secret"),
    /** Attributes of the participant, besides those that the service sets. */
    extraAttributes: z.record(z.string(), z.string("texts"), "an object of texts").default({}),
    /** After so many seconds without audio the service leaves the room; 0: as it thinks fit. */
    idleTimeoutSeconds: z.int("0 to 86400").min(0, "0 to 86400").max(86_400, "0 to 86400").default(0),
  },
  { error: (issue) => unknownKeys(issue) },
);

const agoraEgress = z.strictObject(
  {
    channelName: text("a channel name"),
    token: maybe("a token"),
    /** 0: any that is free. */
    uid: z.int("0 to 4294967295").min(0, "0 to 4294967295").max(0xffff_ffff, "0 to 4294967295").default(0),
    publisherId: maybe("an identity"),
  },
  { error: (issue) => unknownKeys(issue) },
);

const oggOpusEncoder = z.strictObject(
  {
    /** Length of a packet: 10, 20, 40 or 60 ms. */
    frameDurationMs: z
      .union([z.literal(10), z.literal(20), z.literal(40), z.literal(60)], "10, 20, 40 or 60")
      .default(20),
    application: z.enum(["audio", "voip", "lowdelay"], { error: "audio, voip or lowdelay" }).default("audio"),
  },
  { error: (issue) => unknownKeys(issue) },
);

const timeouts = z.strictObject(
  {
    /** For a session token. */
    authorizeMs: milliseconds(1, 600_000).default(10_000),
    /** For the WebSocket. */
    dialMs: milliseconds(1, 600_000).default(10_000),
    /** From the open WebSocket to the service's confirmation. */
    handshakeMs: milliseconds(1, 600_000).default(20_000),
    /** For the service to read what was sent; then the connection counts as lost. */
    sendMs: milliseconds(1, 600_000).default(10_000),
    /** For the service's answer to a close. */
    closeMs: milliseconds(1, 600_000).default(2_000),
  },
  { error: (issue) => unknownKeys(issue) },
);

const schema = z
  .strictObject(
    {
      avatarId: text("an avatar's id"),
      apiKey: text("an API key"),
      appId: text("an application's id"),
      /** The console's API, where session tokens come from; `/session-tokens` is put behind it. */
      consoleUrl: url("http:", "https:"),
      /** The driving ingress; `/websocket` is put behind it. */
      ingressUrl: url("http:", "https:", "ws:", "wss:"),
      /** Puts the application's id and the token into the address, as browsers must, in place of headers. */
      useQueryAuth: z.boolean("true or false").default(false),
      /** How long a session token is asked for, in ms. It is renewed before. */
      tokenLifetimeMs: milliseconds(10_000, 86_400_000).default(300_000),
      /** Hz of the audio that is sent. */
      sampleRate: z.int("a rate in Hz").default(16_000),
      /** bit/s; 0 for PCM, and for Ogg Opus what the encoder thinks fit. */
      bitrate: z
        .int("0 to 512000 (bit/s)")
        .min(0, "0 to 512000 (bit/s)")
        .max(512_000, "0 to 512000 (bit/s)")
        .default(0),
      audioFormat: z.enum(["pcm_s16le", "ogg_opus"], { error: "pcm_s16le or ogg_opus" }).default("pcm_s16le"),
      /** With `ogg_opus`: `sendAudio` takes PCM and encodes it. Without it `sendAudio` takes Ogg Opus as it is. */
      oggOpusEncoder: oggOpusEncoder.optional(),
      /** The face goes into a LiveKit room; no frames come back. */
      liveKitEgress: liveKitEgress.optional(),
      /** The face goes into an Agora channel; no frames come back. */
      agoraEgress: agoraEgress.optional(),
      /** Whether a lost session is taken up again by itself, with growing waits. */
      reconnect: z.boolean("true or false").default(true),
      /** How often in a row that is tried. */
      maximumRedials: z.int("1 to 1000").min(1, "1 to 1000").max(1_000, "1 to 1000").default(12),
      timeouts: timeouts.prefault({}),
    },
    { error: (issue) => unknownKeys(issue) },
  )
  .superRefine((options, context) => {
    const rates: readonly number[] =
      options.audioFormat === "ogg_opus" ? OPUS_SAMPLE_RATES : AVATAR_SAMPLE_RATES;
    const refuse = (field: string, message: string) =>
      context.addIssue({ code: "custom", path: [field], message });
    if (!rates.includes(options.sampleRate))
      refuse("sampleRate", `one of ${rates.join(", ")} for ${options.audioFormat}`);
    if (options.liveKitEgress && options.agoraEgress)
      refuse("agoraEgress", "nothing beside liveKitEgress: a face goes to one place");
    if (options.oggOpusEncoder && options.audioFormat !== "ogg_opus")
      refuse("oggOpusEncoder", 'nothing unless audioFormat is "ogg_opus"');
  });

/** What an AvatarSession is made with. */
export type AvatarOptions = z.input<typeof schema>;
/** What an AvatarSession was made with: checked, with the defaults filled in. It holds secrets. */
export type AvatarConfig = z.output<typeof schema>;

/** Fields that are never printed. */
const SECRETS = new Set(["apiKey", "apiSecret", "apiToken", "token"]);

/** @throws TroupeError INVALID_OPTION */
export function parseAvatarOptions(options: unknown): AvatarConfig {
  return hideSecrets(parseOptions(schema, options, "AvatarSession"));
}

/** Secrets can still be read, but neither loggers, `console.log` nor JSON show them. */
function hideSecrets<T extends object>(config: T): T {
  for (const [name, value] of Object.entries(config)) {
    if (SECRETS.has(name)) Object.defineProperty(config, name, { value, enumerable: false });
    else if (typeof value === "object" && value !== null) hideSecrets(value);
  }
  return Object.freeze(config);
}

function unknownKeys(issue: { code?: string; keys?: unknown }): string | undefined {
  if (issue.code === "unrecognized_keys")
    return `only options that exist (not ${String(issue.keys).slice(0, 80)})`;
  return issue.code === "invalid_type" ? "an object" : undefined;
}
