import type { SessionTransceiver } from "./Transceiver.ts";

/** How many SSRCs are remembered that no m-line could take yet. */
const MAXIMUM_UNKNOWN = 64;

interface Unknown {
  payloadType: number;
  mid: string | undefined;
}

/**
 * Finds the m-line of an SSRC that no signalling told of (RFC 8843, section 9.2): by the mid that the packet
 * carries, else by its payload type where that leaves one m-line only. Packets may come before the answer
 * that explains them, so what finds no place is tried again after each exchange.
 */
export class Demultiplexer {
  readonly #transceivers: () => readonly SessionTransceiver[];
  readonly #onFound: (transceiver: SessionTransceiver) => void;
  readonly #unknown = new Map<number, Unknown>();

  constructor(
    transceivers: () => readonly SessionTransceiver[],
    onFound: (transceiver: SessionTransceiver) => void,
  ) {
    this.#transceivers = transceivers;
    this.#onFound = onFound;
  }

  onUnknownSsrc(ssrc: number, payloadType: number, mid: string | undefined): void {
    if (this.#place(ssrc, { payloadType, mid })) return;
    if (this.#unknown.size >= MAXIMUM_UNKNOWN) {
      const oldest = this.#unknown.keys().next();
      if (!oldest.done) this.#unknown.delete(oldest.value);
    }
    this.#unknown.set(ssrc, { payloadType, mid });
  }

  retry(): void {
    for (const [ssrc, unknown] of this.#unknown) {
      if (this.#place(ssrc, unknown)) this.#unknown.delete(ssrc);
    }
  }

  #place(ssrc: number, { payloadType, mid }: Unknown): boolean {
    const receiving = this.#transceivers().filter(({ receiver }) => receiver !== null);
    const known = receiving.find(({ remoteSsrcs }) => remoteSsrcs.includes(ssrc));
    const found = known ?? (mid ? receiving.find((one) => one.mid === mid) : onlyFor(receiving, payloadType));
    if (!found) return false;
    found.learnSsrc(ssrc);
    this.#onFound(found);
    return true;
  }
}

function onlyFor(receiving: SessionTransceiver[], payloadType: number): SessionTransceiver | undefined {
  const candidates = receiving.filter(
    ({ remoteSsrcs, codecs }) =>
      remoteSsrcs.length === 0 && codecs.some((codec) => codec.payloadType === payloadType),
  );
  return candidates.length === 1 ? candidates[0] : undefined;
}
