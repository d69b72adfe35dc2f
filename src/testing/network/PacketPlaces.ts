/** Where a packet stands among those of its path. */
export interface PacketPlace {
  /** 0 for what is no RTP; else 1 for the first SSRC seen, 2 for the second ... */
  stream: number;
  /** Distance of the sequence number from the first one seen; for what is no RTP, how many came before. */
  index: number;
  /** How often the same packet came before. */
  attempt: number;
}

interface Stream {
  number: number;
  /** Sequence number of the first packet, and the newest one, counted on over its 16 bits. */
  first: number;
  newest: number;
  /** How often each of the last packets came before, by sequence number. */
  attempts: Map<number, number>;
}

/** Streams that are told apart; packets of more are numbered as they come. */
const MAXIMUM_STREAMS = 64;
/** Packets of a stream whose repetition is known. */
const REMEMBERED_PACKETS = 1_024;
const RTP_HEADER_BYTES = 12;

/** Tells RTP packets apart by SSRC and sequence number, which SRTP leaves in clear (RFC 3711, section 3.1). */
export class PacketPlaces {
  readonly #streams = new Map<number, Stream>();
  #others = 0;

  of(datagram: Uint8Array): PacketPlace {
    const stream = isRtp(datagram) ? this.#streamOf(datagram) : undefined;
    if (!stream) return { stream: 0, index: this.#others++, attempt: 0 };
    const behind = (stream.newest - readUint16(datagram, 2)) & 0xffff;
    // Half of the numbers are ahead of the newest.
    const sequence = stream.newest - (behind < 0x8000 ? behind : behind - 0x10000);
    stream.newest = Math.max(stream.newest, sequence);
    return { stream: stream.number, index: sequence - stream.first, attempt: countAttempt(stream, sequence) };
  }

  #streamOf(datagram: Uint8Array): Stream | undefined {
    const ssrc = readUint16(datagram, 8) * 0x10000 + readUint16(datagram, 10);
    const known = this.#streams.get(ssrc);
    if (known || this.#streams.size >= MAXIMUM_STREAMS) return known;
    const first = readUint16(datagram, 2);
    const stream = { number: this.#streams.size + 1, first, newest: first, attempts: new Map() };
    this.#streams.set(ssrc, stream);
    return stream;
  }
}

/** RTP version 2, and neither RTCP (RFC 5761, section 4) nor STUN, DTLS or TURN (RFC 7983). */
export function isRtp(datagram: Uint8Array): boolean {
  if (datagram.length < RTP_HEADER_BYTES || datagram[0]! >> 6 !== 2) return false;
  const type = datagram[1]! & 0x7f;
  return type < 64 || type > 95;
}

function countAttempt({ attempts }: Stream, sequence: number): number {
  const before = attempts.get(sequence) ?? 0;
  attempts.delete(sequence);
  attempts.set(sequence, before + 1);
  // Maps keep the order of insertion: the first key is the one that came least recently.
  if (attempts.size > REMEMBERED_PACKETS) attempts.delete(attempts.keys().next().value!);
  return before;
}

function readUint16(bytes: Uint8Array, at: number): number {
  return bytes[at]! * 0x100 + bytes[at + 1]!;
}
