import type { EngineSource } from "../../src/native/index.ts";
import { OggDuration } from "../../src/stage/avatar/oggDuration.ts";
import { IncomingAudio } from "../../src/transports/audio-connector/IncomingAudio.ts";
import { parseFarMessage } from "../../src/transports/audio-connector/wire.ts";
import { ManualClock } from "../fixtures/ManualClock.ts";

const RING_SAMPLES = 16_640;
const SAMPLES_A_MS = 16;

/** One page of an Ogg stream (RFC 3533, section 6); its checksum is left out, which nobody here checks. */
function oggPage(body: Buffer, { type = 0, granule = 0n, sequence = 0 }): Buffer {
  const header = Buffer.alloc(26);
  header.write("OggS", "latin1");
  header.writeUInt8(type, 5);
  header.writeBigInt64LE(granule, 6);
  header.writeUInt32LE(sequence, 18);
  const lengths = [...Array(Math.floor(body.length / 255)).fill(255), body.length % 255];
  return Buffer.concat([header, Buffer.from([lengths.length, ...lengths]), body]);
}

/** Ogg Opus streams as clients of an avatar service send them (RFC 7845). */
export const OGG_OPUS: Buffer[] = [0, 3, 300].map((packetBytes) => {
  const head = Buffer.alloc(19);
  head.write("OpusHead", "latin1");
  head.set([1, 1, 0x38, 1, 0x80, 0x3e], 8);
  const tags = Buffer.from("OpusTags\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000", "latin1");
  const packets = [1, 2, 3].map((at) =>
    oggPage(Buffer.alloc(packetBytes, at), {
      type: at === 3 ? 4 : 0,
      granule: BigInt(at * 960),
      sequence: at + 1,
    }),
  );
  return Buffer.concat([oggPage(head, { type: 2 }), oggPage(tags, { sequence: 1 }), ...packets]);
});

/** Reads a stream at once and in pieces, which must come to the same. */
export function readOggOpus(input: Buffer): boolean {
  const whole = new OggDuration();
  const isTaken = whole.push(input);
  if (!(whole.ms >= 0 && whole.ms < Number.MAX_SAFE_INTEGER)) throw new Error(`it lasts ${whole.ms} ms`);
  const pieces = new OggDuration();
  const pieceBytes = 1 + (input.length % 97);
  let isWhole = true;
  for (let at = 0; at < input.length && isWhole; at += pieceBytes)
    isWhole = pieces.push(input.subarray(at, at + pieceBytes));
  if (isWhole !== isTaken) throw new Error(`${isTaken} at once, ${isWhole} in pieces of ${pieceBytes} bytes`);
  if (isTaken && pieces.ms !== whole.ms) throw new Error(`${whole.ms} ms at once, ${pieces.ms} in pieces`);
  return isTaken;
}

/** A far side's messages of audio, each either binary or a JSON text, on their way to the engine. */
export function readCallAudio(input: Buffer): boolean {
  const clock = new ManualClock();
  let queued = 0;
  const ring = {
    get queuedUs() {
      return (queued / SAMPLES_A_MS) * 1_000;
    },
    write(pcm: Int16Array) {
      const written = Math.min(pcm.length, RING_SAMPLES - queued);
      queued += written;
      return written;
    },
    clear() {
      queued = 0;
    },
  };
  const incoming = new IncomingAudio(ring as unknown as EngineSource, {
    sampleRate: 16_000,
    delayMs: 40,
    clock,
  });
  const message = parseFarMessage(input.toString());
  incoming.push(message.type === "audio" ? message.pcm : input);
  const { framesReceived, framesDropped, malformed } = incoming.counts;
  const odd = (message.type === "audio" ? message.pcm : input).length % 2;
  if (malformed !== odd || framesReceived > 1 || framesDropped > framesReceived)
    throw new Error(`${framesReceived} frames, ${framesDropped} dropped, ${malformed} malformed`);
  return message.type === "audio";
}
