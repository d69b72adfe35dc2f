import { WebSocket } from "ws";
import { type Logger, logger } from "../core/index.ts";
import type { FeedMessage } from "./feed.ts";

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

  close(): void {
    if (this.#socket.readyState === WebSocket.CONNECTING) this.#socket.terminate();
    else this.#socket.close();
  }
}
