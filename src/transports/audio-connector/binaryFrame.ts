/** The last frame of a message (FIN) whose data are bytes. */
const FINAL_BINARY = 0x82;
/** In place of a length: 16 bits follow with it. */
const LENGTH_OF_16_BITS = 126;
const LONGEST = 0xffff;

/**
 * A binary message as a server's one frame, unmasked: RFC 6455, section 5.2. `data` is copied.
 *
 * @throws RangeError beyond 65535 bytes.
 */
export function binaryFrame(data: Uint8Array): Buffer {
  const { length } = data;
  if (length > LONGEST) throw new RangeError(`Expected at most ${LONGEST} bytes, got ${length}`);
  const isShort = length < LENGTH_OF_16_BITS;
  const headerBytes = isShort ? 2 : 4;
  const frame = Buffer.allocUnsafe(headerBytes + length);
  frame[0] = FINAL_BINARY;
  frame[1] = isShort ? length : LENGTH_OF_16_BITS;
  if (!isShort) frame.writeUInt16BE(length, 2);
  frame.set(data, headerBytes);
  return frame;
}
