const CAPTURE = Buffer.from("OggS");
const HEADER_BYTES = 27;
/** Ogg Opus counts in samples of 48 kHz, whatever the rate. */
const TICKS_PER_MS = 48;
const PRE_SKIP_AT = 10;
const LONGEST_PAGE_BYTES = HEADER_BYTES + 255 + 255 * 255;

/** Reads how long an Ogg Opus stream lasts while it comes (RFC 3533, RFC 7845): the pages say it. */
export class OggDuration {
  #rest: Buffer = Buffer.alloc(0);
  #preSkip = 0;
  #granule = 0;
  #pages = 0;
  /** Whether the last page came. */
  ended = false;

  /** Of what came so far, in ms. */
  get ms(): number {
    return Math.max(0, (this.#granule - this.#preSkip) / TICKS_PER_MS);
  }

  /** Takes the next bytes. False when they are no Ogg Opus. */
  push(bytes: Uint8Array): boolean {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    for (let page = this.#nextPage(); page; page = this.#nextPage()) {
      if (!this.#read(page)) return false;
    }
    return this.#rest.length < LONGEST_PAGE_BYTES && this.#startsPage();
  }

  #nextPage(): { header: Buffer; body: Buffer } | null {
    const rest = this.#rest;
    if (rest.length < HEADER_BYTES || !this.#startsPage()) return null;
    const segments = rest.readUInt8(HEADER_BYTES - 1);
    const headerBytes = HEADER_BYTES + segments;
    if (rest.length < headerBytes) return null;
    const bodyBytes = rest.subarray(HEADER_BYTES, headerBytes).reduce((sum, size) => sum + size, 0);
    if (rest.length < headerBytes + bodyBytes) return null;
    this.#rest = rest.subarray(headerBytes + bodyBytes);
    return {
      header: rest.subarray(0, headerBytes),
      body: rest.subarray(headerBytes, headerBytes + bodyBytes),
    };
  }

  #startsPage(): boolean {
    const length = Math.min(CAPTURE.length, this.#rest.length);
    return this.#rest.subarray(0, length).equals(CAPTURE.subarray(0, length));
  }

  #read({ header, body }: { header: Buffer; body: Buffer }): boolean {
    if (this.#pages === 0) {
      if (body.length < 19 || body.subarray(0, 8).toString("latin1") !== "OpusHead") return false;
      this.#preSkip = body.readUInt16LE(PRE_SKIP_AT);
    } else if (this.#pages > 1) {
      const granule = header.readBigInt64LE(6);
      // Where no packet ends in a page it says -1.
      if (granule >= 0n && granule < BigInt(Number.MAX_SAFE_INTEGER)) this.#granule = Number(granule);
    }
    this.#pages += 1;
    if ((header.readUInt8(5) & 4) !== 0) this.ended = true;
    return true;
  }
}
