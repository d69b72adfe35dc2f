import {
  Engine,
  type EngineSink,
  type EngineSource,
  type TransportOptions,
} from "../../../src/native/index.ts";
import {
  NativePeerTransport,
  Session,
  type StatsReport,
  type TransportChannel,
} from "../../../src/webrtc/index.ts";
import { OPUS } from "../../../src/webrtc/sdp/codecs.ts";
import type { SdpCodec } from "../../../src/webrtc/types.ts";
import { shareAt, sine } from "../../fixtures/tone.ts";
import type { ChannelKind } from "./Counterpart.ts";

const RATE = 48_000;
const FREQUENCY_HZ = 660;
const WAIT_MS = 20_000;

/** Our side of a case: a session that sends a tone and hears what comes back. */
export class Ours {
  readonly session: Session;
  readonly channels = new Map<string, TransportChannel>();
  readonly #source: EngineSource;
  readonly #sink: EngineSink;
  readonly #timer: NodeJS.Timeout;
  readonly #codecs: SdpCodec[] | undefined;
  #heard = 0;

  /** `transportFeedback`: our offer has it; an answer has it where theirs does. */
  constructor(
    role: "offerer" | "answerer",
    options: Partial<TransportOptions> = {},
    transportFeedback = false,
  ) {
    this.#codecs = transportFeedback ? [{ ...OPUS, feedback: ["nack", "transport-cc"] }] : undefined;
    const transport = new NativePeerTransport({ controlling: role === "offerer", ...options });
    this.session = new Session({ role, transport });
    const engine = Engine.shared();
    this.#source = engine.createSource({ sampleRate: RATE, channels: 1, capacityMs: 500 });
    this.#sink = engine.createSink({ sampleRate: 16_000, channels: 1, frameMs: 200 });
    this.#sink.events.on("frame", ({ pcm, sampleRate }) => {
      if (shareAt(FREQUENCY_HZ, pcm, sampleRate) > 0.8) this.#heard += 1;
    });
    const second = sine(FREQUENCY_HZ, 1000, RATE);
    let at = 0;
    this.#timer = setInterval(() => {
      for (let taken = 1; taken > 0; at = (at + taken) % second.length)
        taken = this.#source.write(second.subarray(at));
    }, 100);
    this.session.events.on("channel", (channel) => this.channels.set(channel.label, channel));
  }

  /** An offer of one audio line and a line for data channels. */
  offer(options: { iceRestart?: "same-sockets" | "new-sockets" } = {}): string {
    if (this.session.transceivers.length === 0) {
      const codecs = this.#codecs ? { codecs: this.#codecs } : {};
      this.session.addTransceiver({ kind: "audio", direction: "sendrecv", streamId: "ours", ...codecs });
      this.session.addApplication();
    }
    return this.session.createOffer(options);
  }

  acceptAnswer(answer: string): void {
    this.session.acceptAnswer(answer);
    this.#bind();
  }

  answer(offer: string): string {
    const answer = this.session.acceptOffer(offer, (line) => ({
      receive: line.canReceive,
      ...(line.canSend ? { send: { streamId: "ours" } } : {}),
    }));
    this.#bind();
    return answer;
  }

  open(label: string, { maxPacketLifeTimeMs, ...kind }: ChannelKind = {}): TransportChannel {
    const life = maxPacketLifeTimeMs === undefined ? {} : { maxPacketLifeTime: maxPacketLifeTimeMs };
    const channel = this.session.openChannel(label, { ...kind, ...life });
    this.channels.set(label, channel);
    return channel;
  }

  get transportState(): string {
    return this.session.transport.state;
  }

  get stats(): StatsReport {
    return this.session.getStats();
  }

  /** The two candidates of the path that is taken, as the statistics have them; empty without a path. */
  get path(): Record<"local" | "remote", Record<string, unknown>> {
    const entries: Record<string, unknown>[] = this.stats.map((entry) => ({ ...entry }));
    const of = (key: string, value: unknown) => entries.find((entry) => entry[key] === value) ?? {};
    const pair = of("id", of("type", "transport").selectedCandidatePairId);
    return { local: of("id", pair.localCandidateId), remote: of("id", pair.remoteCandidateId) };
  }

  /** Resolves when the tone came back for a second from now on. */
  async hearsTone(): Promise<void> {
    const before = this.#heard;
    await until("the tone comes back", () => this.#heard >= before + 5);
  }

  /** Resolves when the far side said goodbye. */
  async hearsGoodbye(): Promise<void> {
    let saidGoodbye = false;
    const stop = this.session.peer.events.on("bye", () => {
      saidGoodbye = true;
    });
    try {
      await until("a goodbye comes", () => saidGoodbye);
    } finally {
      stop();
    }
  }

  /** Ends what we send, ahead of any negotiation. */
  endAudio(): void {
    this.session.removeTransceiver(this.session.transceivers[0]!);
  }

  /** Whether the far side has reported on what we send. */
  get reported(): boolean {
    return this.stats.some(({ type }) => type === "remote-inbound-rtp");
  }

  close(): void {
    clearInterval(this.#timer);
    this.session.close();
    this.#source.close();
    this.#sink.close();
  }

  #bind(): void {
    const [audio] = this.session.transceivers;
    audio?.setProducer(this.#source);
    this.#sink.bind(audio?.receiver ?? null);
  }
}

/** Asks again and again until it holds. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  withinMs = WAIT_MS,
): Promise<void> {
  const end = performance.now() + withinMs;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`${what}: not within ${withinMs / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Sends a message and waits for the same one to come back. */
export async function echoes(
  channel: TransportChannel,
  message: string | Uint8Array,
  withinMs = WAIT_MS,
): Promise<void> {
  const wanted = Buffer.from(message);
  const isText = typeof message === "string";
  const back = Promise.withResolvers<void>();
  const stop = channel.events.on("message", (data, binary) => {
    if (binary === !isText && data.equals(wanted)) back.resolve();
  });
  const timer = setTimeout(
    () => back.reject(new Error(`${channel.label}: ${wanted.length} bytes did not come back`)),
    withinMs,
  );
  try {
    await until(`${channel.label} opens`, () => channel.state === "open");
    await until(`${channel.label} has room`, () => channel.send(message));
    await back.promise;
  } finally {
    clearTimeout(timer);
    stop();
  }
}
