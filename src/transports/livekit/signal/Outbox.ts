import type { SignalClient, SignalMessage } from "./SignalClient.ts";

/** What may wait for the signalling to come back; the oldest is dropped. */
const MAXIMUM_QUEUED_MESSAGES = 256;

/** What goes to the server by the signalling: at once, or when the signalling is back. */
export class Outbox {
  readonly #queue: SignalMessage[] = [];
  #client: SignalClient | undefined;
  #isHeld = false;
  /** Messages that found no room while the signalling was away. */
  dropped = 0;

  /** By this client from now on. */
  use(client: SignalClient): void {
    this.#client = client;
  }

  send(message: SignalMessage): void {
    if (!this.#isHeld && this.#client?.send(message)) return;
    // A resume offers, answers and trickles by itself.
    if (message.case === "offer" || message.case === "answer" || message.case === "trickle") return;
    if (this.#queue.length >= MAXIMUM_QUEUED_MESSAGES) {
      this.#queue.shift();
      this.dropped += 1;
    }
    this.#queue.push(message);
  }

  /** Keeps everything: the server does not know of our state any more. */
  hold(): void {
    this.#isHeld = true;
  }

  /** The server knows our state again: what was kept goes out, in its order. */
  release(): void {
    this.#isHeld = false;
    for (const message of this.#queue.splice(0)) this.#client?.send(message);
  }

  clear(): void {
    this.#queue.length = 0;
  }
}
