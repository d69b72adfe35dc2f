import { z } from "zod";
import { jitterBufferSchema } from "../../connection/index.ts";
import { parseOptions, TroupeError } from "../../core/index.ts";
import type { AudioProducer } from "../../media/index.ts";
import { hasRelay, networkSchema } from "../../webrtc/index.ts";
import { dataLimitsSchema } from "./data/limits.ts";
import { encryptionSchema } from "./e2ee/index.ts";

const positive = (what: string) => z.int(what).min(1, what);

function isServerUrl(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && /^(wss?|https?):$/.test(url.protocol) && url.hash === "";
}

const iceServer = z.strictObject(
  {
    /** `stun:`, `turn:` and `turns:` addresses. */
    urls: z
      .array(z.string("a STUN or TURN address").max(2048), { error: "an array of addresses" })
      .min(1)
      .max(16),
    username: z.string("a string").max(512).optional(),
    credential: z.string("a string").max(512).optional(),
  },
  { error: (issue) => knownKeys(issue) },
);

const rtcConfiguration = z.strictObject(
  {
    /** In place of those that the server names; theirs are used when this is empty. */
    iceServers: z.array(iceServer, { error: "an array of ICE servers" }).max(16).default([]),
    /** `relay` uses TURN servers alone, `noHost` leaves out this machine's own addresses. */
    iceTransportType: z.enum(["all", "relay", "noHost"], { error: "all, relay or noHost" }).default("all"),
    /** `once` waits for all local candidates before the first offer, `continually` sends them as they come. */
    continualGatheringPolicy: z
      .enum(["once", "continually"], { error: "once or continually" })
      .default("continually"),
  },
  { error: (issue) => knownKeys(issue) },
);

const timeouts = z.strictObject(
  {
    /** For the WebSocket and the server's first message, each time it dials, in ms. */
    connectMs: positive("milliseconds above 0").default(5_000),
    /** From the first message to the answered offer, in ms. */
    negotiateMs: positive("milliseconds above 0").default(15_000),
    /** From there until audio can flow, in ms. */
    joinMs: positive("milliseconds above 0").default(20_000),
    /** One try to take a lost connection up again without joining anew, in ms. */
    resumeMs: positive("milliseconds above 0").default(30_000),
    /** How long a dead media path is mended by ICE restarts before the connection resumes, in ms. */
    mediaMs: positive("milliseconds above 0").default(20_000),
    /** From a loss until it gives up, in ms. */
    reconnectMs: positive("milliseconds above 0").default(120_000),
    /** For the server's word that a track is published, in ms; time without a connection counts. */
    publishMs: positive("milliseconds above 0").default(20_000),
  },
  { error: (issue) => knownKeys(issue) },
);

function isProducer(value: unknown): value is AudioProducer {
  return typeof value === "object" && value !== null && "producerEvents" in value;
}

const schema = z.strictObject(
  {
    /** The server: a ws://, wss://, http:// or https:// URL. */
    url: z
      .string("a ws://, wss://, http:// or https:// URL")
      .max(2048, "a shorter URL")
      .refine(isServerUrl, "a ws://, wss://, http:// or https:// URL"),
    /** An access token with a grant for a room; `livekit-server-sdk` makes them. */
    token: z
      .string("an access token")
      .min(1, "an access token")
      .max(64 * 1024, "a shorter token"),
    /** Whether what others publish comes without being asked for. */
    autoSubscribe: z.boolean("a boolean").default(true),
    /**
     * Whether one peer connection carries both directions where the server knows that (1.9.10 and newer); false
     * takes the older form with two of them.
     */
    singlePeerConnection: z.boolean("a boolean").default(true),
    /** How often dialling is tried before the connection counts as failed. */
    joinRetries: z.int("0 to 20").min(0, "0 to 20").max(20, "0 to 20").default(3),
    /** How much the room's data may take of this process. */
    dataLimits: dataLimitsSchema,
    /** End-to-end encryption of audio and data. */
    encryption: encryptionSchema.optional(),
    /** Of audio alone; deprecated in the official SDKs, where `encryption` took its place. */
    e2ee: encryptionSchema.optional(),
    rtcConfiguration: rtcConfiguration.default(rtcConfiguration.parse({})),
    /** Published as soon as the connection starts: `connection.publish(audioSource)` in short. */
    audioSource: z
      .custom<AudioProducer>(isProducer, { error: "an AudioSource, AudioMixer or RemoteTrack" })
      .optional(),
    /** Bounds of the delay by which what is heard is evened out. */
    jitterBuffer: jitterBufferSchema.optional(),
    /** Which of this machine's addresses, ports and ways the media takes. */
    network: networkSchema.optional(),
    /** Whether a lost connection comes back by itself. */
    reconnect: z.boolean("a boolean").default(true),
    timeouts: timeouts.default(timeouts.parse({})),
  },
  { error: (issue) => knownKeys(issue) },
);

/** What `livekit()` takes. */
export type LiveKitOptions = z.input<typeof schema>;

/** The options of one connection, checked and with defaults filled in. */
export type LiveKitSettings = z.output<typeof schema>;

const publishOptions = z.strictObject(
  {
    /** The track's name, as the others see it. */
    name: z.string("a string").max(256, "at most 256 characters").default(""),
    source: z
      .enum(["unknown", "camera", "microphone", "screenShare", "screenShareAudio"], {
        error: "unknown, camera, microphone, screenShare or screenShareAudio",
      })
      .default("unknown"),
    /** Whether nothing is sent while the source is silent. */
    dtx: z.boolean("a boolean").default(true),
    /** Whether each packet repeats the one before. */
    red: z.boolean("a boolean").default(true),
    stereo: z.boolean("a boolean").default(false),
    /** bit/s */
    bitRate: z
      .int("6000 to 510000 (bit/s)")
      .min(6000, "6000 to 510000 (bit/s)")
      .max(510_000, "6000 to 510000 (bit/s)")
      .optional(),
    /** How much the Opus encoder tries: 0 (least CPU) to 10; 5 when left out, while libwebrtc takes 9. */
    complexity: z.int("0 to 10").min(0, "0 to 10").max(10, "0 to 10").optional(),
    /** The loss that Opus prepares for by in-band correction, in percent; 10 when left out. */
    expectedLossPercent: z.int("0 to 100").min(0, "0 to 100").max(100, "0 to 100").optional(),
    /** Tracks of one stream are played in step. */
    stream: z.string("a string").max(256, "at most 256 characters").default(""),
    /** Whether the audio recorded before the connection was up follows as a byte stream. */
    preconnectBuffer: z.boolean("a boolean").default(false),
  },
  { error: (issue) => knownKeys(issue) },
);

/** How an audio track is published. */
export type AudioPublishOptions = z.input<typeof publishOptions>;
export type AudioPublishSettings = z.output<typeof publishOptions>;

/** @throws TroupeError INVALID_OPTION */
export function parseLiveKitOptions(options: unknown): LiveKitSettings {
  const settings = parseOptions(schema, options, "livekit");
  const { iceServers } = settings.rtcConfiguration;
  if (isRelayOnly(settings) && iceServers.length > 0 && !hasRelay(iceServers)) {
    throw TroupeError.expected(
      "INVALID_OPTION",
      "livekit.rtcConfiguration.iceServers",
      "a turn: or turns: address, since media may go by TURN servers alone,",
      iceServers,
    );
  }
  return settings;
}

/** Whether media may go by TURN servers alone, by either of the options that say so. */
export function isRelayOnly({ network, rtcConfiguration }: LiveKitSettings): boolean {
  return network?.relayOnly === true || rtcConfiguration.iceTransportType === "relay";
}

/** @throws TroupeError INVALID_OPTION */
export function parsePublishOptions(options: unknown): AudioPublishSettings {
  return parseOptions(publishOptions, options, "publish");
}

function knownKeys(issue: { code?: string; keys?: unknown }): string | undefined {
  if (issue.code === "unrecognized_keys")
    return `only options that exist (not ${String(issue.keys).slice(0, 80)})`;
  return issue.code === "invalid_type" ? "an object" : undefined;
}
