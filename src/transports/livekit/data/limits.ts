import { z } from "zod";

/** The longest packet on a data channel, in bytes: below the server's largest SCTP message of 65,535. */
export const MAXIMUM_PACKET_BYTES = 64_000;
/** What one packet of a stream carries at most, in bytes. */
export const STREAM_CHUNK_BYTES = 15_000;

/** How much a room's data may take of this process. Bytes unless said otherwise. */
export interface DataLimits {
  /** Reliable packets that wait to be sent; more are refused. 16 MiB when left out. */
  waitingBytes: number;
  /** Reliable packets kept after they were sent, to send them again after a reconnect. 4 MiB when left out. */
  replayBytes: number;
  /** Encrypted packets that wait, for 10 s at most, for the key that opens them; more are let go. 1 MiB when left out. */
  undecryptedBytes: number;
  /** Streams that others send to us at a time; the next ones are let go. 1024 when left out. */
  openStreams: number;
  /** What came of all streams and was not read yet; a stream that adds to more fails. 64 MiB when left out. */
  unreadBytes: number;
  /** What one stream may bring, decompressed. 5 GB when left out, as in LiveKit's own clients. */
  streamBytes: number;
  /** What `readAll` collects. 256 MiB when left out. */
  readAllBytes: number;
  /** Calls of our methods that run at a time; more are answered with 1500. 1024 when left out. */
  runningCalls: number;
}

const MIB = 1024 * 1024;
const bytes = (byDefault: number) =>
  z.number("a number of bytes").int("whole bytes").positive("a number above 0").default(byDefault);

export const dataLimitsSchema = z
  .strictObject({
    waitingBytes: bytes(16 * MIB),
    replayBytes: bytes(4 * MIB),
    undecryptedBytes: bytes(MIB),
    openStreams: bytes(1024),
    unreadBytes: bytes(64 * MIB),
    streamBytes: bytes(5_000_000_000),
    readAllBytes: bytes(256 * MIB),
    runningCalls: bytes(1024),
  })
  .prefault({});
