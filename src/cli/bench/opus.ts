/** What every bot of the benches sends: 48 kHz mono at 32 kbit/s, FEC on with expected loss, no DTX. */
export const OPUS = {
  bitRate: 32_000,
  complexity: 5,
  application: "voip",
  fec: true,
  expectedLossPercent: 5,
  dtx: false,
  channels: 1,
  frameMs: 20,
} as const;
