import { TroupeError } from "../core/index.ts";

/** The audio of a WAV file: interleaved 16-bit samples. */
export interface WavAudio {
  pcm: Int16Array;
  /** Hz */
  sampleRate: number;
  channels: number;
}

const RIFF_HEADER_BYTES = 12;
const CHUNK_HEADER_BYTES = 8;
const FORMAT_CHUNK_BYTES = 16;
const SIZES_BYTES = 28;
const PCM_FORMAT = 1;
/** A size that the ds64 chunk has, or nobody. */
const LARGE = 0xffff_ffff;

/**
 * Reads a RIFF WAVE or RF64 file of 16-bit PCM. Chunks that it does not know are passed over, and a data chunk that says
 * more than there is (a stream's header) is read to the end.
 *
 * @throws TroupeError INVALID_AUDIO for anything else.
 */
export function decodeWav(bytes: Uint8Array): WavAudio {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tag = (at: number) => file.toString("latin1", at, at + 4);
  if (file.length < RIFF_HEADER_BYTES || (tag(0) !== "RIFF" && tag(0) !== "RF64") || tag(8) !== "WAVE")
    throw TroupeError.expected("INVALID_AUDIO", "file", "a RIFF WAVE file", `${file.length} bytes`);
  let format: { sampleRate: number; channels: number } | undefined;
  let largeDataBytes = Number.POSITIVE_INFINITY;
  for (let at = RIFF_HEADER_BYTES; at + CHUNK_HEADER_BYTES <= file.length; ) {
    const body = at + CHUNK_HEADER_BYTES;
    const length = file.readUInt32LE(at + 4);
    if (tag(at) === "fmt ") format = readFormat(file.subarray(body, body + length));
    if (tag(at) === "ds64" && length >= SIZES_BYTES && body + SIZES_BYTES <= file.length)
      largeDataBytes = Number(file.readBigUInt64LE(body + 8));
    if (tag(at) === "data") {
      const dataBytes = length === LARGE ? largeDataBytes : length;
      return { pcm: readSamples(file, body, dataBytes, format), ...format! };
    }
    at = body + length + (length & 1);
  }
  throw TroupeError.expected("INVALID_AUDIO", "file", "a data chunk", "none");
}

function readFormat(chunk: Buffer): { sampleRate: number; channels: number } {
  if (chunk.length < FORMAT_CHUNK_BYTES)
    throw TroupeError.expected("INVALID_AUDIO", "format chunk", "16 bytes or more", chunk.length);
  const bits = chunk.readUInt16LE(14);
  if (chunk.readUInt16LE(0) !== PCM_FORMAT || bits !== 16)
    throw TroupeError.expected(
      "INVALID_AUDIO",
      "format",
      "16-bit PCM",
      `format ${chunk.readUInt16LE(0)}, ${bits} bits`,
    );
  const channels = chunk.readUInt16LE(2);
  const sampleRate = chunk.readUInt32LE(4);
  if (channels === 0 || sampleRate === 0)
    throw TroupeError.expected(
      "INVALID_AUDIO",
      "format",
      "channels and a rate",
      `${channels} at ${sampleRate} Hz`,
    );
  return { sampleRate, channels };
}

function readSamples(
  file: Buffer,
  from: number,
  length: number,
  format: { channels: number } | undefined,
): Int16Array {
  if (!format) throw TroupeError.expected("INVALID_AUDIO", "file", "a format chunk before the data", "none");
  const bytesPerFrame = format.channels * Int16Array.BYTES_PER_ELEMENT;
  const present = Math.min(length, file.length - from);
  const whole = present - (present % bytesPerFrame);
  return new Int16Array(file.buffer.slice(file.byteOffset + from, file.byteOffset + from + whole));
}
