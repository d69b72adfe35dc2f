import { type Checks, expect } from "../sora/Checks.ts";
import { Case } from "./Case.ts";
import type { Counterpart, Implementation, StatsObject } from "./Counterpart.ts";
import { type Ours, until } from "./Ours.ts";

/** Enough that a tenth of them shows, and two or three seconds of audio. */
const PACKETS = 120;
const LOSS = 0.1;
/**
 * Chromium begins at 300 kbit/s and goes up by 8 % a second while its receiver reports tell of no loss, unless feedback
 * shows how little it sends.
 */
const UNBOUNDED_BITRATE = 320_000;

/** Transport-wide feedback both ways: they read ours, we read theirs, and loss shows in it. */
export async function feedbackChecks(checks: Checks, implementation: Implementation): Promise<void> {
  const { name } = implementation;
  const withCase = (what: string, lossy: boolean, work: (one: Case) => Promise<string>) =>
    checks.check(`${name}: transport-wide feedback, ${what}`, async () => {
      const offerer = lossy ? "ours" : "theirs";
      const impairment = { loss: LOSS, delayMs: 5 };
      const link = lossy ? { impairment, impairmentBack: { ...impairment, seed: 2 } } : {};
      const one = await Case.connect(implementation, { offerer, transportFeedback: true, ...link });
      try {
        return await work(one);
      } finally {
        await one.close();
      }
    });

  await withCase("they offer", false, async (one) => {
    const { packetsReportedLost } = await weAreTold(one);
    expect(packetsReportedLost === 0, `${packetsReportedLost} packets lost on loopback`);
    return await theyAreTold(one.theirs, 0);
  });
  await withCase("we offer, over 10 % loss", true, async (one) => {
    const { packetsReported, packetsReportedLost } = await weAreTold(one);
    const share = packetsReportedLost / packetsReported;
    expect(isNear(share, LOSS), `they say that ${share} was lost`);
    const they = one.theirs.feedback ? await theyAreTold(one.theirs, LOSS) : "";
    return `they say that ${share.toFixed(2)} was lost${they && `; ${they}`}`;
  });
  if (name !== "Chromium") return;
  await checks.check(`${name}: its estimate is unbounded where feedback was not agreed`, async () => {
    const one = await Case.connect(implementation, { offerer: "ours" });
    try {
      await until("it goes up", async () => (await bitrateOf(one.theirs)) > UNBOUNDED_BITRATE);
      return `${await bitrateOf(one.theirs)} bit/s`;
    } finally {
      await one.close();
    }
  });
}

/** Resolves when they told us of enough packets of ours. */
async function weAreTold({ ours }: Case) {
  await until(
    "they tell of our packets",
    () => transportOf(ours).transportFeedback.packetsReported >= PACKETS,
  );
  const { drops, transportFeedback } = transportOf(ours);
  expect((drops.badRtcp ?? 0) === 0, `${drops.badRtcp} messages that could not be read`);
  return transportFeedback;
}

/** Resolves when they have read of enough packets of theirs, by their count or by what they make of it. */
async function theyAreTold(theirs: Counterpart, loss: number): Promise<string> {
  if (!theirs.feedback) {
    const bitrate = await bitrateOf(theirs);
    expect(bitrate > 0 && bitrate < UNBOUNDED_BITRATE, `its estimate is ${bitrate} bit/s`);
    return `its estimate is ${bitrate} bit/s`;
  }
  const read = () => theirs.feedback!();
  await until("they read of their packets", async () => (await read()).packets >= PACKETS);
  const { packets, lost } = await read();
  expect(loss === 0 ? lost === 0 : isNear(lost / packets, loss), `they read ${lost} of ${packets} lost`);
  return `they read ${lost} of ${packets} lost`;
}

function isNear(share: number, loss: number): boolean {
  return share > loss / 4 && share < 3 * loss;
}

async function bitrateOf(theirs: Counterpart): Promise<number> {
  const stats = await theirs.stats!();
  const find = (holds: (object: StatsObject) => boolean) => stats.find(holds) ?? {};
  const { selectedCandidatePairId } = find(({ type }) => type === "transport");
  return Number(find(({ id }) => id === selectedCandidatePairId).availableOutgoingBitrate ?? 0);
}

function transportOf({ stats }: Ours) {
  const transport = stats.find(({ type }) => type === "transport");
  if (transport?.type !== "transport") throw new Error("a report has a transport");
  return transport;
}
