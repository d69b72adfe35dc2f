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

const ECHO_SSRC = 4711;
const BYE = 203;

/** How many of the packets of a compound one are BYE. */
function goodbyesIn(compound: Buffer): number {
  let count = 0;
  for (let at = 0; at + 4 <= compound.length; at += 4 * (compound.readUInt16BE(at + 2) + 1))
    if (compound[at + 1] === BYE) count += 1;
  return count;
}

class NodeDatachannel implements Counterpart {
  readonly #connection: PeerConnection;
  readonly #channels = new Map<string, DataChannel>();
  #track: Track | undefined;
  #goodbyes = 0;
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
    audio.addSSRC(ECHO_SSRC, "counterpart", "echo", "track");
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

  async endAudio(): Promise<void> {
    const track = this.#track;
    this.#track = undefined;
    // Of one source (RFC 3550, section 6.6).
    track?.sendMessageBinary(Buffer.from([0x81, BYE, 0, 1, 0, 0, ECHO_SSRC >> 8, ECHO_SSRC & 0xff]));
  }

  async goodbyes(): Promise<number> {
    return this.#goodbyes;
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
      if (isRtcp) this.#goodbyes += goodbyesIn(packet);
      if (isRtcp || !this.#track?.isOpen()) return;
      const copy = Buffer.from(packet);
      copy.writeUInt32BE(ECHO_SSRC, 8);
      this.#track.sendMessageBinary(copy);
    });
  }
}
