import { TroupeError } from "../../../core/index.ts";
import type { Impairment } from "../../../testing/index.ts";

/** One row of the table: what the network does on the way to the receivers. */
export interface QualityRow {
  name: string;
  impairment: Impairment;
}

/** Each way, beside what a row adds: a round trip of 40 ms, so that a retransmission can come in time. */
export const PATH_DELAY_MS = 20;

const loss = (share: number): QualityRow => ({ name: `${share * 100} % loss`, impairment: { loss: share } });
const jitter = (ms: number): QualityRow => ({ name: `jitter of ${ms} ms`, impairment: { jitterMs: ms } });

/** By which the network decides. */
export const SEED = 7;

const ROWS: readonly QualityRow[] = [
  { name: "clean", impairment: {} },
  ...[0.01, 0.05, 0.1, 0.2].map(loss),
  // Five packets of 20 ms, one such burst in two seconds.
  { name: "bursts of 100 ms", impairment: { bursts: { probability: 0.01, packets: 5 } } },
  ...[30, 100].map(jitter),
  { name: "sender 200 ppm fast", impairment: { clockDriftPpm: 200 } },
  { name: "sender 200 ppm slow", impairment: { clockDriftPpm: -200 } },
];

/**
 * The rows of these names; all when left out.
 *
 * @throws TroupeError INVALID_OPTION for a name that is none.
 */
export function chosenRows(names: readonly string[] | undefined): readonly QualityRow[] {
  return (
    names?.map((name) => {
      const row = ROWS.find((candidate) => candidate.name === name);
      const all = ROWS.map((candidate) => candidate.name).join(", ");
      if (!row) throw TroupeError.expected("INVALID_OPTION", "rows", `some of ${all}`, name);
      return row;
    }) ?? ROWS
  );
}
