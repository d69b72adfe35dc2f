// Ends on our native transport, with the engine as sender and receiver, as every bot has them.
import { type EncodedSource, Engine, type EngineReceiver, type EngineSender } from "../../../native/index.ts";
import { NativePeerTransport } from "../../../webrtc/index.ts";
import { type End, PACKET_MS, PAYLOAD_BYTES, PAYLOAD_TYPE, type Spread, serveEnds } from "./ends.ts";

const SSRC = 0x5eed;
const CODEC = { payloadType: PAYLOAD_TYPE, name: "opus", clockRate: 48_000, channels: 2 };
/** One millisecond each: of two ticks, so that ends that send by turns have the 20 ms to themselves. */
const SLOTS = 10;

const engine = Engine.startSpread(SLOTS);
const frames = [new Uint8Array(PAYLOAD_BYTES).fill(0x5a)];
let sources: EncodedSource[] = [];

class TroupeEnd implements End {
  readonly connected: Promise<void>;
  readonly sender: EngineSender;
  readonly #transport: NativePeerTransport;
  readonly #peer = engine.createPeer();
  readonly #receiver: EngineReceiver;

  constructor(isOfferer: boolean) {
    this.#transport = new NativePeerTransport({ controlling: isOfferer });
    const stream = { kind: "audio", mid: "0", nack: false } as const;
    this.sender = this.#peer.createSender({ ...stream, ssrc: SSRC, cname: "bench", codec: CODEC });
    this.#receiver = this.#peer.createReceiver({ ...stream, ssrcs: [SSRC], codecs: [CODEC] });
    this.#transport.attach(this.#peer);
    this.connected = new Promise((resolve, reject) => {
      this.#transport.events.on("state", (state, reason) => {
        if (state === "failed") reject(new Error(reason));
      });
      if (isOfferer) this.#transport.openChannel("bench").events.on("open", resolve);
      else this.#transport.events.on("channel", () => resolve());
    });
    this.connected.catch(() => {});
  }

  async offer(): Promise<string> {
    return JSON.stringify(this.#transport.localParameters());
  }

  async answer(offer: string): Promise<string> {
    this.accept(offer);
    return JSON.stringify(this.#transport.localParameters());
  }

  accept(answer: string): void {
    this.#transport.setRemoteParameters(JSON.parse(answer));
  }

  received(): number {
    return this.#peer.stats().inbound[0]?.packetsReceived ?? 0;
  }

  close(): void {
    this.#transport.close();
    this.sender.close();
    this.#receiver.close();
    this.#peer.close();
  }
}

serveEnds({
  createEnd: (isOfferer) => new TroupeEnd(isOfferer),
  send(ends, spread: Spread) {
    const createSource = () => engine.createEncodedSource({ frameMs: PACKET_MS, frames, loop: true });
    const count = spread === "bursty" ? 1 : ends.length;
    sources = Array.from({ length: count }, createSource);
    for (const [index, end] of ends.entries()) (end as TroupeEnd).sender.setProducer(sources[index % count]!);
  },
  fallSilent() {
    for (const source of sources.splice(0)) source.close();
  },
  stop: () => Engine.stop(),
});
