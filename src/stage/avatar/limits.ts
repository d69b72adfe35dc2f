import { z } from "zod";

const count = (least: number, otherwise: number) =>
  z.int("an integer").min(least, `at least ${least}`).default(otherwise);

/** What one avatar service bears. Every bound is checked before the work that it bounds. */
export const avatarLimitsSchema = z.strictObject({
  /** Sessions at the same time. */
  sessions: count(1, 100),
  /** Session tokens that are good at the same time; the oldest goes. */
  tokens: count(1, 10_000),
  /** Bytes of one WebSocket message. */
  messageBytes: count(1_024, 1024 * 1024),
  /** Messages a second of one session, with a burst of twice as many; then it is closed. */
  messagesPerSecond: count(1, 1_000),
  /** From the opened WebSocket to the configuration, in ms. */
  handshakeMs: count(1, 10_000),
  /** Audio that was sent and has not been shown, in ms; more ends the session. */
  waitingAudioMs: count(1_000, 600_000),
  /** Bytes that may wait for a client that does not read; then it is cut. */
  bufferedBytes: count(1_024, 1024 * 1024),
  /** Without audio for so long a session ends, in ms. */
  idleMs: count(1, 600_000),
  /** How long a session may last, in ms. */
  sessionMs: count(1, 3_600_000),
});

export type AvatarLimits = z.output<typeof avatarLimitsSchema>;
