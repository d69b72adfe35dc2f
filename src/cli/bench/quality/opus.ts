/** What speakers of this bench send: Opus VOIP with in-band FEC; what loss they expect is theirs to say. */
export const OPUS = {
  bitRate: 32_000,
  complexity: 5,
  application: "voip",
  fec: true,
  dtx: false,
  channels: 1,
  frameMs: 20,
} as const;
/** What the speaker's encoder expects, in percent, so that each packet holds the one before in short. */
export const EXPECTED_LOSS_PERCENT = 10;
