import { z } from "zod";
import {
  isLoopback,
  type Logger,
  logger,
  parseOptions,
  pemCertificates,
  pemPrivateKey,
  pemTextOf,
  randomId,
  TroupeError,
} from "../core/index.ts";
import { NativePeerTransport, type PeerTransport } from "../webrtc/index.ts";
import { allowedHostNames, checkListenAddress, isUnspecified } from "./access.ts";
import { callApi } from "./api.ts";
import { BoundedSocket } from "./BoundedSocket.ts";
import { Channels } from "./Channels.ts";
import { type AuthenticateRequest, type AuthenticateResult, Entrance } from "./Entrance.ts";
import { DEFAULT_ENCODINGS, simulcastEncodingsSchema } from "./encodings.ts";
import { Feed, type FeedMessage } from "./feed.ts";
import { HttpServer } from "./HttpServer.ts";
import { type StageLimits, stageLimitsSchema } from "./limits.ts";
import type { RpcMethod } from "./rpc.ts";
import { loadPage } from "./StaticFiles.ts";
import { askWebhook, EventWebhook } from "./webhooks.ts";

export interface StageOptions {
  /** Address to listen on; 127.0.0.1 when left out. Any that others reach needs a secret. */
  host?: string;
  /** TCP port; 0, the default, takes any that is free. */
  port?: number;
  /** What clients present as `metadata.access_token` and callers of the API as a bearer token. */
  secret?: string;
  /** Certificate chain and key in PEM. Without them the page is not served on an address that others reach. */
  tls?: { cert: string | Buffer; key: string | Buffer };
  /**
   * Signs access tokens as hosted Sora services use them: clients then present, in place of `secret`, a JWT
   * (HS256) as `metadata.access_token` with `channel_id` and `exp`; its claims `audio`, `audio_codec_type`,
   * `audio_bit_rate` (kbit/s) and the same of `video` are set in place of what the client asks for.
   */
  accessTokenSecret?: string;
  /** Decides who comes in, after the secret. It may be asynchronous; a failure refuses. */
  authenticate?: (request: AuthenticateRequest) => AuthenticateResult | Promise<AuthenticateResult>;
  /** Is asked by POST who may come in, as Sora's authentication webhook; in place of `authenticate`. */
  authenticationWebhookUrl?: string;
  /** Is told by POST of connection.created, connection.updated and connection.destroyed. */
  eventWebhookUrl?: string;
  /** What clients can call over the data channel `rpc`, by name. */
  methods?: Record<string, RpcMethod>;
  /** Bounds that differ from the defaults. */
  limits?: Partial<StageLimits>;
  /** Names under which the stage is reached besides its address, for the check of the Host header. */
  hostNames?: string[];
  /** Origins of other web pages that may open its WebSockets: `https://example.com`. */
  allowedOrigins?: string[];
  /** Between two pings, in ms; 5000 when left out. */
  pingIntervalMs?: number;
  /** How long a member may stay, in ms; 0, the default, for ever. */
  lifetimeMs?: number;
  /**
   * The layers of senders that want simulcast: three, each half the width and height of the next, when left out. A
   * layer can have another codec than was asked for, or be off (`active: false`).
   */
  simulcastEncodings?: z.input<typeof simulcastEncodingsSchema>;
  /** Another server's signalling address, to which clients are sent that come for the first time (`redirect`). */
  redirectUrl?: string;
  /** Where recordings go, a folder each; without it nothing is recorded. */
  recordingFolder?: string;
  /** Record every channel from its first member to its last; false when left out: the API starts recordings. */
  recordChannels?: boolean;
  /** Makes the transport of each connection; the native one when left out. */
  createTransport?: () => PeerTransport;
  log?: Logger;
}

const anyFunction = z.custom<(...args: never[]) => unknown>(
  (value) => typeof value === "function",
  "a function",
);
const milliseconds = z.int("whole milliseconds").min(0, "at least 0");

const httpUrl = z
  .string("an http:// or https:// URL")
  .refine((text) => /^https?:$/.test(URL.parse(text)?.protocol ?? ""), "an http:// or https:// URL");

const optionsSchema = z.strictObject({
  host: z.string("an address").min(1, "an address").default("127.0.0.1"),
  port: z
    .int("a port from 0 to 65535")
    .min(0, "a port from 0 to 65535")
    .max(65_535, "a port from 0 to 65535")
    .default(0),
  secret: z.string("a text").min(8, "at least 8 characters").optional(),
  tls: z.object({ cert: pemCertificates, key: pemPrivateKey }, "an object with cert and key").optional(),
  accessTokenSecret: z.string("a text").min(8, "at least 8 characters").optional(),
  authenticate: anyFunction.optional(),
  authenticationWebhookUrl: httpUrl.optional(),
  eventWebhookUrl: httpUrl.optional(),
  methods: z.record(z.string().min(1).max(255), anyFunction, "an object of functions").default({}),
  limits: stageLimitsSchema.prefault({}),
  hostNames: z.array(z.string()).default([]),
  allowedOrigins: z.array(z.string()).default([]),
  pingIntervalMs: milliseconds.min(10, "at least 10").default(5000),
  lifetimeMs: milliseconds.default(0),
  redirectUrl: z
    .string("a ws:// or wss:// URL")
    .refine((text) => /^wss?:$/.test(URL.parse(text)?.protocol ?? ""), "a ws:// or wss:// URL")
    .optional(),
  recordingFolder: z.string("a path").min(1, "a path").optional(),
  recordChannels: z.boolean("a boolean").default(false),
  simulcastEncodings: simulcastEncodingsSchema.default([...DEFAULT_ENCODINGS]),
  createTransport: anyFunction.optional(),
  log: z.custom<Logger>().optional(),
});

/** Many bots of one process report over one socket. */
const FEED_RATE = 10;

/** A client that answers no ping for so long is gone. */
const PINGS_MISSED = 12;

/**
 * A local Sora: a signalling endpoint and an SFU for audio and data, an API, and a web page to talk to a bot,
 * all on one port.
 *
 * @example
 * const stage = await Stage.start({ port: 5000 });
 * console.log(stage.signalingUrl, stage.pageUrl);
 * await stage.close();
 */
export class Stage {
  /** `ws://127.0.0.1:5000/signaling` */
  readonly signalingUrl: string;
  /** `http://127.0.0.1:5000/api` */
  readonly apiUrl: string;
  /** Where bots report what the page shows; it carries the token for that. See `FeedPublisher`. */
  readonly feedUrl: string;
  /** Opens the page once, then the browser is known; undefined when the page is not served. */
  readonly pageUrl: string | undefined;
  readonly #server: HttpServer;
  readonly #channels: Channels;
  readonly #feed: Feed;
  readonly #events: EventWebhook | undefined;
  readonly #base: string;
  readonly #hasPage: boolean;
  #closing: Promise<void> | undefined;

  /**
   * Starts a stage.
   *
   * @throws TroupeError INVALID_OPTION, ACCESS_DENIED for an address that others reach without a secret,
   * SIGNALLING_FAILED when the port is taken.
   */
  static async start(options: StageOptions = {}): Promise<Stage> {
    const checked = parseOptions(optionsSchema, options, "options");
    const { host, limits, secret, tls } = checked;
    checkListenAddress(host, secret !== undefined);
    const log = options.log ?? logger;
    const { accessTokenSecret, authenticationWebhookUrl, eventWebhookUrl } = checked;
    const events = eventWebhookUrl === undefined ? undefined : new EventWebhook(eventWebhookUrl, log);
    const channels = new Channels(
      limits,
      log,
      (type, event) => events?.tell(type, event),
      everyChannelFolder(checked),
    );
    const feed = new Feed(log);
    const feedToken = randomId();
    const entrance = new Entrance({
      secret,
      accessTokenSecret,
      methods: new Map(Object.entries(options.methods ?? {})),
      authenticate:
        options.authenticate ??
        (authenticationWebhookUrl === undefined
          ? undefined
          : (request) => askWebhook(authenticationWebhookUrl, request)),
      createTransport: options.createTransport ?? (() => new NativePeerTransport({ controlling: true })),
      channels,
      encodings: checked.simulcastEncodings,
      redirectUrl: checked.redirectUrl,
      limits,
      times: {
        pingMs: checked.pingIntervalMs,
        pongMs: checked.pingIntervalMs * PINGS_MISSED,
        lifetimeMs: checked.lifetimeMs,
      },
      log,
    });
    const page = isLoopback(host) || tls ? await loadPage() : null;
    const server = new HttpServer({
      host,
      port: checked.port,
      tls: tls && { cert: pemTextOf(tls.cert), key: pemTextOf(tls.key) },
      secret,
      hostNames: allowedHostNames(host, checked.hostNames),
      allowedOrigins: checked.allowedOrigins,
      feedToken,
      page,
      limits,
      log,
      onSignaling: (socket, { remoteAddress, trusted }) =>
        entrance.admit(new BoundedSocket(socket, limits, log), remoteAddress, trusted),
      onFeed: (socket, role) => {
        const bounded = new BoundedSocket(socket, limits, log, limits.messagesPerSecond * FEED_RATE);
        if (role === "publisher") feed.addPublisher(bounded);
        else feed.addSubscriber(bounded);
      },
      onApi: (target, body) =>
        callApi(target, body, {
          channels,
          recordingFolder: checked.recordingFolder,
          newPageUrl: () => stage.newPageUrl(),
        }),
    });
    const port = await server.listen();
    const stage: Stage = new Stage(
      server,
      channels,
      feed,
      events,
      addressOf(host, port, tls !== undefined),
      feedToken,
      page !== null,
    );
    return stage;
  }

  private constructor(
    server: HttpServer,
    channels: Channels,
    feed: Feed,
    events: EventWebhook | undefined,
    base: string,
    feedToken: string,
    hasPage: boolean,
  ) {
    this.#server = server;
    this.#channels = channels;
    this.#feed = feed;
    this.#events = events;
    this.#base = base;
    this.#hasPage = hasPage;
    const socketBase = base.replace(/^http/, "ws");
    this.signalingUrl = `${socketBase}/signaling`;
    this.feedUrl = `${socketBase}/feed?token=${feedToken}`;
    this.apiUrl = `${base}/api`;
    this.pageUrl = this.newPageUrl();
  }

  /** Another address of the page, good for one browser; undefined when the page is not served. */
  newPageUrl(): string | undefined {
    return this.#hasPage ? `${this.#base}/?token=${this.#server.pageAccess.issueToken()}` : undefined;
  }

  /** The identifiers of who is in: every connection, or those of one channel. */
  connections(channelId?: string): { channelId: string; connectionId: string; clientId: string }[] {
    return this.#channels.members(channelId).map(({ identity: { channelId, connectionId, clientId } }) => ({
      channelId,
      connectionId,
      clientId,
    }));
  }

  /** Sends a `push` to a channel, or to one connection in it; gives how many got it. */
  push(channelId: string, data: unknown, connectionId?: string): number {
    return this.#channels.get(channelId)?.push(data, connectionId) ?? 0;
  }

  /**
   * Ends a connection as Sora's API does: 1000 DISCONNECTED-API.
   *
   * @throws TroupeError INVALID_STATE when there is no such connection.
   */
  disconnect(channelId: string, connectionId: string): void {
    const member = this.#channels.get(channelId)?.member(connectionId);
    if (!member) throw new TroupeError("INVALID_STATE", `Nobody is connected as ${connectionId}`);
    member.leave("DISCONNECTED-API");
  }

  /** Shows something on the page, from this process. Others use `feedUrl`. */
  publish(message: FeedMessage): void {
    this.#feed.publish(message);
  }

  /** Ends every connection and frees the port. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#channels.close("SHUTDOWN");
    await this.#server.close();
    await this.#channels.recorded();
    await this.#events?.close();
  }
}

function everyChannelFolder({ recordChannels, recordingFolder }: z.output<typeof optionsSchema>) {
  if (recordChannels && recordingFolder === undefined) {
    throw new TroupeError("INVALID_OPTION", "Expected a recordingFolder beside recordChannels", {
      field: "options.recordingFolder",
    });
  }
  return recordChannels ? recordingFolder : undefined;
}

function addressOf(host: string, port: number, secure: boolean): string {
  const name = isUnspecified(host) ? "127.0.0.1" : host;
  return `${secure ? "https" : "http"}://${name.includes(":") ? `[${name}]` : name}:${port}`;
}
