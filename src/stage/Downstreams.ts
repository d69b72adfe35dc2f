import { type Logger, TypedEvents } from "../core/index.ts";
import type { EngineForwarder } from "../native/index.ts";
import { engineCodec, type SdpCodec, type Session, type Transceiver } from "../webrtc/index.ts";
import type { RequestedRid } from "./encodings.ts";
import type { Publication } from "./Upstreams.ts";

/** What a member gets now of a sender's layers. */
export interface LayerSwitch {
  senderId: string;
  requested: RequestedRid;
  current: string;
  /** `""` at first. */
  previous: string;
}

/** One stream that a member gets. */
interface Downstream {
  readonly publication: Publication;
  readonly transceiver: Transceiver;
  /** Payload types at the sender and as they were offered here. */
  readonly payloadTypes: [atSender: number, offered: number][];
  forwarder: EngineForwarder | null;
  layer: string;
}

/** What a member gets of the others: a line each, and a forwarder each once its line is agreed. */
export class Downstreams {
  readonly events: TypedEvents<{ layer: [change: LayerSwitch] }>;
  readonly #session: Session;
  readonly #streams = new Map<string, Downstream>();
  readonly #leaving: Transceiver[] = [];
  readonly #layers = new Map<string, RequestedRid>();
  #layer: RequestedRid;

  /** @param layer of simulcast senders, until something else is requested. */
  constructor(session: Session, layer: RequestedRid, log: Logger) {
    this.events = new TypedEvents(log);
    this.#session = session;
    this.#layer = layer;
  }

  /** Ends what is not wanted any more, at once. True when a new offer is needed to bring it in line with `wanted`. */
  retain(wanted: readonly Publication[]): boolean {
    const receivers = new Map(wanted.map((publication) => [keyOf(publication), publication.receiver]));
    for (const [key, stream] of this.#streams) {
      if (receivers.get(key) !== stream.publication.receiver) this.#end(key, stream);
    }
    return this.#leaving.length > 0 || [...receivers.keys()].some((key) => !this.#streams.has(key));
  }

  /** Puts lines for what is wanted into the next offer and takes others out. */
  prepare(wanted: readonly Publication[]): void {
    for (const transceiver of this.#leaving.splice(0)) this.#session.removeTransceiver(transceiver);
    for (const publication of wanted) {
      if (this.#streams.has(keyOf(publication)) || publication.receiver.closed) continue;
      this.#streams.set(keyOf(publication), this.#open(publication));
    }
  }

  /** The offer was answered: packets flow from here on, without JavaScript. */
  start(): void {
    for (const stream of this.#streams.values()) this.#forward(stream);
  }

  /** The simulcast layer wanted from one sender, or of all of them. */
  requestLayer(rid: RequestedRid, senderId?: string): void {
    if (senderId === undefined) {
      this.#layer = rid;
      this.#layers.clear();
    } else this.#layers.set(senderId, rid);
    for (const { publication, forwarder } of this.#streams.values()) {
      if (!publication.simulcast || (senderId ?? publication.senderId) !== publication.senderId) continue;
      forwarder?.requestLayer(rid);
    }
  }

  /** Frees the forwarders. The session is its owner's. */
  close(): void {
    for (const { forwarder } of this.#streams.values()) closeForwarder(forwarder);
    this.#streams.clear();
    this.events.removeAllListeners();
  }

  #open(publication: Publication): Downstream {
    const { kind, senderId } = publication;
    // Opus is offered to all alike, whatever its sender said of it.
    const codecs = kind === "audio" ? undefined : publication.codecs.map(withoutEstimate);
    const transceiver = this.#session.addTransceiver({
      kind,
      direction: "sendonly",
      streamId: senderId,
      noSender: true,
      ...(codecs ? { codecs } : {}),
    });
    const payloadTypes = publication.codecs.flatMap(({ payloadType, name }, at): [number, number][] => {
      const offered = transceiver.codecs[at]?.payloadType;
      return name === "rtx" || offered === undefined ? [] : [[payloadType, offered]];
    });
    return { publication, transceiver, payloadTypes, forwarder: null, layer: "" };
  }

  #forward(stream: Downstream): void {
    const { publication, transceiver, payloadTypes } = stream;
    const { receiver, senderId, simulcast } = publication;
    if (stream.forwarder || receiver.closed || transceiver.currentDirection !== "sendonly") return;
    const agreed = new Set(transceiver.codecs.map(({ payloadType }) => payloadType));
    const forwarder = this.#session.peer.createForwarder(receiver, {
      mid: transceiver.mid,
      ssrc: transceiver.localSsrc,
      cname: transceiver.cname,
      payloadTypes: payloadTypes.filter(([, offered]) => agreed.has(offered)),
      nack: transceiver.nack,
      ...retransmissionOf(transceiver),
      ...(simulcast ? { layer: this.#layerOf(senderId) } : {}),
    });
    forwarder.events.on("layer", (current) => {
      const previous = stream.layer;
      stream.layer = current;
      this.events.emit("layer", { senderId, requested: this.#layerOf(senderId), current, previous });
    });
    stream.forwarder = forwarder;
  }

  #layerOf(senderId: string): RequestedRid {
    return this.#layers.get(senderId) ?? this.#layer;
  }

  #end(key: string, { publication, transceiver, forwarder }: Downstream): void {
    closeForwarder(forwarder);
    this.#streams.delete(key);
    this.#layers.delete(publication.senderId);
    this.#leaving.push(transceiver);
  }
}

function keyOf({ kind, senderId }: Publication): string {
  return `${kind} ${senderId}`;
}

function closeForwarder(forwarder: EngineForwarder | null): void {
  forwarder?.events.removeAllListeners();
  forwarder?.close();
}

/** The stage limits nothing on the way down, so it wants no estimates of it. */
function withoutEstimate(codec: SdpCodec): SdpCodec {
  return { ...codec, feedback: codec.feedback?.filter((one) => one !== "goog-remb") };
}

function retransmissionOf({ codecs, localRetransmissionSsrc: ssrc }: Transceiver) {
  const payloadTypes = codecs.flatMap((codec): [number, number][] => {
    const { name, payloadType, associatedPayloadType } = engineCodec(codec);
    return name === "rtx" && associatedPayloadType !== undefined
      ? [[associatedPayloadType, payloadType]]
      : [];
  });
  return ssrc === undefined || payloadTypes.length === 0 ? {} : { retransmission: { ssrc, payloadTypes } };
}
