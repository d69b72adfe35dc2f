/** Cuts text into pieces of at most `bytes` bytes of UTF-8 (4 or more), none of which ends within a character. */
export function* splitText(text: string, bytes: number): Generator<Uint8Array, void, void> {
  const encoder = new TextEncoder();
  const piece = new Uint8Array(bytes);
  for (let at = 0; at < text.length; ) {
    // Each unit takes a byte at least: one unit more than fits is never read, so the slice's end, which may be
    // within a pair of surrogates, is never met before the text's own.
    const { read, written } = encoder.encodeInto(text.slice(at, at + bytes + 1), piece);
    at += read;
    yield piece.slice(0, written);
  }
}
