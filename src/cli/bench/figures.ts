/** The value below which `share` (0 to 1) of `values` lie; NaN of none. */
export function percentile(values: readonly number[], share: number): number {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
}

/** `value` with at most `digits` digits behind the point, as a number. */
export function rounded(value: number, digits = 2): number {
  return Number(value.toFixed(digits));
}

/** The same object with each value rounded. */
export function roundedAll<Figures extends Record<string, number>>(figures: Figures, digits = 2): Figures {
  return Object.fromEntries(
    Object.entries(figures).map(([key, value]) => [key, rounded(value, digits)]),
  ) as Figures;
}

/**
 * The share of sent audio that a listener got: the least of what the network brought, what was not made up by
 * concealment, and what reached the listener's callback.
 *
 * @param heardSamples what the callbacks got, in samples per channel at `sampleRate` Hz
 */
export function receivedShare(
  packets: { received: number; lost: number; concealed: number; samples: number },
  heardSamples: number,
  sampleRate: number,
): number {
  const decoded = Math.max(1, packets.samples);
  const arrived = packets.received / Math.max(1, packets.received + packets.lost);
  const genuine = (packets.samples - packets.concealed) / decoded;
  // The engine counts at 48 kHz whatever rate it decodes at.
  const delivered = (heardSamples * (48_000 / sampleRate)) / Math.max(1, packets.samples - packets.concealed);
  return Math.min(arrived, genuine, delivered, 1);
}

/** How large a difference in milliseconds is, for a histogram: whole, and at least 1. */
export function microseconds(differenceMs: number): number {
  return Math.max(1, Math.round(Math.abs(differenceMs) * 1_000));
}
