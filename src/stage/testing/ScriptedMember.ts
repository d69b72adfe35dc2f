import { deflateSync, inflateSync } from "node:zlib";
import { Engine, type EngineSink, type EngineSource } from "../../native/index.ts";
import { NativePeerTransport, Session, type Transceiver, type TransportChannel } from "../../webrtc/index.ts";
import { TestSocket } from "./request.ts";

type Message = Record<string, unknown>;

interface OfferedChannel {
  label: string;
  compress: boolean;
}

/** A plain Sora client for tests: what it receives waits to be read, and nothing is sent that a test does not ask for. */
export class ScriptedMember {
  readonly socket: TestSocket;
  readonly session: Session;
  readonly tracks: { transceiver: Transceiver; streamId: string }[] = [];
  readonly channels = new Map<string, TransportChannel>();
  readonly channelMessages: { label: string; data: Buffer }[] = [];
  readonly source: EngineSource;
  offer: Message = {};
  /** Whether re-offers are answered as they come. */
  answering = true;
  #compressed = new Map<string, boolean>();
  #waiting: (() => void)[] = [];

  constructor(signalingUrl: string) {
    this.socket = new TestSocket(signalingUrl);
    this.session = new Session({ transport: new NativePeerTransport(), role: "answerer" });
    this.source = Engine.shared().createSource({ sampleRate: 48_000, channels: 1, capacityMs: 5000 });
    this.session.events.on("track", (transceiver, streamId) => {
      this.tracks.push({ transceiver, streamId });
      this.#changed();
    });
    this.session.events.on("trackRemoved", (transceiver) => {
      const at = this.tracks.findIndex((track) => track.transceiver === transceiver);
      if (at >= 0) this.tracks.splice(at, 1);
      this.#changed();
    });
    this.session.events.on("channel", (channel) => this.#addChannel(channel));
    this.session.events.on("candidate", (candidate, mid) => {
      if (candidate) this.socket.send({ type: "candidate", candidate, sdpMid: mid });
    });
  }

  /** Joins and waits for its own connection.created, which it gives. */
  static async join(signalingUrl: string, connect: Message = {}): Promise<ScriptedMember> {
    const member = new ScriptedMember(signalingUrl);
    await member.socket.opened();
    member.socket.send({ type: "connect", role: "sendrecv", channel_id: "lobby", video: false, ...connect });
    member.offer = await member.socket.next({ type: "offer" });
    for (const { label, compress } of (member.offer.data_channels ?? []) as OfferedChannel[]) {
      member.#compressed.set(label, compress);
    }
    member.socket.send({ type: "answer", sdp: member.#answer(member.offer.sdp as string) });
    void member.#answerReOffers();
    await member.socket.next({ event_type: "connection.created", connection_id: member.connectionId });
    return member;
  }

  get connectionId(): string {
    return this.offer.connection_id as string;
  }

  /** Waits until something that events tell of is so. */
  async until<T>(look: () => T | undefined | false): Promise<T> {
    for (;;) {
      const found = look();
      if (found) return found;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** The next JSON message with these members on a data channel. */
  async nextOn(label: string, wanted: Message = {}): Promise<Message> {
    const isWanted = (message: { label: string; data: Buffer }) =>
      message.label === label &&
      Object.entries(wanted).every(([name, value]) => JSON.parse(String(message.data))[name] === value);
    const found = await this.until(() => this.channelMessages.find(isWanted));
    this.channelMessages.splice(this.channelMessages.indexOf(found), 1);
    return JSON.parse(String(found.data));
  }

  async channel(label: string): Promise<TransportChannel> {
    return this.until(() => {
      const channel = this.channels.get(label);
      return channel?.state === "open" && channel;
    });
  }

  async sendOn(label: string, data: string | Buffer): Promise<void> {
    const channel = await this.channel(label);
    channel.send(this.#compressed.get(label) ? deflateSync(data) : data);
  }

  /** Sounds a sine of `hz` for `seconds`. */
  sound(hz: number, seconds: number): void {
    const pcm = Int16Array.from({ length: 48_000 * seconds }, (_, at) =>
      Math.round(12_000 * Math.sin((2 * Math.PI * hz * at) / 48_000)),
    );
    this.source.write(pcm);
  }

  /** Collects `seconds` of what comes from another member, at 16 kHz, without the silence before. */
  async listen(streamId: string, seconds: number): Promise<Int16Array> {
    const { transceiver } = await this.until(() => this.tracks.find((track) => track.streamId === streamId));
    const sink: EngineSink = Engine.shared().createSink({ sampleRate: 16_000, channels: 1, frameMs: 10 });
    const heard = new Int16Array(16_000 * seconds);
    let filled = 0;
    const { promise, resolve } = Promise.withResolvers<void>();
    sink.events.on("frame", ({ pcm }) => {
      if (filled === 0 && !pcm.some((sample) => Math.abs(sample) > 1000)) return;
      const room = pcm.subarray(0, heard.length - filled);
      heard.set(room, filled);
      filled += room.length;
      if (filled === heard.length) resolve();
    });
    sink.bind(transceiver.receiver);
    await promise;
    sink.close();
    return heard;
  }

  close(): void {
    this.socket.close();
    this.session.close();
    this.source.close();
  }

  #changed(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #answer(sdp: string): string {
    const answer = this.session.acceptOffer(sdp, ({ canSend, canReceive, kind }) => ({
      // Video comes from a ScriptedCamera.
      send: canSend && !canReceive ? { streamId: "test", noSender: kind === "video" } : undefined,
    }));
    for (const transceiver of this.session.transceivers) {
      if (transceiver.sender) transceiver.setProducer(this.source);
    }
    return answer;
  }

  async #answerReOffers(): Promise<void> {
    for (;;) {
      // Ends with the socket: nothing more is offered then.
      const offer = await this.socket.next({ type: "re-offer" }).catch(() => null);
      if (!offer || !this.answering || this.session.closed) return;
      this.socket.send({ type: "re-answer", sdp: this.#answer(offer.sdp as string) });
    }
  }

  #addChannel(channel: TransportChannel): void {
    const { label } = channel;
    this.channels.set(label, channel);
    channel.events.on("message", (raw) => {
      const data = this.#compressed.get(label) ? inflateSync(raw) : Buffer.from(raw);
      this.channelMessages.push({ label, data });
      if (label === "signaling") this.#signalled(JSON.parse(String(data)));
      this.#changed();
    });
    channel.events.on("open", () => this.#changed());
    channel.events.on("closed", () => this.#changed());
    this.#changed();
  }

  #signalled(message: Message): void {
    if (message.type !== "re-offer" || !this.answering) return;
    void this.sendOn(
      "signaling",
      JSON.stringify({ type: "re-answer", sdp: this.#answer(message.sdp as string) }),
    );
  }
}

/**
 * The share of the power of `pcm` that is at `hz`, 0 to 1: the median of windows of 50 ms, so that a phase that jumps
 * where a busy machine skipped a tick does not count against the rest.
 */
export function toneShare(pcm: Int16Array, hz: number, sampleRate: number): number {
  const window = sampleRate / 20;
  const shares = Array.from({ length: Math.floor(pcm.length / window) }, (_, at) =>
    shareOf(pcm.subarray(at * window, (at + 1) * window), hz, sampleRate),
  );
  return shares.toSorted((one, other) => one - other)[Math.floor(shares.length / 2)] ?? 0;
}

/** Goertzel. */
function shareOf(pcm: Int16Array, hz: number, sampleRate: number): number {
  const coefficient = 2 * Math.cos((2 * Math.PI * hz) / sampleRate);
  let [before, last, power] = [0, 0, 0];
  for (const sample of pcm) {
    [before, last] = [last, sample + coefficient * last - before];
    power += sample * sample;
  }
  const tone = last * last + before * before - coefficient * last * before;
  return power === 0 ? 0 : (2 * tone) / (power * pcm.length);
}
