import { createSocket, type Socket } from "node:dgram";
import { afterEach, describe, expect, it } from "vitest";
import { Engine } from "../native/index.ts";
import { NativePeerTransport } from "./NativePeerTransport.ts";
import { Session } from "./Session.ts";
import { OPUS, OPUS_RTX, RED } from "./sdp/codecs.ts";

const closers: (() => void)[] = [];

afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
  Engine.stop();
});

/** The path between two sessions: sees every datagram, and loses some that are RTP. */
class Wire {
  readonly sizes = { rtp: [] as number[], rtcp: [] as number[], other: [] as number[] };
  readonly #near = createSocket("udp4");
  readonly #far = createSocket("udp4");
  #seen = 0;

  static async open(): Promise<Wire> {
    const wire = new Wire();
    closers.push(
      () => wire.#near.close(),
      () => wire.#far.close(),
    );
    await Promise.all([bind(wire.#near), bind(wire.#far)]);
    return wire;
  }

  /** Where the near side finds the far one, which is at `farPort`. */
  lead(farPort: number): string {
    let nearPort = 0;
    this.#near.on("message", (datagram, from) => {
      nearPort = from.port;
      if (this.#passes(datagram)) this.#far.send(datagram, farPort, "127.0.0.1");
    });
    this.#far.on("message", (datagram) => {
      if (this.#passes(datagram)) this.#near.send(datagram, nearPort, "127.0.0.1");
    });
    return `candidate:1 1 udp 2130706431 127.0.0.1 ${this.#near.address().port} typ host`;
  }

  /** RFC 7983 and RFC 5761 tell the kinds apart. */
  #passes(datagram: Buffer): boolean {
    const isMedia = datagram[0]! >= 128 && datagram[0]! < 192;
    const isRtcp = isMedia && datagram[1]! >= 192 && datagram[1]! < 224;
    this.sizes[isRtcp ? "rtcp" : isMedia ? "rtp" : "other"].push(datagram.length);
    if (!isMedia || isRtcp) return true;
    this.#seen += 1;
    return this.#seen % 20 !== 0;
  }
}

function bind(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.bind(0, "127.0.0.1", resolve));
}

function create(role: "offerer" | "answerer"): Session {
  const session = new Session({
    role,
    transport: new NativePeerTransport({ controlling: role === "offerer" }),
  });
  closers.push(() => session.close());
  return session;
}

/** Stereo noise, of which Opus finds no end. */
function noise(samples: number): Int16Array {
  let state = 1;
  return Int16Array.from({ length: samples }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) | 0;
    return state >> 17;
  });
}

describe("what goes out", () => {
  it("fits datagrams of 1200 bytes at every bit rate, with RED, RTX and all header extensions", {
    timeout: 90_000,
  }, async () => {
    const wire = await Wire.open();
    const [near, far] = [create("offerer"), create("answerer")];
    const codecs = [RED, { ...OPUS, feedback: ["nack", "transport-cc"] }, OPUS_RTX];
    const opus = { channels: 2 as const, cbr: true, application: "audio" as const };
    const lines = [
      near.addTransceiver({ kind: "audio", direction: "sendonly", codecs, redundancy: 2, opus }),
      near.addTransceiver({
        kind: "audio",
        direction: "sendonly",
        codecs,
        redundancy: 2,
        opus: { ...opus, frameMs: 60, bitRate: 510_000 },
      }),
    ];
    near.addApplication();
    const withoutCandidates = (sdp: string) => sdp.replaceAll(/a=candidate:.*\r\n/g, "");
    near.acceptAnswer(withoutCandidates(far.acceptOffer(withoutCandidates(near.createOffer()))));
    const farPort = far.transport
      .localParameters()
      .candidates.map((candidate) => candidate.match(/ udp \d+ 127\.0\.0\.1 (\d+) typ host/i)?.[1])
      .find((port) => port !== undefined);
    near.addRemoteCandidate(wire.lead(Number(farPort)), near.transceivers[0]!.mid);
    await expect
      .poll(() => [near.transport.state, far.transport.state], { timeout: 30_000 })
      .toEqual(["connected", "connected"]);
    const channel = near.openChannel("bulk");
    await expect.poll(() => channel.state, { timeout: 10_000 }).toBe("open");
    channel.send(new Uint8Array(200_000));

    const pcm = noise(2 * 48_000);
    const source = Engine.shared().createSource({ sampleRate: 48_000, channels: 2, capacityMs: 1000 });
    closers.push(() => source.close());
    for (const line of lines) line.setProducer(source);
    const sent = (index: number) =>
      near.peer.stats().outbound.find(({ ssrc }) => ssrc === lines[index]!.localSsrc)!;
    // Each packet once the one before it was sent, so that every bit rate has some of its own.
    const play = () => {
      source.write(pcm);
      return sent(0).packetsSent;
    };
    for (let bitRate = 100_000; bitRate <= 510_000; bitRate += 15_000) {
      lines[0]!.sender!.update({ bitRate });
      await expect.poll(play, { interval: 10, timeout: 20_000 }).toBeGreaterThan(sent(0).packetsSent + 3);
    }
    for (const index of [0, 1]) {
      const repairs = () => {
        source.write(pcm);
        return sent(index).retransmittedPacketsSent;
      };
      await expect.poll(repairs, { interval: 20, timeout: 20_000 }).toBeGreaterThan(0);
      expect(near.transceivers[index]!.codecs.map(({ name }) => name)).toEqual(["red", "opus", "rtx"]);
    }
    expect(Math.max(...wire.sizes.rtp)).toBeLessThanOrEqual(1200);
    // RED fills what there is, so that some packet comes close.
    expect(Math.max(...wire.sizes.rtp)).toBeGreaterThan(1140);
    expect(Math.max(...wire.sizes.rtcp, ...wire.sizes.other)).toBeLessThanOrEqual(1200);
    expect(near.peer.stats().drops).not.toHaveProperty("tooLarge");
  });
});
