import { type Clock, TroupeError, TypedEvents } from "../../core/index.ts";
import { NetworkChanged } from "../../native/index.ts";
import type { TransportChannel } from "../../webrtc/index.ts";
import { DataChannel } from "./DataChannel.ts";
import { dial } from "./dial.ts";
import { LEAVE_TIMEOUT, type SoraErrorCode } from "./errorCode.ts";
import type { SoraSettings } from "./options.ts";
import type { SignallingSocket } from "./SignallingSocket.ts";
import {
  type ClientMessage,
  connectMessage,
  type OfferedChannel,
  parseServerMessage,
  type ServerMessage,
} from "./wire.ts";

const MAXIMUM_REDIRECTS = 5;
const MAXIMUM_CHANNELS = 256;

/** The labels that carry signalling; their messages are JSON. */
const SIGNALLING_LABELS = new Set(["signaling", "notify", "push", "stats"]);

/** The label of remote procedure calls, JSON-RPC 2.0. */
export const RPC_LABEL = "rpc";

/** The path that a signalling message takes. */
export type SignallingPath = "websocket" | "datachannel";

/** How a connection or an attempt ended. */
export interface SoraEnding {
  code: number;
  reason: string;
  errorCode: SoraErrorCode;
}

export type SoraClientEvents = {
  /** The WebSocket is open and `connect` is sent. */
  open: [];
  message: [message: ServerMessage, path: SignallingPath];
  /** What passes, as text: for people who want to see it. */
  raw: [path: SignallingPath, direction: "sent" | "received", text: string];
  /** A message that is not known or not valid. */
  ignored: [what: string];
  /** A label is open. */
  channel: [channel: DataChannel];
  /** It closed. */
  channelClosed: [label: string];
  userMessage: [label: string, data: Buffer, sender: string | undefined];
  /** A JSON-RPC message on the label `rpc`. */
  rpc: [text: string];
  /** Signalling has moved; `webSocketClosed` says whether the WebSocket was given up. */
  switched: [webSocketClosed: boolean];
  webSocketClosed: [code: number, reason: string];
  /** The signalling path broke. */
  lost: [ending: SoraEnding];
  /** The server ended the connection in order. */
  ended: [ending: SoraEnding];
};

/**
 * The signalling of one attempt, over its WebSocket and, once they are there, its data channels. It knows
 * which of them a message belongs on; it knows nothing of SDP and media.
 */
export class SoraClient {
  readonly events = new TypedEvents<SoraClientEvents>();
  readonly #settings: SoraSettings;
  readonly #clock: Clock;
  readonly #abort = new AbortController();
  readonly #channels = new Map<string, DataChannel>();
  #offered = new Map<string, OfferedChannel>();
  #socket: SignallingSocket | undefined;
  #redirects = 0;
  #switched = false;
  #onAllGone: (() => void) | undefined;
  #closed = false;
  #endedByNetwork = false;

  constructor(settings: SoraSettings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
  }

  /** Whether a change of the machine's network ended the WebSocket. */
  get endedByNetwork(): boolean {
    return this.#endedByNetwork;
  }

  /**
   * Opens the first of the URLs that answers and sends `connect`.
   *
   * @throws TroupeError SIGNALLING_FAILED, CANCELLED
   */
  async connect(urls: readonly string[] = this.#settings.signalingUrls): Promise<void> {
    const { timeouts, userAgent, tls, proxy } = this.#settings;
    const socket = await dial(urls, {
      timeoutMs: timeouts.dialMs,
      closeMs: timeouts.webSocketCloseMs,
      userAgent,
      tls,
      proxy,
      signal: this.#abort.signal,
    }).catch((error: Error) => {
      this.#endedByNetwork ||= error.cause instanceof NetworkChanged;
      throw error;
    });
    if (this.#closed) {
      socket.terminate();
      return;
    }
    this.#socket = socket;
    socket.events.on("message", (text) => this.#onText(text, "websocket"));
    socket.events.on("closed", (code, reason, error) => this.#onSocketClosed(socket, code, reason, error));
    this.send(connectMessage(this.#settings, this.#redirects > 0));
    socket.listen();
    this.events.emit("open");
  }

  /** Goes where the server pointed to. @throws TroupeError SIGNALLING_FAILED, CANCELLED */
  async redirect(location: string): Promise<void> {
    const from = this.#socket;
    this.#redirects += 1;
    if (this.#redirects > MAXIMUM_REDIRECTS) {
      throw new TroupeError(
        "SIGNALLING_FAILED",
        `The server redirected more than ${MAXIMUM_REDIRECTS} times`,
      );
    }
    const url = URL.parse(location);
    const secure = from?.url.startsWith("wss:") ?? false;
    if (!url || !(url.protocol === "wss:" || (url.protocol === "ws:" && !secure))) {
      throw new TroupeError("SIGNALLING_FAILED", "The server redirected to what is no URL to follow");
    }
    this.#socket = undefined;
    from?.close();
    await this.connect([url.href]);
  }

  /** What the offer says about the labels to come. */
  expect(channels: readonly OfferedChannel[]): void {
    this.#offered = new Map(channels.map((channel) => [channel.label, channel]));
  }

  /** Takes a data channel that the server opened. */
  addChannel(transportChannel: TransportChannel): void {
    const { label } = transportChannel;
    if (this.#channels.has(label) || this.#channels.size >= MAXIMUM_CHANNELS) {
      this.events.emit("ignored", "a data channel too many");
      return;
    }
    const channel = new DataChannel(transportChannel, this.#offered.get(label));
    this.#channels.set(label, channel);
    channel.events.on("message", (data, sender) => this.#onData(label, data, sender));
    channel.events.on("dropped", (why) => this.events.emit("ignored", `a message on ${label}: ${why}`));
    channel.events.on("closed", () => this.#onChannelClosed(label));
    this.events.emit("channel", channel);
  }

  channel(label: string): DataChannel | undefined {
    return this.#channels.get(label);
  }

  /** Whether the user's messages may take this label. */
  static isUserLabel(label: string): boolean {
    return label.startsWith("#");
  }

  /** Sends on `path`, or on the path that signalling has now. False when there is none. */
  send(message: ClientMessage, path?: SignallingPath): boolean {
    const text = JSON.stringify(message);
    const label = message.type === "stats" ? "stats" : "signaling";
    const channel = this.#channels.get(label);
    const wanted = path ?? (this.#switched || label === "stats" ? "datachannel" : "websocket");
    if (wanted === "datachannel" && channel?.isOpen) {
      // Bytes, as Sora's own SDK in C++ sends them: a server that reads text takes them too.
      channel.send(Buffer.from(text)).catch(() => {});
      this.events.emit("raw", "datachannel", "sent", text);
      return true;
    }
    if (label === "stats" || !this.#socket?.send(text)) return false;
    this.events.emit("raw", "websocket", "sent", text);
    return true;
  }

  /** Signalling is on the data channels from now on. */
  switch(ignoreDisconnectWebSocket: boolean): void {
    if (this.#switched) return;
    this.#switched = true;
    const socket = this.#socket;
    if (ignoreDisconnectWebSocket && socket) {
      this.#socket = undefined;
      socket.close(1000, "SELF-CLOSED");
      this.events.emit("webSocketClosed", 1000, "SELF-CLOSED");
    }
    this.events.emit("switched", ignoreDisconnectWebSocket);
  }

  /** Asks the WebSocket for a sign of life. True without a WebSocket: the media path then shows it. */
  async probe(): Promise<boolean> {
    const socket = this.#socket;
    if (!socket) return true;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const off = socket.ping(() => resolve(true));
    const stop = this.#after(this.#settings.timeouts.probeMs, () => resolve(false));
    const stopClosed = socket.events.on("closed", () => resolve(true));
    try {
      return await promise;
    } finally {
      off();
      stop();
      stopClosed();
    }
  }

  /** Tells the server and waits until it has closed what is to be closed. */
  async leave(reason: string): Promise<SoraEnding> {
    const { webSocketLeaveMs, dataChannelLeaveMs } = this.#settings.timeouts;
    const socket = this.#socket;
    const overChannel = this.#switched && (this.channel("signaling")?.isOpen ?? false);
    if (!socket && !overChannel) {
      return { code: 1000, reason: "SELF-CLOSED", errorCode: "CLOSE_SUCCEEDED" };
    }
    const { promise, resolve } = Promise.withResolvers<SoraEnding>();
    const offs = [
      this.#after(overChannel ? dataChannelLeaveMs : webSocketLeaveMs, () =>
        resolve({ ...LEAVE_TIMEOUT, errorCode: "CLOSE_FAILED" }),
      ),
    ];
    if (socket) {
      offs.push(
        socket.events.on("closed", (code, text) =>
          resolve({ code, reason: text, errorCode: "CLOSE_SUCCEEDED" }),
        ),
      );
    } else {
      this.#onAllGone = () =>
        resolve({ code: 1000, reason: "Succeeded to close DataChannel", errorCode: "CLOSE_SUCCEEDED" });
    }
    this.send({ type: "disconnect", reason });
    try {
      return await promise;
    } finally {
      for (const off of offs) off();
    }
  }

  /** The peer connection is gone, and its channels with it. */
  transportGone(): void {
    this.#onAllGone?.();
  }

  /** Drops everything at once. A server that can still be reached is told why. */
  close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.events.removeAllListeners();
    this.#abort.abort();
    if (this.#socket?.isOpen) this.send({ type: "disconnect", reason }, "websocket");
    this.#socket?.close();
    for (const channel of this.#channels.values()) channel.close();
    this.#channels.clear();
  }

  #onText(text: string, path: SignallingPath): void {
    this.events.emit("raw", path, "received", text);
    const parsed = parseServerMessage(text);
    if (parsed.kind === "message") this.events.emit("message", parsed.message, path);
    else if (parsed.kind === "unknown") this.events.emit("ignored", `a message of type ${parsed.type}`);
    else this.events.emit("ignored", `a malformed message (${parsed.why})`);
  }

  #onData(label: string, data: Buffer, sender: string | undefined): void {
    if (SIGNALLING_LABELS.has(label)) this.#onText(data.toString("utf8"), "datachannel");
    else if (label === RPC_LABEL) this.events.emit("rpc", data.toString("utf8"));
    else if (SoraClient.isUserLabel(label)) this.events.emit("userMessage", label, data, sender);
    else this.events.emit("ignored", "a message on a label that is not known");
  }

  #onSocketClosed(socket: SignallingSocket, code: number, reason: string, error: Error | undefined): void {
    if (socket !== this.#socket) return;
    this.#socket = undefined;
    this.#endedByNetwork ||= error instanceof NetworkChanged;
    this.events.emit("webSocketClosed", code, reason);
    if (code === 1000) {
      this.events.emit("ended", { code, reason, errorCode: "CLOSE_SUCCEEDED" });
      return;
    }
    const broke = error !== undefined || code === 1006;
    const why = reason || error?.message || "the WebSocket closed";
    this.events.emit("lost", {
      code,
      reason: why,
      errorCode: broke ? "WEBSOCKET_ONERROR" : "WEBSOCKET_ONCLOSE",
    });
  }

  #onChannelClosed(label: string): void {
    this.#channels.delete(label);
    this.events.emit("channelClosed", label);
    if (this.#channels.size === 0) this.#onAllGone?.();
    if (label !== "signaling" || this.#socket || this.#onAllGone) return;
    const reason = "the signaling data channel closed";
    this.events.emit("lost", { code: 0, reason, errorCode: "PEER_CONNECTION_STATE_FAILED" });
  }

  #after(ms: number, callback: () => void): () => void {
    const timer = this.#clock.setTimeout(callback, ms);
    return () => this.#clock.clearTimeout(timer);
  }
}
