import { z } from "zod";

/** The rates that the engine takes and gives, in Hz. */
const SAMPLE_RATES = [8_000, 12_000, 16_000, 24_000, 44_100, 48_000] as const;

export const sampleRateSchema = z.literal(SAMPLE_RATES, { error: `one of ${SAMPLE_RATES.join(", ")} Hz` });
export const channelsSchema = z.literal([1, 2], { error: "1 or 2" });

const sinkRateError = "a whole number from 8000 to 192000 Hz";
/** What a sink can be asked for: the engine converts. */
export const sinkRateSchema = z
  .int({ error: sinkRateError })
  .min(8_000, { error: sinkRateError })
  .max(192_000, { error: sinkRateError });
export const sinkChannelsSchema = z
  .int({ error: "1 to 8" })
  .min(1, { error: "1 to 8" })
  .max(8, { error: "1 to 8" });

/** A length in ms between two bounds. */
export function durationSchema(minimumMs: number, maximumMs: number) {
  const error = `a number of milliseconds from ${minimumMs} to ${maximumMs}`;
  return z.number({ error }).min(minimumMs, { error }).max(maximumMs, { error });
}
