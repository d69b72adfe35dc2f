import { z } from "zod";
import { TroupeError } from "../../index.ts";

const share = z.number("0 to 1").min(0, "0 to 1").max(1, "0 to 1");
const ms = z.number("milliseconds, 0 to 60000").min(0, "0 or more").max(60_000, "at most 60000");

/** What a path does to the packets that run through it in one direction. */
const impairmentSchema = z.strictObject({
  /** Two paths with the same seed treat packets alike; see {@link ImpairedPath}. */
  seed: z.int("a whole number").default(1),
  /** Share of packets lost, each by a coin of its own. */
  loss: share.default(0),
  /** Each packet is with `probability` the first of `packets` in a row that are lost. */
  bursts: z
    .strictObject({ probability: share, packets: z.int("1 to 500").min(1, "1 to 500").max(500, "1 to 500") })
    .optional(),
  /**
   * Losses that come in clusters (Gilbert and Elliott): a packet follows one of the good state in the bad one with chance
   * `p`, and one of the bad state in the good one with chance `r`; each state loses a share of its own.
   */
  gilbertElliott: z
    .strictObject({ p: share, r: share, lossInGood: share.default(0), lossInBad: share.default(1) })
    .optional(),
  /** Whether STUN and DTLS are spared all loss: the path stays up, and what is measured is what media makes of it. */
  spareHandshakes: z.boolean("a boolean").default(false),
  /** What every packet takes. */
  delayMs: ms.default(0),
  /** Each packet takes up to so much more, evenly spread. A packet never overtakes another by this alone. */
  jitterMs: ms.default(0),
  /** With `probability` a packet is held back by `delayMs` while others overtake it. */
  reordering: z.strictObject({ probability: share, delayMs: ms }).optional(),
  /** Share of packets that come twice. */
  duplication: share.default(0),
  /** A bottleneck with a queue; what finds the queue longer than `queueMs` is dropped. */
  bandwidth: z
    .strictObject({ bitRate: z.number("bit/s above 0").positive("bit/s above 0"), queueMs: ms.default(200) })
    .optional(),
  /** Larger datagrams (UDP payload, bytes) do not fit the path and are lost, as where nobody tells of its MTU. */
  maximumPacketBytes: z.int("1 to 65507").min(1, "1 to 65507").max(65_507, "1 to 65507").default(65_507),
  /** Nothing comes through for the last `lengthMs` of every `everyMs`. */
  outages: z.strictObject({ everyMs: ms.positive("above 0"), lengthMs: ms }).optional(),
  /**
   * How much faster (above 0) or slower the sender's clock seems, in parts per million: packets take less and less time,
   * until `delayMs` is used up, or more and more, until it is 2 s more.
   */
  clockDriftPpm: z.number("-1000 to 1000").min(-1000, "-1000 to 1000").max(1000, "-1000 to 1000").default(0),
});

/** What a path does to packets; everything left out does nothing. */
export type Impairment = z.input<typeof impairmentSchema>;
export type ImpairmentSettings = z.output<typeof impairmentSchema>;

/** @throws TroupeError INVALID_OPTION that names the field. */
export function parseImpairment(impairment: Impairment, what = "impairment"): ImpairmentSettings {
  const result = impairmentSchema.safeParse(impairment);
  if (result.success) return result.data;
  const { path = [], message = "an impairment" } = result.error.issues[0] ?? {};
  let received: unknown = impairment;
  for (const key of path) received = (received as Record<PropertyKey, unknown> | undefined)?.[key];
  throw TroupeError.expected("INVALID_OPTION", [what, ...path].map(String).join("."), message, received);
}
