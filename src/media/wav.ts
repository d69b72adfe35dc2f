/** Bytes of a WAV header with one format chunk and one data chunk. */
export const WAV_HEADER_BYTES = 44;

/** The most bytes of samples that the 32-bit sizes of a WAV header can name. */
export const WAV_MAXIMUM_DATA_BYTES = 0xffff_ffff - WAV_HEADER_BYTES;

const BYTES_PER_SAMPLE = 2;
const PCM_FORMAT = 1;

/** The header of 16-bit PCM in RIFF WAVE form. */
export function wavHeader(options: { sampleRate: number; channels: number; dataBytes: number }): Buffer {
  const { sampleRate, channels, dataBytes } = options;
  const header = Buffer.alloc(WAV_HEADER_BYTES);
  header.write("RIFF", 0, "latin1");
  header.writeUInt32LE(WAV_HEADER_BYTES - 8 + dataBytes, 4);
  header.write("WAVEfmt ", 8, "latin1");
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(PCM_FORMAT, 20);
  header.writeUInt16LE(channels, 22);
  header.writeUInt32LE(sampleRate, 24);
  header.writeUInt32LE(sampleRate * channels * BYTES_PER_SAMPLE, 28);
  header.writeUInt16LE(channels * BYTES_PER_SAMPLE, 32);
  header.writeUInt16LE(8 * BYTES_PER_SAMPLE, 34);
  header.write("data", 36, "latin1");
  header.writeUInt32LE(dataBytes, 40);
  return header;
}
