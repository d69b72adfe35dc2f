import { createServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createSecureServer, type ServerOptions } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { logger, randomId, TroupeError, TypedEvents, withDeadline } from "../../core/index.ts";
import { AudioConnectorConnection } from "./AudioConnectorConnection.ts";
import { CallSocket, CloseCode } from "./CallSocket.ts";
import { Entrance, type Refusal } from "./Entrance.ts";
import type { AudioConnectorInfo } from "./events.ts";
import { beginCall } from "./handshake.ts";
import { type AudioConnectorServerOptions, parseServerOptions, type ServerSettings } from "./options.ts";

const MAXIMUM_HEADER_BYTES = 16_384;
/** Between two looks for requests that do not come to their end. */
const REQUEST_CHECK_MS = 500;
/** A request gets as long at least, however short the handshake's deadline is. */
const SHORTEST_REQUEST_MS = 1_000;
/** How long messages wait for `onConnect`. */
const CONNECT_CALLBACK_MS = 10_000;
/** How long `stop` waits for what is queued to be played. */
const DRAIN_MS = 5_000;
const MAXIMUM_ID_LENGTH = 256;

/** What a server reports. */
export type AudioConnectorServerEvents = {
  /** A new call; one that comes back after a loss is none. */
  connection: [call: AudioConnectorConnection];
  stopped: [];
};

/**
 * Takes calls of Vonage's Audio Connector: each of its WebSockets becomes a connection like any other.
 *
 * @example
 * const server = await AudioConnectorServer.start({
 *   port: 8765,
 *   onConnect: (call) => {
 *     call.publish(mouth.source);
 *     call.on("track", (track) => listenTo(track));
 *   },
 * });
 */
export class AudioConnectorServer extends TypedEvents<AudioConnectorServerEvents> {
  readonly #settings: ServerSettings;
  readonly #entrance: Entrance;
  readonly #http: Server;
  readonly #sockets: WebSocketServer;
  readonly #calls = new Map<string, AudioConnectorConnection>();
  /** WebSockets that have not begun yet. */
  readonly #waiting = new Set<CallSocket>();
  #port = 0;
  #stopping: Promise<void> | undefined;
  #running = false;

  private constructor(settings: ServerSettings) {
    super();
    this.#settings = settings;
    this.#entrance = new Entrance(settings);
    const { tls, limits } = settings;
    const requestMs = Math.max(SHORTEST_REQUEST_MS, limits.handshakeMs);
    const bounds = {
      maxHeaderSize: MAXIMUM_HEADER_BYTES,
      requestTimeout: requestMs,
      headersTimeout: requestMs,
      connectionsCheckingInterval: REQUEST_CHECK_MS,
    };
    this.#http = tls
      ? createTlsServer({ ...tls, ...bounds, handshakeTimeout: requestMs })
      : createServer(bounds);
    this.#http.maxConnections = limits.connections * 2 + 64;
    this.#sockets = new WebSocketServer({
      noServer: true,
      maxPayload: limits.messageBytes,
      perMessageDeflate: false,
    });
    this.#http.on("request", (_, response) => response.writeHead(426, { upgrade: "websocket" }).end());
    this.#http.on("upgrade", (request, socket, head) => {
      socket.on("error", () => socket.destroy());
      this.#upgrade(request, socket, head).catch((error) => {
        logger.warn("a call was refused", { error });
        refuse(socket, [500, "Internal Server Error"]);
      });
    });
    this.#http.on("clientError", (_error, socket) => socket.destroy());
  }

  /**
   * Starts a server; resolves once it listens and `onStart` is done.
   *
   * @throws TroupeError INVALID_OPTION; ACCESS_DENIED on an address that others reach, without authentication;
   * SIGNALLING_FAILED when it cannot listen.
   */
  static async start(options: AudioConnectorServerOptions = {}): Promise<AudioConnectorServer> {
    const settings = parseServerOptions(options);
    const server = new AudioConnectorServer(settings);
    await server.#listen();
    try {
      await settings.onStart?.();
    } catch (error) {
      await server.stop({ drainMs: 0 });
      throw error;
    }
    return server;
  }

  get host(): string {
    return this.#settings.host;
  }

  get port(): number {
    return this.#port;
  }

  get running(): boolean {
    return this.#running;
  }

  /** `ws://host:port`, or `wss:` with TLS. */
  get address(): string {
    const host = this.host.includes(":") && !this.host.startsWith("[") ? `[${this.host}]` : this.host;
    return `${this.#settings.tls ? "wss" : "ws"}://${host}:${this.#port}`;
  }

  /** The calls that run, oldest first; one that waits to come back is among them. */
  get calls(): AudioConnectorConnection[] {
    return [...this.#calls.values()];
  }

  /**
   * Takes no more calls, lets what is queued be played for at most `drainMs` (5000 when left out), and ends the calls.
   * Resolves once `onStop` is done; rejects with what it throws, when all else has ended.
   */
  stop(options: { drainMs?: number } = {}): Promise<void> {
    this.#stopping ??= this.#stop(options.drainMs ?? DRAIN_MS);
    return this.#stopping;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop({ drainMs: 0 });
  }

  async #listen(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#http.once("error", reject);
    this.#http.listen(this.#settings.port, this.#settings.host, resolve);
    await promise.catch((error) => {
      throw TroupeError.from("SIGNALLING_FAILED", error, "The server cannot listen");
    });
    this.#http.off("error", reject);
    this.#http.on("error", (error) => logger.error("the audio connector server failed", { error }));
    this.#port = (this.#http.address() as AddressInfo).port;
    this.#running = true;
  }

  async #stop(drainMs: number): Promise<void> {
    this.#running = false;
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    this.#http.close(() => resolve());
    for (const socket of this.#waiting) socket.close(CloseCode.goingAway, "the server stops");
    await Promise.all(this.calls.map((call) => endCall(call, drainMs)));
    for (const client of this.#sockets.clients) client.terminate();
    this.#http.closeAllConnections();
    await closed;
    try {
      await this.#settings.onStop?.();
    } finally {
      this.emit("stopped");
      this.removeAllListeners();
    }
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const refusal = this.#refusal(request) ?? (await this.#authorize(request)) ?? this.#refusal(request);
    if (refusal) refuse(socket, refusal);
    else if (!socket.destroyed)
      this.#sockets.handleUpgrade(request, socket, head, (webSocket) =>
        this.#open(webSocket, socket, request),
      );
  }

  #refusal(request: IncomingMessage): Refusal | null {
    if (!this.#running) return [503, "Service Unavailable"];
    const refusal = this.#entrance.refusal(request);
    if (refusal) return refusal;
    const isFull = this.#sockets.clients.size >= this.#settings.limits.connections;
    return isFull ? [503, "Service Unavailable"] : null;
  }

  async #authorize(request: IncomingMessage): Promise<Refusal | null> {
    try {
      return await this.#entrance.authorize(request);
    } catch (error) {
      logger.warn("authorize refused a call by failing", { error });
      return [403, "Forbidden"];
    }
  }

  #open(webSocket: WebSocket, stream: Duplex, request: IncomingMessage): void {
    const { limits, call } = this.#settings;
    const socket = new CallSocket(webSocket, stream, limits, logger);
    this.#waiting.add(socket);
    beginCall(socket, { handshakeMs: limits.handshakeMs, sampleRate: call.sampleRate }, (begun) => {
      this.#waiting.delete(socket);
      if (!begun) return;
      const info = this.#describe(request, begun.link.sampleRate, begun.customData);
      const known = this.#calls.get(info.id);
      if (known?.callDriver && call.graceMs > 0) known.callDriver.return(begun.link);
      // Those that wait to come back have no WebSocket, and still hold what a call holds.
      else if (this.#calls.size >= limits.connections)
        socket.close(CloseCode.tryAgainLater, "no place is free");
      else {
        void known?.disconnect("another WebSocket took its place");
        this.#begin(new AudioConnectorConnection(info, { settings: call, link: begun.link }));
      }
    });
  }

  #describe(
    request: IncomingMessage,
    sampleRate: number,
    customData: Readonly<Record<string, unknown>>,
  ): AudioConnectorInfo {
    const { path, headers } = this.#entrance.describe(request);
    const connectionId = headers["x-opentok-ws-connectionid"]?.slice(0, MAXIMUM_ID_LENGTH) || undefined;
    return {
      sessionId: headers["x-opentok-ws-sessionid"],
      conferenceId: headers["x-opentok-ws-conferenceid"],
      connectionId,
      uri: path,
      customHeaders: headers,
      id: connectionId ?? randomId(),
      // Vonage says the headers of the connect request again in the first message.
      customData: this.#entrance.withoutSecret(customData),
      sampleRate,
    };
  }

  #begin(call: AudioConnectorConnection): void {
    const { id } = call.info();
    this.#calls.set(id, call);
    call.once("disconnected", () => {
      if (this.#calls.get(id) === call) this.#calls.delete(id);
    });
    call.start();
    this.emit("connection", call);
    void this.#ask(call).finally(() => call.callDriver?.release());
  }

  /** Runs `onConnect`, which the call's messages wait for. */
  async #ask(call: AudioConnectorConnection): Promise<void> {
    const { onConnect } = this.#settings;
    if (!onConnect) return;
    try {
      const work = onConnect(call);
      await withDeadline("onConnect", CONNECT_CALLBACK_MS, async () => await work);
    } catch (error) {
      logger.error("onConnect failed", { error });
    }
  }
}

function createTlsServer(options: ServerOptions): Server {
  try {
    return createSecureServer(options);
  } catch (error) {
    const { message } = TroupeError.from(
      "INVALID_OPTION",
      error,
      "Expected a certificate and its key as PEM",
    );
    throw new TroupeError("INVALID_OPTION", message, { field: "AudioConnectorServer.tls", cause: error });
  }
}

async function endCall(call: AudioConnectorConnection, drainMs: number): Promise<void> {
  if (drainMs > 0) {
    // What cannot be played in time is cut off.
    await withDeadline("draining", drainMs, () => call.drained()).catch(() => {});
  }
  await call.disconnect("the server stops");
}

function refuse(socket: Duplex, [status, text]: Refusal): void {
  if (socket.destroyed) return;
  socket.end(`HTTP/1.1 ${status} ${text}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
