import { type Logger, TroupeError, TypedEvents } from "../core/index.ts";
import type { Session } from "../webrtc/index.ts";
import type { Downstreams } from "./Downstreams.ts";
import type { Publication } from "./Upstreams.ts";

/** Sora's clients get no candidates after the offer, so it waits for the stage's own, but not for long. */
const GATHERING_MS = 2000;

/** A client may be slow to answer a re-offer; one that never does would hold up every change after it. */
const RE_ANSWER_MS = 30_000;

/**
 * Offers and re-offers to one member, one at a time. What it should get may change at any moment; changes
 * wait for the running exchange and go out together in the next.
 */
export class Negotiation {
  readonly events: TypedEvents<{
    /** SDP for the client. */
    offer: [sdp: string];
    failed: [reason: string];
  }>;
  readonly #session: Session;
  readonly #downstreams: Downstreams;
  readonly #log: Logger;
  #wanted: readonly Publication[] = [];
  #awaiting = false;
  #answered = false;
  #dirty = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(session: Session, downstreams: Downstreams, log: Logger) {
    this.events = new TypedEvents(log);
    this.#session = session;
    this.#downstreams = downstreams;
    this.#log = log;
  }

  /** The first offer, once the stage's candidates are known. */
  async firstOffer(wanted: () => readonly Publication[]): Promise<string> {
    await this.#gathered();
    if (this.#session.closed) throw new TroupeError("CLOSED", "The member left");
    this.#wanted = wanted();
    return this.#offer();
  }

  /** Sets what the member gets from now on. Streams that ended stop at once, others follow by a re-offer. */
  want(wanted: readonly Publication[]): void {
    this.#wanted = wanted;
    this.#dirty = this.#downstreams.retain(wanted);
    this.#renegotiate();
  }

  /**
   * Takes an answer, from whichever way it came. One that nobody waits for is ignored.
   *
   * @throws TroupeError INVALID_SDP or NEGOTIATION_FAILED
   */
  accept(sdp: string): void {
    if (!this.#awaiting) {
      this.#log.debug("an answer that nobody waits for is ignored");
      return;
    }
    this.#session.acceptAnswer(sdp);
    clearTimeout(this.#timer);
    this.#awaiting = false;
    this.#answered = true;
    this.#downstreams.start();
    this.#renegotiate();
  }

  /**
   * Moves the member to the addresses that the stage has now, by a re-offer that restarts ICE: in Sora only the server
   * offers. A re-offer that waits for its answer goes first.
   */
  restart(): void {
    if (!this.#answered || this.#session.closed) return;
    this.#session.restartIce();
    this.#dirty = true;
    this.#renegotiate();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.events.removeAllListeners();
  }

  #renegotiate(): void {
    if (!this.#dirty || this.#awaiting || !this.#answered || this.#session.closed) return;
    try {
      this.events.emit("offer", this.#offer());
    } catch (error) {
      this.#log.error("a re-offer could not be made", { error });
      this.events.emit("failed", "NEGOTIATION-FAILED");
    }
  }

  #offer(): string {
    this.#dirty = false;
    this.#downstreams.prepare(this.#wanted);
    const sdp = this.#session.createOffer();
    this.#awaiting = true;
    if (this.#answered)
      this.#timer = setTimeout(() => this.events.emit("failed", "RE-ANSWER-TIMEOUT"), RE_ANSWER_MS);
    return sdp;
  }

  async #gathered(): Promise<void> {
    const { transport } = this.#session;
    if (this.#session.gathered) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const off = transport.events.on("gathered", resolve);
    const timer = setTimeout(resolve, GATHERING_MS);
    // The first call starts gathering.
    transport.localParameters();
    await promise;
    clearTimeout(timer);
    off();
  }
}
