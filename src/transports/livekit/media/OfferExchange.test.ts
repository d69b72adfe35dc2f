import { SessionDescription } from "@livekit/protocol";
import { describe, expect, it } from "vitest";
import { ManualClock } from "../../../../test/fixtures/ManualClock.ts";
import { TroupeError } from "../../../core/index.ts";
import type { Session } from "../../../webrtc/index.ts";
import { OfferExchange } from "./OfferExchange.ts";

/** Keeps what the exchange offers and what becomes of it. */
class Party {
  readonly clock = new ManualClock();
  readonly offers: SessionDescription[] = [];
  readonly outcomes: string[] = [];
  #made = 0;
  readonly #session = {
    createOffer: ({ iceRestart }: { iceRestart: boolean }) => {
      this.#made += 1;
      return `${iceRestart ? "restart" : "offer"} ${this.#made}`;
    },
    acceptAnswer: (sdp: string) => {
      if (sdp === "bad") throw new TroupeError("INVALID_SDP", "bad");
    },
  } as unknown as Session;
  readonly exchange = new OfferExchange(this.#session, this.clock, {
    shown: (sdp) => sdp,
    offer: (offer) => this.offers.push(offer),
    answered: ({ sdp }) => this.outcomes.push(`answered ${sdp}`),
    failed: ({ code }) => this.outcomes.push(`failed ${code}`),
  });

  get offered(): string[] {
    return this.offers.map(({ sdp }) => sdp);
  }

  answer(sdp = "good", id = this.offers.at(-1)!.id): boolean {
    return this.exchange.accept(new SessionDescription({ type: "answer", sdp, id }));
  }
}

describe("our offers", () => {
  it("are made one at a time: what changes meanwhile follows in the next", async () => {
    const party = new Party();
    party.exchange.negotiate();
    party.exchange.negotiate();
    party.exchange.negotiate();
    expect(party.offered).toEqual(["offer 1"]);
    expect(party.answer()).toBe(true);
    expect(party.offered).toEqual(["offer 1", "offer 2"]);
    expect(party.answer()).toBe(true);
    expect([party.offered.length, party.outcomes]).toEqual([2, ["answered good", "answered good"]]);
  });

  it("are answered by their number; an answer to an earlier one is of no use", async () => {
    const party = new Party();
    party.exchange.negotiate();
    party.exchange.restart();
    expect(party.answer("late", party.offers[0]!.id)).toBe(false);
    expect(party.answer("good")).toBe(true);
    expect(party.answer("again")).toBe(false);
    expect(party.outcomes).toEqual(["answered good"]);
  });

  it("fail when nobody answers, and when the answer cannot be read", async () => {
    const party = new Party();
    party.exchange.negotiate();
    await party.clock.pass(15_000);
    party.exchange.restart();
    expect(party.answer("bad")).toBe(false);
    expect(party.outcomes).toEqual(["failed NEGOTIATION_FAILED", "failed INVALID_SDP"]);
  });

  it("wait without a deadline while the signalling is away, and are made again", async () => {
    const party = new Party();
    party.exchange.negotiate();
    party.exchange.hold();
    await party.clock.pass(60_000);
    expect(party.outcomes).toEqual([]);
    party.exchange.reoffer();
    expect(party.offered).toEqual(["offer 1", "offer 2"]);
    await party.clock.pass(15_000);
    expect(party.outcomes).toEqual(["failed NEGOTIATION_FAILED"]);
  });

  it("are made after the signalling is back for what changed while it was away, else not at all", async () => {
    const party = new Party();
    party.exchange.hold();
    party.exchange.reoffer();
    expect(party.offered).toEqual([]);
    party.exchange.hold();
    party.exchange.negotiate();
    await party.clock.pass(60_000);
    expect([party.offered, party.outcomes]).toEqual([[], []]);
    party.exchange.reoffer();
    expect(party.offered).toEqual(["offer 1"]);
    expect(party.answer()).toBe(true);
  });
});
