import { type Logger, TroupeError, TypedEvents } from "../core/index.ts";
import type { EngineForwarder, EngineReceiver } from "../native/index.ts";
import type { SdpCodec, Session, Transceiver } from "../webrtc/index.ts";
import type { ConnectMessage } from "./messages.ts";

/** Sora's clients get no candidates after the offer, so it waits for the stage's own, but not for long. */
const GATHERING_MS = 2000;

/** A client may be slow to answer a re-offer; one that never does would hold up every change after it. */
const RE_ANSWER_MS = 30_000;

const OPUS_PAYLOAD_TYPE = 111;

/** One stream that a member hears. */
interface Downstream {
  readonly source: EngineReceiver;
  readonly transceiver: Transceiver;
  forwarder: EngineForwarder | null;
}

/** What a member should hear: the receivers of the others by their connection_id. */
export type Audible = ReadonlyMap<string, EngineReceiver>;

/**
 * Offers and re-offers to one member, one at a time. What it should hear may change at any moment; changes
 * wait for the running exchange and go out together in the next.
 */
export class Negotiation {
  readonly events: TypedEvents<{
    /** SDP for the client. */
    offer: [sdp: string];
    /** What the member sends began or ended. */
    upstream: [];
    failed: [reason: string];
  }>;
  readonly #session: Session;
  readonly #log: Logger;
  readonly #upstream: Transceiver | null;
  readonly #downstreams = new Map<string, Downstream>();
  readonly #leaving: Transceiver[] = [];
  #audible: Audible = new Map();
  #awaiting = false;
  #answered = false;
  #dirty = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(session: Session, connect: ConnectMessage, withApplication: boolean, log: Logger) {
    this.events = new TypedEvents(log);
    this.#session = session;
    this.#log = log;
    const sends = connect.role !== "recvonly" && connect.audio !== false;
    this.#upstream = sends
      ? session.addTransceiver({ kind: "audio", direction: "recvonly", codecs: [opusFor(connect)] })
      : null;
    // libwebrtc cannot set a description without any m-line in the bundle, nor bring one up later.
    if (!sends) session.addTransceiver({ kind: "audio", direction: "inactive" });
    if (withApplication) session.addApplication();
    session.events.on("track", (transceiver) => this.#upstreamChanged(transceiver));
    session.events.on("trackRemoved", (transceiver) => this.#upstreamChanged(transceiver));
  }

  /** What the member sends; null while it sends nothing. */
  get receiver(): EngineReceiver | null {
    const upstream = this.#upstream;
    const agreed = upstream?.currentDirection;
    return agreed === "recvonly" || agreed === "sendrecv" ? (upstream?.receiver ?? null) : null;
  }

  /** `mid.audio` of the offer: where the client's own audio goes. */
  get upstreamMid(): string | undefined {
    return this.#upstream?.mid || undefined;
  }

  /** The first offer, once the stage's candidates are known. */
  async firstOffer(audible: () => Audible): Promise<string> {
    await this.#gathered();
    if (this.#session.closed) throw new TroupeError("CLOSED", "The member left");
    this.#audible = audible();
    return this.#offer();
  }

  /** Sets what the member hears from now on. Streams that ended stop at once, others follow by a re-offer. */
  hear(audible: Audible): void {
    this.#audible = audible;
    for (const [senderId, downstream] of this.#downstreams) {
      if (audible.get(senderId) !== downstream.source) this.#end(senderId, downstream);
    }
    this.#dirty = this.#leaving.length > 0 || [...audible.keys()].some((id) => !this.#downstreams.has(id));
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
    for (const downstream of this.#downstreams.values()) this.#forward(downstream);
    this.#renegotiate();
  }

  /** Frees the forwarders. The session is its owner's. */
  close(): void {
    clearTimeout(this.#timer);
    for (const { forwarder } of this.#downstreams.values()) forwarder?.close();
    this.#downstreams.clear();
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
    for (const transceiver of this.#leaving.splice(0)) this.#session.removeTransceiver(transceiver);
    for (const [senderId, source] of this.#audible) {
      if (this.#downstreams.has(senderId) || source.closed) continue;
      const transceiver = this.#session.addTransceiver({
        kind: "audio",
        direction: "sendonly",
        streamId: senderId,
        noSender: true,
      });
      this.#downstreams.set(senderId, { source, transceiver, forwarder: null });
    }
    const sdp = this.#session.createOffer();
    this.#awaiting = true;
    if (this.#answered)
      this.#timer = setTimeout(() => this.events.emit("failed", "RE-ANSWER-TIMEOUT"), RE_ANSWER_MS);
    return sdp;
  }

  /** Packets flow from here on, without JavaScript. */
  #forward(downstream: Downstream): void {
    const { source, transceiver } = downstream;
    if (downstream.forwarder || source.closed) return;
    if (transceiver.currentDirection !== "sendonly") return;
    downstream.forwarder = this.#session.peer.createForwarder(source, {
      mid: transceiver.mid,
      ssrc: transceiver.localSsrc,
      cname: transceiver.cname,
      payloadTypes: transceiver.codecs.map(({ payloadType }) => [OPUS_PAYLOAD_TYPE, payloadType]),
      nack: transceiver.nack,
    });
  }

  #end(senderId: string, downstream: Downstream): void {
    downstream.forwarder?.close();
    this.#downstreams.delete(senderId);
    this.#leaving.push(downstream.transceiver);
  }

  #upstreamChanged(transceiver: Transceiver): void {
    if (transceiver === this.#upstream) this.events.emit("upstream");
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

/** Opus as the client asked for it; the offer's format parameters say what the stage would like to get. */
function opusFor({ audio }: ConnectMessage): SdpCodec {
  const wish = typeof audio === "object" ? audio : {};
  const opus = wish.opus_params ?? {};
  const format: Record<string, unknown> = {
    minptime: opus.minptime ?? 10,
    useinbandfec: Number(opus.useinbandfec ?? true),
    ptime: opus.ptime,
    maxplaybackrate: opus.maxplaybackrate,
    maxaveragebitrate: wish.bit_rate ? Math.round(wish.bit_rate * 1000) : undefined,
    stereo: flag(opus.stereo),
    "sprop-stereo": flag(opus.sprop_stereo),
    usedtx: flag(opus.usedtx),
  };
  const parameters = Object.entries(format).filter(([, value]) => value !== undefined);
  return {
    payloadType: OPUS_PAYLOAD_TYPE,
    name: "opus",
    clockRate: 48_000,
    channels: 2,
    format: parameters.map(([name, value]) => `${name}=${value}`).join(";"),
    feedback: ["nack"],
  };
}

function flag(value: boolean | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}
