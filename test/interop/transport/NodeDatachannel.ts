import nodeDataChannel, { type DataChannel, type PeerConnection, type Track } from "node-datachannel";
import type { ChannelKind, Counterpart, CounterpartOptions, Implementation } from "./Counterpart.ts";

/** libdatachannel (with its own ICE, libjuice) by npm node-datachannel. */
export const nodeDatachannelImplementation: Implementation = {
  name: "node-datachannel",
  // libdatachannel gathers once in the life of a connection, and takes every path for one of 1280 bytes.
  lacks: ["ice restart", "setup", "small packets", "ICE over TCP"],
  create: async (options) => new NodeDatachannel(options),
  close: async () => nodeDataChannel.cleanup(),
};

class NodeDatachannel implements Counterpart {
  readonly #connection: PeerConnection;
  readonly #channels = new Map<string, DataChannel>();
  #track: Track | undefined;
  #described: PromiseWithResolvers<string> | undefined;

  constructor({ onCandidate }: CounterpartOptions) {
    this.#connection = new nodeDataChannel.PeerConnection("counterpart", {
      iceServers: [],
      bindAddress: "127.0.0.1",
      disableAutoNegotiation: true,
      maxMessageSize: 256 * 1024,
    });
    this.#connection.onLocalDescription((sdp) => this.#described?.resolve(sdp));
    this.#connection.onLocalCandidate((candidate, mid) => onCandidate(candidate, mid));
    this.#connection.onDataChannel((channel) => this.#echo(channel));
    this.#connection.onTrack((track) => this.#sendBack(track));
  }

  async answer(offer: string): Promise<string> {
    this.#connection.setRemoteDescription(offer, "offer");
    return this.#describe("answer");
  }

  async offer(): Promise<string> {
    const audio = new nodeDataChannel.Audio("0", "SendRecv");
    audio.addOpusCodec(111);
    audio.addSSRC(4711, "counterpart", "echo", "track");
    this.#sendBack(this.#connection.addTrack(audio));
    await this.open("theirs");
    return this.#describe("offer");
  }

  async acceptAnswer(answer: string): Promise<void> {
    this.#connection.setRemoteDescription(answer, "answer");
  }

  async addCandidate(candidate: string, mid: string): Promise<void> {
    if (candidate) this.#connection.addRemoteCandidate(candidate, mid);
  }

  async open(label: string, kind: ChannelKind = {}): Promise<void> {
    if (this.#channels.has(label)) return;
    const { ordered = true, maxRetransmits, maxPacketLifeTimeMs, protocol, id } = kind;
    this.#echo(
      this.#connection.createDataChannel(label, {
        unordered: !ordered,
        ...(maxRetransmits === undefined ? {} : { maxRetransmits }),
        ...(maxPacketLifeTimeMs === undefined ? {} : { maxPacketLifeTime: maxPacketLifeTimeMs }),
        ...(protocol === undefined ? {} : { protocol }),
        ...(id === undefined ? {} : { negotiated: true, id }),
      }),
    );
  }

  async closeChannel(label: string): Promise<void> {
    this.#channels.get(label)?.close();
  }

  async state(): Promise<string> {
    return this.#connection.state();
  }

  async openLabels(): Promise<string[]> {
    return [...this.#channels].filter(([, channel]) => channel.isOpen()).map(([label]) => label);
  }

  async close(): Promise<void> {
    this.#connection.close();
  }

  #describe(type: "offer" | "answer"): Promise<string> {
    this.#described = Promise.withResolvers<string>();
    this.#connection.setLocalDescription(type === "offer" ? "offer" : "answer");
    return this.#described.promise;
  }

  #echo(channel: DataChannel): void {
    this.#channels.set(channel.getLabel(), channel);
    channel.onMessage((message) => {
      if (typeof message === "string") channel.sendMessage(message);
      else channel.sendMessageBinary(Buffer.from(message as ArrayBuffer));
    });
  }

  #sendBack(track: Track): void {
    this.#track = track;
    // RTP goes back as it came, but for its SSRC.
    track.onMessage((packet) => {
      const isRtcp = packet[1]! >= 192 && packet[1]! <= 223;
      if (isRtcp || !this.#track?.isOpen()) return;
      const copy = Buffer.from(packet);
      copy.writeUInt32BE(4711, 8);
      this.#track.sendMessageBinary(copy);
    });
  }
}
