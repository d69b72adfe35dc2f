// What the transport bears over a long time, and what it meets on open networks. All on loopback, each ends by itself.
//
// npm run soak -- pairs --pairs 50 --minutes 60     pairs that talk, with ICE restarts
// npm run soak -- rounds --rounds 10000             pairs that connect, talk and close
// npm run soak -- workers --rounds 200 --seed 1     worker threads terminated at any moment
// npm run soak -- hostile --minutes 10 --seed 1     a peer that sends what none should, beside a good pair
//
// Prints its figures as JSON; ends with 1 when something was lost, failed or grew.
import { parseArgs } from "node:util";
import { sufferHostilePeer } from "./hostile.ts";
import { soakPairs } from "./pairs.ts";
import { openAndClose } from "./rounds.ts";
import { terminateWorkers } from "./workers.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    pairs: { type: "string", default: "50" },
    minutes: { type: "string", default: "10" },
    rounds: { type: "string" },
    seed: { type: "string", default: "1" },
  },
});
const minutes = Number(values.minutes);
const soaks: Record<string, () => Promise<object>> = {
  pairs: () => soakPairs({ count: Number(values.pairs), minutes }),
  rounds: () => openAndClose({ rounds: Number(values.rounds ?? 10_000) }),
  hostile: () => sufferHostilePeer({ minutes, seed: Number(values.seed) }),
  workers: () => terminateWorkers({ rounds: Number(values.rounds ?? 200), seed: Number(values.seed) }),
};
const soak = soaks[positionals[0] ?? ""];
if (!soak) {
  console.error(
    `Expected one of ${Object.keys(soaks).join(", ")} but received ${positionals[0] ?? "nothing"}`,
  );
  process.exit(2);
}
const figures = (await soak()) as { failures: string[] };
console.log(JSON.stringify(figures, null, 1));
process.exitCode = figures.failures.length === 0 ? 0 : 1;
