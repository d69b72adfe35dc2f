import type { Checks } from "../sora/Checks.ts";
import { rowsAgainst } from "./Case.ts";
import type { Implementation } from "./Counterpart.ts";
import { until } from "./Ours.ts";

/** What ends says so by RTCP BYE (RFC 3550, section 6.6). */
export async function goodbyeChecks(checks: Checks, implementation: Implementation): Promise<void> {
  const withCase = rowsAgainst(checks, implementation);
  const { lacks } = implementation;
  if (!lacks.includes("goodbye out")) {
    await withCase("they end what they send", { offerer: "ours" }, async (one) => {
      await one.ours.hearsTone();
      const goodbye = one.ours.hearsGoodbye();
      await one.theirs.endAudio();
      await goodbye;
      return undefined;
    });
  }
  if (lacks.includes("goodbyes in")) return;
  await withCase("we end what we send", { offerer: "ours" }, async (one) => {
    if (!lacks.includes("audio echo")) await one.ours.hearsTone();
    else await until("they hear", () => one.ours.reported);
    one.ours.endAudio();
    await until("they know", async () => (await one.theirs.goodbyes()) === 1);
    return undefined;
  });
}
