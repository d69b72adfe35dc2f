import { WebSocket } from "ws";
import { z } from "zod";
import { type Logger, logger, TypedEvents } from "../core/index.ts";
import { type FeedMessage, readJson } from "./feed.ts";

const listenSchema = z.object({ type: z.literal("listen"), track: z.string().max(200), on: z.boolean() });

/** Messages that wait while the feed is not open yet; the oldest go. */
const MAXIMUM_WAITING = 200;

/** Above this much unsent data, levels and states are dropped: the page would show the past. */
const MAXIMUM_BUFFERED_BYTES = 256 * 1024;

/**
 * Reports a bot to the stage's page from any process. The page is a view: when the feed is not there,
 * messages are dropped and counted and the bot goes on.
 *
 * @example
 * const feed = new FeedPublisher(stage.feedUrl);
 * const stop = inspectActors((transition) => feed.publish(transition));
 */
export class FeedPublisher {
  /** `listen`: a page wants to hear a track that was published here, or no page does any more. */
  readonly events = new TypedEvents<{ listen: [track: string, on: boolean] }>();
  readonly #socket: WebSocket;
  #waiting: string[] = [];
  /** Messages that were not sent. */
  dropped = 0;

  constructor(feedUrl: string, log: Logger = logger) {
    this.#socket = new WebSocket(feedUrl, {
      perMessageDeflate: false,
      handshakeTimeout: 5000,
      maxPayload: 64 * 1024,
    });
    this.#socket.on("open", () => {
      for (const text of this.#waiting) this.#socket.send(text);
      this.#waiting = [];
    });
    this.#socket.on("message", (data) => this.#receive(String(data)));
    this.#socket.on("close", () => this.events.removeAllListeners());
    this.#socket.on("error", (error) => log.warn("the feed of the stage's page is lost", { error }));
  }

  /** Sends one message, or drops it. */
  publish(message: FeedMessage): void {
    const text = JSON.stringify(message);
    const { readyState, bufferedAmount } = this.#socket;
    if (readyState === WebSocket.CONNECTING) {
      this.#waiting.push(text);
      if (this.#waiting.length <= MAXIMUM_WAITING) return;
      this.#waiting.shift();
      this.dropped++;
    } else if (readyState !== WebSocket.OPEN || bufferedAmount > MAXIMUM_BUFFERED_BYTES) this.dropped++;
    else this.#socket.send(text);
  }

  #receive(text: string): void {
    const message = listenSchema.safeParse(readJson(text));
    if (message.success) this.events.emit("listen", message.data.track, message.data.on);
  }

  close(): void {
    if (this.#socket.readyState === WebSocket.CONNECTING) this.#socket.terminate();
    else this.#socket.close();
  }
}
