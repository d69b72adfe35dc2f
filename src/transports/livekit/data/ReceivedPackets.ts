/** Senders, and messages of theirs, that are remembered; the oldest are forgotten. */
const MAXIMUM_SENDERS = 4096;
const MAXIMUM_NONCES = 4096;

/**
 * Which reliable packets came already. A sender numbers them, so its last number tells within a session; what it
 * sends again after it joined anew has a nonce.
 */
export class ReceivedPackets {
  /** Oldest use first, by the order of a Map. */
  readonly #lastSequences = new Map<string, number>();
  readonly #nonces = new Set<string>();

  /**
   * How many numbers of the sender's were left out before this one; undefined for one that came already. Packets
   * without a number, or without a sender, are always new.
   */
  takeSequence(senderSid: string, sequence: number): number | undefined {
    if (sequence === 0 || senderSid === "") return 0;
    const last = this.#lastSequences.get(senderSid);
    if (last !== undefined && sequence <= last) return undefined;
    this.#lastSequences.delete(senderSid);
    this.#lastSequences.set(senderSid, sequence);
    if (this.#lastSequences.size > MAXIMUM_SENDERS) forgetOldest(this.#lastSequences);
    // What a sender sent before we were there, or had heard of it, is no gap.
    return last === undefined ? 0 : sequence - last - 1;
  }

  /** False for one that came already. No nonce is always new. */
  takeNonce(sender: string, nonce: Uint8Array): boolean {
    if (nonce.length === 0) return true;
    const key = `${sender} ${Buffer.from(nonce).toString("base64")}`;
    if (this.#nonces.has(key)) return false;
    this.#nonces.add(key);
    if (this.#nonces.size > MAXIMUM_NONCES) forgetOldest(this.#nonces);
    return true;
  }

  /** The last number of each sender, for the server when a session moves to another node. */
  lastSequences(): { publisherSid: string; lastSeq: number }[] {
    return [...this.#lastSequences].map(([publisherSid, lastSeq]) => ({ publisherSid, lastSeq }));
  }
}

function forgetOldest(entries: Map<string, unknown> | Set<string>): void {
  const [oldest] = entries.keys();
  if (oldest !== undefined) entries.delete(oldest);
}
