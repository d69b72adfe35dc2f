import { writeFile } from "node:fs/promises";
import { Engine } from "../../../native/index.ts";
import { ImpairedPath, type Impairment, parseImpairment } from "../../../testing/index.ts";
import { TimedQueue } from "../../../testing/network/TimedQueue.ts";
import { serveBench } from "../childProcess.ts";
import { EXPECTED_LOSS_PERCENT, OPUS } from "./opus.ts";
import { makeSpeech, SAMPLE_RATE } from "./speech.ts";

const TICK_US = 10_000;
/** Any time will do, since time is an argument. */
const START_US = 1_000_000_000;
const SSRC = 1;
const CODEC = { payloadType: 111, name: "opus", clockRate: 48_000, channels: 2 };
const TIMESTAMP_STEP = (CODEC.clockRate * OPUS.frameMs) / 1000;
/** Ticks run in pieces, so that the process answers meanwhile. */
const TICKS_A_PIECE = 10_000;

serveBench({
  /**
   * Plays `seconds` of speech, repeated after `loopSeconds`, through an impaired path into a receiver, on simulated time.
   * Writes what the receiver played to `path`.pcm; its first sample is from the moment at which the first packet was sent.
   */
  async hear(request: { seconds: number; loopSeconds: number; impairment: Impairment; path: string }) {
    const { seconds, loopSeconds, impairment, path } = request;
    const engine = Engine.startManual();
    try {
      const payloads = engine.encodeOpus(await makeSpeech(loopSeconds), {
        sampleRate: SAMPLE_RATE,
        ...OPUS,
        expectedLossPercent: EXPECTED_LOSS_PERCENT,
      });
      using peer = engine.createPeer();
      const codecs = [CODEC];
      using receiver = peer.createReceiver({ kind: "audio", mid: "0", ssrcs: [SSRC], codecs, nack: false });
      using sink = engine.createSink({ sampleRate: SAMPLE_RATE, channels: 1, frameMs: 10 });
      sink.bind(receiver);
      const heard = new Int16Array(seconds * SAMPLE_RATE);
      sink.events.on("frame", ({ pcm, timestampUs }) => {
        const at = Math.round(((timestampUs - START_US) * SAMPLE_RATE) / 1e6);
        if (at >= 0 && at + pcm.length <= heard.length) heard.set(pcm, at);
      });
      const network = new ImpairedPath(parseImpairment(impairment));
      const onTheWay = new TimedQueue<Uint8Array>();
      let sent = 0;
      for (let tick = 0; tick * TICK_US < seconds * 1e6; tick++) {
        const nowMs = (tick * TICK_US) / 1000;
        for (; sent * OPUS.frameMs <= nowMs; sent++) {
          const packet = rtpPacket(sent, payloads[sent % payloads.length]!);
          for (const dueMs of network.accept(packet, sent * OPUS.frameMs)) onTheWay.add(dueMs, packet);
        }
        for (let next = onTheWay.take(nowMs); next; next = onTheWay.take(nowMs))
          peer.receive(next.value, START_US + Math.round(next.dueMs * 1000));
        engine.tick(START_US + tick * TICK_US);
        if (tick % TICKS_A_PIECE === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      await writeFile(`${path}.pcm`, new Uint8Array(heard.buffer));
      const [stats] = peer.stats().inbound;
      return { type: "inbound-rtp", ...stats, packetsLostOnLink: network.counters.rtpDropped };
    } finally {
      engine.stop();
    }
  },
});

function rtpPacket(index: number, payload: Uint8Array): Uint8Array {
  const packet = Buffer.alloc(12 + payload.length);
  packet.writeUInt8(0x80, 0);
  packet.writeUInt8(CODEC.payloadType, 1);
  packet.writeUInt16BE(index & 0xffff, 2);
  packet.writeUInt32BE((index * TIMESTAMP_STEP) % 2 ** 32, 4);
  packet.writeUInt32BE(SSRC, 8);
  packet.set(payload, 12);
  return packet;
}
