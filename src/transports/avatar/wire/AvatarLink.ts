import type { IncomingMessage } from "node:http";
import { WebSocket } from "ws";
import { logger, TypedEvents } from "../../../core/index.ts";
import { AvatarError, type AvatarErrorPhase } from "../errors.ts";
import type { AvatarConfig } from "../options.ts";
import { classify } from "./classify.ts";
import { type AvatarData, decodeMessage } from "./messages.ts";
import { describeProblem, readBounded, readProblem } from "./problem.ts";

const PATH = "/websocket";
const MAXIMUM_REFUSAL_BYTES = 16 * 1024;
/** The largest frame that is taken, in bytes; a face's are some kilobytes. */
const MAXIMUM_MESSAGE_BYTES = 4 * 1024 * 1024;

/** What the service told of is why it closes only when it closes soon after, in ms. */
const SAID_COUNTS_MS = 5_000;

/** A frame of animation as it came. */
export interface AvatarFrame {
  /** The whole message, for a renderer of the service's own kind. */
  raw: Uint8Array;
  connectionId: string;
  requestId: string;
  /** Whether it is the last of its request. */
  last: boolean;
}

export type AvatarLinkEvents = {
  opened: [];
  confirmed: [connectionId: string];
  frame: [frame: AvatarFrame];
  /** The service told of an error, or a message could not be read; the link may go on. */
  error: [error: AvatarError];
  /** Over, however; fires once. */
  closed: [error: AvatarError];
};

export type AvatarLinkOptions = Pick<AvatarConfig, "ingressUrl" | "avatarId" | "appId" | "useQueryAuth"> & {
  token: string;
  dialMs: number;
  sendMs: number;
  nowMs: () => number;
};

/** One WebSocket to the driving ingress, from its dial to its end. */
export class AvatarLink {
  readonly events = new TypedEvents<AvatarLinkEvents>();
  readonly #socket: WebSocket;
  readonly #sendMs: number;
  #phase: AvatarErrorPhase = "websocket_connect";
  #connectionId: string | undefined;
  readonly #nowMs: () => number;
  /** The error that the service told of last. */
  #said: { error: AvatarError; atMs: number } | undefined;
  #isClosed = false;

  /** Dials at once. */
  constructor(options: AvatarLinkOptions) {
    const { url, headers } = addressOf(options);
    this.#sendMs = options.sendMs;
    this.#nowMs = options.nowMs;
    this.#socket = new WebSocket(url, {
      headers,
      handshakeTimeout: options.dialMs,
      maxPayload: MAXIMUM_MESSAGE_BYTES,
      perMessageDeflate: false,
      followRedirects: false,
    });
    this.#socket.on("open", () => {
      this.#phase = "websocket_handshake";
      this.events.emit("opened");
    });
    this.#socket.on("unexpected-response", (_request, response) => this.#refused(response));
    this.#socket.on("message", (data, isBinary) => this.#receive(data as Buffer, isBinary));
    this.#socket.on("error", (error) => this.#fail(error));
    this.#socket.on("close", (code, reason) => this.#end(this.#closing(code, reason.toString())));
  }

  /** The service's id of this link, once it confirmed. */
  get connectionId(): string | undefined {
    return this.#connectionId;
  }

  /**
   * Sends a message; resolves when the network took it, which waits for a far side that does not read.
   *
   * @throws AvatarError in phase websocket_send; what does not get away in time ends the link.
   */
  async send(message: Uint8Array, requestId = ""): Promise<void> {
    const sent = Promise.withResolvers<void>();
    const fail = (why: string, cause?: unknown) => sent.reject(this.#sendError(why, requestId, cause));
    const off = this.events.on("closed", (error) => fail("the connection was closed", error));
    const timer = setTimeout(() => {
      fail(`the service read nothing for ${this.#sendMs} ms`);
      this.#socket.terminate();
    }, this.#sendMs);
    try {
      if (this.#socket.readyState !== WebSocket.OPEN) fail("there is no open connection");
      else
        this.#socket.send(message, (error) => {
          if (error) fail(error.message, error);
          else sent.resolve();
        });
      await sent.promise;
    } finally {
      clearTimeout(timer);
      off();
    }
  }

  /** Closes in order: the service answers, or the owner gives up and calls {@link AvatarLink.destroy}. */
  close(): void {
    this.#socket.close(1000);
  }

  /** Cuts it; nothing is reported any more. */
  destroy(): void {
    this.#isClosed = true;
    this.events.emit("closed", this.#closing(1006, ""));
    this.events.removeAllListeners();
    this.#socket.terminate();
  }

  #receive(data: Buffer, isBinary: boolean): void {
    const inHandshake = this.#phase === "websocket_handshake";
    if (!isBinary) {
      if (inHandshake) this.#break("the service sent a text in place of a confirmation");
      else logger.debug("a text on an avatar's connection is ignored");
      return;
    }
    let message: AvatarData | null;
    try {
      message = decodeMessage(data);
    } catch (cause) {
      if (inHandshake) this.#break((cause as Error).message, cause);
      else this.events.emit("error", this.#protocolError((cause as Error).message, cause));
      return;
    }
    if (inHandshake) this.#shakeHands(message);
    else this.#take(message, data);
  }

  #shakeHands(message: AvatarData | null): void {
    if (message?.case === "serverConfirmSession" && message.value.connectionId) {
      this.#connectionId = message.value.connectionId;
      this.#phase = "websocket_runtime";
      this.events.emit("confirmed", this.#connectionId);
    } else if (message?.case === "serverError") {
      this.#end(this.#serverError(message.value));
      this.#socket.terminate();
    } else if (message?.case === "serverConfirmSession") this.#break("the confirmation has no connection id");
    else this.#break("the service sent something else in place of a confirmation");
  }

  #take(message: AvatarData | null, raw: Buffer): void {
    if (message?.case === "serverResponseAnimation") {
      const { connectionId, reqId, end } = message.value;
      this.events.emit("frame", { raw, connectionId, requestId: reqId, last: end });
    } else if (message?.case === "serverError") {
      const error = this.#serverError(message.value);
      this.#said = { error, atMs: this.#nowMs() };
      this.events.emit("error", error);
    } else logger.debug("a message of another kind on an avatar's connection is ignored");
  }

  #serverError(said: { connectionId: string; reqId: string; code: number; message: string }): AvatarError {
    const serverCode = String(said.code);
    const phase = this.#phase;
    const reason = classify({ phase, serverCode, detail: said.message });
    const detail = said.message.slice(0, 500);
    return new AvatarError(reason, phase, `The avatar service refuses: ${detail || reason} (${serverCode})`, {
      serverCode,
      serverDetail: detail,
      connectionId: said.connectionId || this.#connectionId,
      requestId: said.reqId || undefined,
    });
  }

  #protocolError(what: string, cause?: unknown): AvatarError {
    const connectionId = this.#connectionId;
    return new AvatarError("protocolError", this.#phase, `The avatar service broke the protocol: ${what}`, {
      connectionId,
      cause,
    });
  }

  #break(what: string, cause?: unknown): void {
    this.#end(this.#protocolError(what, cause));
    this.#socket.terminate();
  }

  #refused(response: IncomingMessage): void {
    const httpStatus = response.statusCode ?? 0;
    response.on("error", () => {});
    const read = readBounded(response as AsyncIterable<Uint8Array>, MAXIMUM_REFUSAL_BYTES).catch(() => "");
    void read.then((body) => {
      const problem = readProblem(body);
      const reason = classify({
        phase: "websocket_connect",
        httpStatus,
        serverCode: problem?.code,
        title: problem?.title,
        detail: problem?.detail,
      });
      const message = describeProblem("The avatar service refuses the connection", httpStatus, problem);
      this.#end(
        new AvatarError(reason, "websocket_connect", message, {
          httpStatus,
          serverCode: problem?.code,
          serverTitle: problem?.title,
          serverDetail: problem?.detail,
        }),
      );
      this.#socket.terminate();
    });
  }

  #fail(error: Error): void {
    if ((error as { code?: string }).code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH")
      this.#end(this.#protocolError(`a message is longer than ${MAXIMUM_MESSAGE_BYTES} bytes`, error));
    else if ((error as { code?: string }).code?.startsWith("WS_ERR_"))
      this.#end(this.#protocolError(error.message, error));
    else if (this.#phase === "websocket_connect")
      this.#end(
        new AvatarError(
          "connectionFailed",
          this.#phase,
          `The avatar service cannot be reached: ${error.message}`,
          { cause: error },
        ),
      );
    this.#socket.terminate();
  }

  #closing(closeCode: number, closeReason: string): AvatarError {
    if (this.#said && this.#nowMs() - this.#said.atMs < SAID_COUNTS_MS) return this.#said.error;
    const why = closeReason ? `${closeCode} ${closeReason}` : String(closeCode);
    return new AvatarError(
      "connectionClosed",
      this.#phase,
      `The connection to the avatar service was closed: ${why}`,
      { closeCode, closeReason, connectionId: this.#connectionId },
    );
  }

  #sendError(why: string, requestId: string, cause?: unknown): AvatarError {
    return new AvatarError(
      "connectionClosed",
      "websocket_send",
      `Nothing can be sent to the avatar: ${why}`,
      {
        requestId: requestId || undefined,
        connectionId: this.#connectionId,
        cause,
      },
    );
  }

  #end(error: AvatarError): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.events.emit("closed", error);
    this.events.removeAllListeners();
  }
}

function addressOf(options: AvatarLinkOptions): { url: URL; headers: Record<string, string> } {
  const { ingressUrl, avatarId, appId, useQueryAuth, token } = options;
  const url = new URL(ingressUrl);
  url.protocol = url.protocol.replace("http", "ws");
  url.pathname = url.pathname.replace(/\/+$/, "") + PATH;
  url.searchParams.set("id", avatarId);
  if (!useQueryAuth) return { url, headers: { "X-App-ID": appId, "X-Session-Key": token } };
  url.searchParams.set("appId", appId);
  url.searchParams.set("sessionKey", token);
  return { url, headers: {} };
}
