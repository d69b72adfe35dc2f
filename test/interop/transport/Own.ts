import { NativePeerTransport, Session, type TransportChannel } from "../../../src/webrtc/index.ts";
import type { ChannelKind, Counterpart, CounterpartOptions, Implementation } from "./Counterpart.ts";

/** Our own session at the far end, too. It hears without sending back: it has no microphone to loop. */
export const ownImplementation: Implementation = {
  name: "Troupe",
  lacks: ["setup", "audio echo", "goodbye out"],
  create: async (options) => new Own(options),
  close: async () => {},
};

/** Sessions have one role for life, so that the first description decides which. */
class Own implements Counterpart {
  readonly #onCandidate: CounterpartOptions["onCandidate"];
  readonly #iceTcp: boolean;
  readonly #channels = new Map<string, TransportChannel>();
  #session: Session | undefined;
  #goodbyes = 0;

  constructor({ onCandidate, iceTcp = false }: CounterpartOptions) {
    this.#iceTcp = iceTcp;
    this.#onCandidate = onCandidate;
  }

  async answer(offer: string): Promise<string> {
    return this.#become("answerer").acceptOffer(offer);
  }

  async offer({ iceRestart = false }: { iceRestart?: boolean } = {}): Promise<string> {
    if (this.#session) return this.#session.createOffer({ iceRestart });
    const session = this.#become("offerer");
    session.addTransceiver({ kind: "audio", direction: "sendrecv", streamId: "theirs" });
    session.addApplication();
    await this.open("theirs");
    return session.createOffer();
  }

  async acceptAnswer(answer: string): Promise<void> {
    this.#session?.acceptAnswer(answer);
  }

  async addCandidate(candidate: string, mid: string): Promise<void> {
    this.#session?.addRemoteCandidate(candidate, mid);
  }

  async open(label: string, { maxPacketLifeTimeMs, ...kind }: ChannelKind = {}): Promise<void> {
    if (this.#channels.has(label)) return;
    const life = maxPacketLifeTimeMs === undefined ? {} : { maxPacketLifeTime: maxPacketLifeTimeMs };
    this.#echo(this.#session!.openChannel(label, { ...kind, ...life }));
  }

  async closeChannel(label: string): Promise<void> {
    this.#channels.get(label)?.close();
  }

  async state(): Promise<string> {
    return this.#session?.transport.state ?? "new";
  }

  async openLabels(): Promise<string[]> {
    return [...this.#channels].filter(([, { state }]) => state === "open").map(([label]) => label);
  }

  async endAudio(): Promise<void> {
    throw new Error("it sends none");
  }

  async goodbyes(): Promise<number> {
    return this.#goodbyes;
  }

  async close(): Promise<void> {
    this.#session?.close();
  }

  #become(role: "offerer" | "answerer"): Session {
    if (this.#session) return this.#session;
    const transport = new NativePeerTransport({ controlling: role === "offerer", iceTcp: this.#iceTcp });
    this.#session = new Session({ role, transport });
    this.#session.events.on("candidate", this.#onCandidate);
    this.#session.events.on("channel", (channel) => this.#echo(channel));
    this.#session.peer.events.on("bye", () => {
      this.#goodbyes += 1;
    });
    return this.#session;
  }

  #echo(channel: TransportChannel): void {
    this.#channels.set(channel.label, channel);
    channel.events.on("message", (data, binary) => {
      channel.send(binary ? data : data.toString());
    });
  }
}
