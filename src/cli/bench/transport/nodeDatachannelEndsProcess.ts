// Ends on npm node-datachannel (libdatachannel), which is installed for development alone. It has no sender or receiver
// of its own for media that is encoded already: packets come from JavaScript and go there, as in every program on it.
import nodeDataChannel, { type DataChannel, type Track } from "node-datachannel";
import { type End, PACKET_MS, PAYLOAD_BYTES, PAYLOAD_TYPE, type Spread, serveEnds } from "./ends.ts";

const SSRC = 0x5eed;
const HEADER_BYTES = 12;
const TIMESTAMP_STEP = (48_000 * PACKET_MS) / 1000;

let timer: NodeJS.Timeout | undefined;

class NodeDatachannelEnd implements End {
  readonly connected: Promise<void>;
  readonly #connection = new nodeDataChannel.PeerConnection("bench", {
    iceServers: [],
    disableAutoNegotiation: true,
  });
  readonly #described: Promise<string>;
  readonly #packet = Buffer.alloc(HEADER_BYTES + PAYLOAD_BYTES, 0x5a);
  /** Held: what is forgotten ends with the next collection of garbage. */
  #channel: DataChannel | undefined;
  #track: Track | undefined;
  #sequenceNumber = 0;
  #received = 0;

  constructor(isOfferer: boolean) {
    this.#packet.writeUInt8(0x80, 0);
    this.#packet.writeUInt8(PAYLOAD_TYPE, 1);
    this.#packet.writeUInt32BE(SSRC, 8);
    this.#described = new Promise((resolve) => {
      this.#connection.onGatheringStateChange((state) => {
        if (state === "complete") resolve(this.#connection.localDescription()!.sdp);
      });
    });
    const channelOpen = new Promise<void>((resolve) => {
      if (!isOfferer) {
        this.#connection.onDataChannel((channel) => {
          this.#channel = channel;
          resolve();
        });
        return;
      }
      this.#channel = this.#connection.createDataChannel("bench");
      this.#channel.onOpen(resolve);
    });
    const trackOpen = new Promise<void>((resolve) => {
      if (isOfferer) this.#take(this.#addTrack(), resolve);
      else this.#connection.onTrack((track) => this.#take(track, resolve));
    });
    this.connected = Promise.all([channelOpen, trackOpen]).then(() => {});
  }

  offer(): Promise<string> {
    this.#connection.setLocalDescription("offer");
    return this.#described;
  }

  answer(offer: string): Promise<string> {
    this.#connection.setRemoteDescription(offer, "offer");
    this.#connection.setLocalDescription("answer");
    return this.#described;
  }

  accept(answer: string): void {
    this.#connection.setRemoteDescription(answer, "answer");
  }

  send(): void {
    this.#packet.writeUInt16BE(this.#sequenceNumber & 0xffff, 2);
    this.#packet.writeUInt32BE((this.#sequenceNumber * TIMESTAMP_STEP) >>> 0, 4);
    this.#sequenceNumber += 1;
    this.#track?.sendMessageBinary(this.#packet);
  }

  received(): number {
    return this.#received;
  }

  close(): void {
    this.#channel?.close();
    this.#connection.close();
  }

  #addTrack(): Track {
    const audio = new nodeDataChannel.Audio("0", "SendRecv");
    audio.addOpusCodec(PAYLOAD_TYPE);
    audio.addSSRC(SSRC, "bench", "bench", "bench");
    return this.#connection.addTrack(audio);
  }

  #take(track: Track, open: () => void): void {
    this.#track = track;
    track.onOpen(open);
    track.onMessage((packet) => {
      if (packet[1] === PAYLOAD_TYPE || packet[1] === (PAYLOAD_TYPE | 0x80)) this.#received += 1;
    });
    if (track.isOpen()) open();
  }
}

serveEnds({
  createEnd: (isOfferer) => new NodeDatachannelEnd(isOfferer),
  send(ends, spread: Spread) {
    const slots = spread === "bursty" ? 1 : PACKET_MS;
    const slotMs = PACKET_MS / slots;
    const turns = Array.from({ length: slots }, (_, slot) =>
      ends.filter((_, index) => index % slots === slot),
    );
    const began = performance.now();
    let done = 0;
    const sendDue = () => {
      for (; began + done * slotMs <= performance.now(); done++)
        for (const end of turns[done % slots]!) (end as NodeDatachannelEnd).send();
    };
    timer = setInterval(sendDue, slotMs);
  },
  fallSilent() {
    clearInterval(timer);
  },
  stop: () => nodeDataChannel.cleanup(),
});
