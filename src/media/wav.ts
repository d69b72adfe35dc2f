/** Bytes of a WAV header with one format chunk and one data chunk. */
const WAV_HEADER_BYTES = 44;

/** Bytes of a recording's header: it has room for 64-bit sizes. */
export const RECORDING_HEADER_BYTES = 80;

const BYTES_PER_SAMPLE = 2;
const PCM_FORMAT = 1;
const FORMAT_BYTES = 16;
const SIZES_BYTES = 28;
/** Stands in 32 bits where the size is in the 64-bit chunk. */
const LARGE = 0xffff_ffff;

interface WavFormat {
  sampleRate: number;
  channels: number;
  dataBytes: number;
}

/** The header of 16-bit PCM in RIFF WAVE form. */
export function wavHeader(options: WavFormat): Buffer {
  const header = Buffer.alloc(WAV_HEADER_BYTES);
  header.write("RIFF", 0, "latin1");
  header.writeUInt32LE(WAV_HEADER_BYTES - 8 + options.dataBytes, 4);
  header.write("WAVE", 8, "latin1");
  writeChunks(header, 12, options);
  return header;
}

/**
 * The header of a file that grows: RIFF WAVE with a chunk set aside, and RF64 (EBU Tech 3306,
 * https://tech.ebu.ch/docs/tech/tech3306.pdf) with the sizes in that chunk once 32 bits do not hold them.
 */
export function recordingHeader(options: WavFormat): Buffer {
  const header = Buffer.alloc(RECORDING_HEADER_BYTES);
  const riffBytes = RECORDING_HEADER_BYTES - 8 + options.dataBytes;
  const isLarge = riffBytes >= LARGE;
  header.write(isLarge ? "RF64" : "RIFF", 0, "latin1");
  header.writeUInt32LE(isLarge ? LARGE : riffBytes, 4);
  header.write(isLarge ? "WAVEds64" : "WAVEJUNK", 8, "latin1");
  header.writeUInt32LE(SIZES_BYTES, 16);
  if (isLarge) {
    header.writeBigUInt64LE(BigInt(riffBytes), 20);
    header.writeBigUInt64LE(BigInt(options.dataBytes), 28);
    header.writeBigUInt64LE(BigInt(options.dataBytes / (options.channels * BYTES_PER_SAMPLE)), 36);
  }
  writeChunks(header, 20 + SIZES_BYTES, options);
  return header;
}

/** The format chunk and the head of the data chunk. */
function writeChunks(header: Buffer, at: number, { sampleRate, channels, dataBytes }: WavFormat): void {
  header.write("fmt ", at, "latin1");
  header.writeUInt32LE(FORMAT_BYTES, at + 4);
  header.writeUInt16LE(PCM_FORMAT, at + 8);
  header.writeUInt16LE(channels, at + 10);
  header.writeUInt32LE(sampleRate, at + 12);
  header.writeUInt32LE(sampleRate * channels * BYTES_PER_SAMPLE, at + 16);
  header.writeUInt16LE(channels * BYTES_PER_SAMPLE, at + 20);
  header.writeUInt16LE(8 * BYTES_PER_SAMPLE, at + 22);
  header.write("data", at + 24, "latin1");
  header.writeUInt32LE(Math.min(dataBytes, LARGE), at + 28);
}
