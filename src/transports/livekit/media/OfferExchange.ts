import { SessionDescription } from "@livekit/protocol";
import { type Clock, TroupeError } from "../../../core/index.ts";
import type { Session } from "../../../webrtc/index.ts";

/** How long an answer may take, in ms. */
const ANSWER_MS = 15_000;

export interface OfferExchangeListener {
  /** What of an offer the server is to see. */
  shown(sdp: string): string;
  offer(offer: SessionDescription): void;
  /** The session has taken an answer in. */
  answered(answer: SessionDescription): void;
  failed(error: TroupeError): void;
}

/** Our offers on one session: one at a time, each with a number that its answer repeats. */
export class OfferExchange {
  readonly #session: Session;
  readonly #clock: Clock;
  readonly #listener: OfferExchangeListener;
  #id = 0;
  #isPending = false;
  #isHeld = false;
  #deadline: unknown;
  /** Whether something changed since the offer that is under way. */
  #again = false;
  #lastOffer: SessionDescription | undefined;
  #lastAnswer: SessionDescription | undefined;

  constructor(session: Session, clock: Clock, listener: OfferExchangeListener) {
    this.#session = session;
    this.#clock = clock;
    this.#listener = listener;
  }

  get descriptions(): { offer: SessionDescription | undefined; answer: SessionDescription | undefined } {
    return { offer: this.#lastOffer, answer: this.#lastAnswer };
  }

  /** Offers, now or once the offer under way is answered. */
  negotiate(): void {
    if (this.#isHeld) this.#isPending = true;
    else if (this.#isPending) this.#again = true;
    else this.#offer(false);
  }

  /** Offers with new ICE credentials at once, in place of the offer under way. */
  restart(): void {
    this.#offer(true);
  }

  /** Nobody can answer now: the offer under way waits, without its deadline, and so does what changes meanwhile. */
  hold(): void {
    this.#isHeld = true;
    this.#clock.clearTimeout(this.#deadline);
  }

  /** Makes the offer that waited. */
  reoffer(): void {
    this.#isHeld = false;
    if (this.#isPending) this.#offer(false);
  }

  /** False for an answer that is of no use: to an earlier offer, or one that cannot be read. */
  accept(answer: SessionDescription): boolean {
    if (!this.#isPending || (answer.id !== 0 && answer.id !== this.#id)) return false;
    this.close();
    try {
      this.#session.acceptAnswer(answer.sdp);
    } catch (error) {
      this.#listener.failed(TroupeError.from("NEGOTIATION_FAILED", error));
      return false;
    }
    this.#lastAnswer = answer;
    const again = this.#again;
    this.#again = false;
    this.#listener.answered(answer);
    if (again) this.negotiate();
    return true;
  }

  close(): void {
    this.#clock.clearTimeout(this.#deadline);
    this.#isPending = false;
  }

  #offer(iceRestart: boolean): void {
    this.#clock.clearTimeout(this.#deadline);
    this.#isHeld = false;
    this.#again = false;
    this.#isPending = true;
    this.#id += 1;
    const sdp = this.#listener.shown(this.#session.createOffer({ iceRestart }));
    const offer = new SessionDescription({ type: "offer", sdp, id: this.#id });
    this.#lastOffer = offer;
    this.#deadline = this.#clock.setTimeout(() => {
      this.#listener.failed(new TroupeError("NEGOTIATION_FAILED", `No answer came within ${ANSWER_MS} ms`));
    }, ANSWER_MS);
    this.#listener.offer(offer);
  }
}
