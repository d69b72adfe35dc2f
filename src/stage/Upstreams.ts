import { type Logger, TypedEvents } from "../core/index.ts";
import type { EngineReceiver } from "../native/index.ts";
import type { MediaKind, SdpCodec, Session, Transceiver } from "../webrtc/index.ts";
import { type SimulcastEncoding, videoCodecs } from "./encodings.ts";
import type { ConnectMessage } from "./messages.ts";

const OPUS_PAYLOAD_TYPE = 111;

/** What senders are told that they may use where they named no bit rate, in kbit/s; and what sound takes beside it. */
const VIDEO_KBITS = 5000;
const AUDIO_KBITS = 128;

/** What a member sends of one kind, for the others. */
export interface Publication {
  readonly senderId: string;
  readonly kind: MediaKind;
  readonly receiver: EngineReceiver;
  /** What it comes in, as its sender's session numbers it. */
  readonly codecs: readonly SdpCodec[];
  /** Whether it comes in simulcast layers. */
  readonly simulcast: boolean;
}

/** What a client may send: a line of the offer for its audio and one for its video, each where it asked for it. */
export class Upstreams {
  readonly events: TypedEvents<{
    /** What the client sends began or ended. */
    changed: [];
  }>;
  readonly #transceivers: Transceiver[] = [];
  readonly #simulcast: boolean;

  constructor(
    session: Session,
    connect: ConnectMessage,
    encodings: readonly SimulcastEncoding[],
    log: Logger,
  ) {
    this.events = new TypedEvents(log);
    this.#simulcast = connect.simulcast;
    const sends = connect.role !== "recvonly";
    if (sends && connect.audio !== false) this.#addAudio(session, connect);
    if (sends && connect.video !== false) this.#addVideo(session, connect, encodings);
    // libwebrtc cannot set a description without any m-line in the bundle, nor bring one up later.
    if (this.#transceivers.length === 0) session.addTransceiver({ kind: "audio", direction: "inactive" });
    const changed = (transceiver: Transceiver) => {
      if (this.#transceivers.includes(transceiver)) this.events.emit("changed");
    };
    session.events.on("track", changed);
    session.events.on("trackRemoved", changed);
  }

  /** `mid` of the offer: where the client's own audio and video go. */
  get mid(): { audio?: string; video?: string } {
    return Object.fromEntries(this.#transceivers.map(({ kind, mid }) => [kind, mid]));
  }

  /** What the client sends now. */
  publications(senderId: string): Publication[] {
    return this.#transceivers.flatMap(({ kind, receiver, codecs, currentDirection }) => {
      const receives = currentDirection === "recvonly" || currentDirection === "sendrecv";
      const simulcast = kind === "video" && this.#simulcast;
      return receiver && receives ? [{ senderId, kind, receiver, codecs, simulcast }] : [];
    });
  }

  #addAudio(session: Session, connect: ConnectMessage): void {
    this.#transceivers.push(
      session.addTransceiver({ kind: "audio", direction: "recvonly", codecs: [opusFor(connect)] }),
    );
  }

  #addVideo(
    session: Session,
    { video, simulcast }: ConnectMessage,
    encodings: readonly SimulcastEncoding[],
  ): void {
    const wish = typeof video === "object" ? video : {};
    const layers = simulcast ? encodings : [];
    this.#transceivers.push(
      session.addTransceiver({
        kind: "video",
        direction: "recvonly",
        codecs: videoCodecs(wish, layers),
        rids: layers.map(({ rid }) => rid),
        maximumBitRate: Math.round(((wish.bit_rate || VIDEO_KBITS) + AUDIO_KBITS) * 1000),
      }),
    );
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
