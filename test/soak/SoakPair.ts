import type { EngineProducer } from "../../src/native/index.ts";
import { NativePeerTransport, Session, type TransportChannel } from "../../src/webrtc/index.ts";

const WAIT_MS = 60_000;

export interface PairCounts {
  packets: number;
  /** Sent and not come, whether or not their numbers tell. */
  packetsLost: number;
  messages: number;
  messagesLost: number;
  failures: string[];
}

/** Two sessions that send each other audio and numbered messages, and count what does not come. */
export class SoakPair {
  readonly #sessions: readonly [offerer: Session, answerer: Session];
  readonly #channels: TransportChannel[] = [];
  readonly #failures: string[] = [];
  /** Messages sent by, and come to, each end. */
  readonly #sent = [0, 0];
  readonly #received = [0, 0];
  #sending = true;

  private constructor() {
    const session = (role: "offerer" | "answerer") =>
      new Session({ role, transport: new NativePeerTransport({ controlling: role === "offerer" }) });
    this.#sessions = [session("offerer"), session("answerer")];
    for (const end of this.#sessions) {
      end.events.on("state", (state, reason) => {
        if (state !== "connecting" && state !== "connected") this.#failures.push(`${state}: ${reason}`);
      });
    }
  }

  /** A pair that is connected, its channel open at both ends, with `audio` going both ways. */
  static async connect(audio: EngineProducer): Promise<SoakPair> {
    const pair = new SoakPair();
    try {
      await pair.#connect(audio);
      return pair;
    } catch (error) {
      pair.close();
      throw error;
    }
  }

  async #connect(audio: EngineProducer): Promise<void> {
    const [offerer, answerer] = this.#sessions;
    offerer.events.on("candidate", (candidate, mid) => answerer.addRemoteCandidate(candidate, mid));
    answerer.events.on("candidate", (candidate, mid) => offerer.addRemoteCandidate(candidate, mid));
    offerer.addTransceiver({ kind: "audio", direction: "sendrecv", streamId: "soak" });
    offerer.addApplication();
    const opened = new Promise<TransportChannel>((resolve) => {
      answerer.events.once("channel", resolve);
    });
    const near = offerer.openChannel("soak");
    this.#negotiate();
    const far = await within(opened, "the channel opens");
    if (near.state !== "open") {
      await within(
        new Promise<void>((resolve) => near.events.once("open", resolve)),
        "the channel is acknowledged",
      );
    }
    this.#channels.push(near, far);
    for (const [end, channel] of this.#channels.entries()) {
      channel.events.on("message", (data) => this.#take(end, data.toString()));
    }
    for (const session of this.#sessions) session.transceivers[0]?.setProducer(audio);
  }

  /** A numbered message each way. */
  pulse(): void {
    if (!this.#sending) return;
    for (const [end, channel] of this.#channels.entries()) {
      if (channel.state === "open" && channel.send(`${this.#sent[end]}`)) this.#sent[end]! += 1;
    }
  }

  restartIce(): void {
    this.#negotiate(true);
  }

  /** Ends what goes out, and resolves when all of it has had its time to come. */
  async drain(): Promise<void> {
    this.#sending = false;
    for (const session of this.#sessions) session.transceivers[0]?.setProducer(null);
    const end = performance.now() + WAIT_MS;
    while (this.#messagesMissing() > 0 && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** After `drain`. Failures are ends that lost their path, and messages in another order. */
  counts(): PairCounts {
    const stats = this.#sessions.map(({ peer }) => peer.stats());
    const packets = sum(stats.flatMap(({ inbound }) => inbound.map((one) => one.packetsReceived)));
    const packetsSent = sum(stats.flatMap(({ outbound }) => outbound.map((one) => one.packetsSent)));
    return {
      packets,
      packetsLost: packetsSent - packets,
      messages: this.#received[0]! + this.#received[1]!,
      messagesLost: this.#messagesMissing(),
      failures: this.#failures,
    };
  }

  close(): void {
    for (const session of this.#sessions) session.close();
  }

  #negotiate(iceRestart = false): void {
    const [offerer, answerer] = this.#sessions;
    const choice = { receive: true, send: { streamId: "soak" } };
    offerer.acceptAnswer(answerer.acceptOffer(offerer.createOffer({ iceRestart }), () => choice));
  }

  #take(end: number, text: string): void {
    if (Number(text) !== this.#received[end])
      this.#failures.push(`message ${text} in place of ${this.#received[end]}`);
    this.#received[end]! += 1;
  }

  #messagesMissing(): number {
    return this.#sent[0]! + this.#sent[1]! - this.#received[0]! - this.#received[1]!;
  }
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`${what}: not within ${WAIT_MS / 1000} s`)), WAIT_MS);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
