import { z } from "zod";

/** What one stage bears. Every bound is checked before the work that it bounds. */
export const stageLimitsSchema = z.strictObject({
  /** Open WebSockets and members, together. */
  connections: z.int("an integer").min(1, "at least 1").default(200),
  /** Channels with at least one member. */
  channels: z.int("an integer").min(1, "at least 1").default(100),
  /** Members of one channel. */
  connectionsPerChannel: z.int("an integer").min(1, "at least 1").default(50),
  /** Data-channel labels that one member may ask for. */
  dataChannels: z.int("an integer").min(0, "at least 0").default(32),
  /** Bytes of one WebSocket message or API request. */
  messageBytes: z
    .int("an integer")
    .min(1024, "at least 1024")
    .default(256 * 1024),
  /** Bytes of one data-channel message, before and after decompression. */
  dataMessageBytes: z
    .int("an integer")
    .min(1024, "at least 1024")
    .default(256 * 1024),
  /** Messages a second from one WebSocket, with a burst of twice as many; then it is closed. */
  messagesPerSecond: z.int("an integer").min(1, "at least 1").default(100),
  /** Messages a second from all data channels of one member, with a burst of twice as many; then they are dropped. */
  dataMessagesPerSecond: z.int("an integer").min(1, "at least 1").default(1000),
  /** From the opened WebSocket to the connected peer, in ms. */
  handshakeMs: z.int("an integer").min(1, "at least 1").default(20_000),
  /** Bytes that may wait for a WebSocket that does not read; then it is cut. */
  bufferedBytes: z
    .int("an integer")
    .min(1024, "at least 1024")
    .default(1024 * 1024),
});

export type StageLimits = z.output<typeof stageLimitsSchema>;
