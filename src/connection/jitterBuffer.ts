import { z } from "zod";

const delay = z.int("0 to 10000 (ms)").min(0, "0 to 10000 (ms)").max(10_000, "0 to 10000 (ms)");

/**
 * Bounds of the delay by which the jitter buffer evens out how packets come. Between them it follows the jitter that it
 * measures, as that of a browser does around `RTCRtpReceiver.jitterBufferTarget`.
 */
export const jitterBufferSchema = z
  .strictObject(
    {
      /** At least, in ms; 20 when left out. More of it rides out bursts of loss and jitter that have not come yet. */
      minimumDelayMs: delay.optional(),
      /** At most, in ms; 400, or the minimum where that is more, when left out. What would wait longer is skipped. */
      maximumDelayMs: delay.optional(),
    },
    { error: "an object of minimumDelayMs and maximumDelayMs" },
  )
  .refine(({ minimumDelayMs = 20, maximumDelayMs = 10_000 }) => minimumDelayMs <= maximumDelayMs, {
    error: "a maximumDelayMs of at least minimumDelayMs (20 when left out)",
  });

/** The bounds of the jitter buffer's delay. */
export type JitterBufferOptions = z.input<typeof jitterBufferSchema>;
