import type { TransportChannel } from "../../../src/webrtc/index.ts";
import { type Checks, expect } from "../sora/Checks.ts";
import { type Case, rowsAgainst } from "./Case.ts";
import type { ChannelKind, Implementation } from "./Counterpart.ts";
import { echoes, until } from "./Ours.ts";
import { CHANNEL_KINDS } from "./table.ts";

const OURS = 130;
const THEIRS = 70;
const REPEAT_MS = 1000;

/** Many data channels at once, opened and closed by either side. */
export async function channelChecks(checks: Checks, implementation: Implementation): Promise<void> {
  const withCase = rowsAgainst(checks, implementation);
  const kinds = Object.values(CHANNEL_KINDS).filter(({ id }) => id === undefined);
  const kindOf = (index: number): ChannelKind => kinds[index % kinds.length]!;
  const isLossy = (label: string) => {
    const { maxRetransmits, maxPacketLifeTimeMs } = kindOf(Number(label.split(" ")[1]));
    return maxRetransmits !== undefined || maxPacketLifeTimeMs !== undefined;
  };

  await withCase("200 channels of every kind, half closed by each side", { offerer: "ours" }, async (one) => {
    await echoes(one.ours.open("first"), "connected");
    const labels: string[] = [];
    for (let index = 0; index < OURS; index++) {
      labels.push(`ours ${index}`);
      one.ours.open(`ours ${index}`, kindOf(index));
    }
    for (let index = 0; index < THEIRS; index++) {
      labels.push(`theirs ${index}`);
      await one.theirs.open(`theirs ${index}`, kindOf(index));
    }
    await until("all are here", () => labels.every((label) => one.ours.channels.has(label)));
    const comeBack = (which: readonly string[], text: string) =>
      Promise.all(
        which.map((label) => comesBack(one.ours.channels.get(label)!, `${text} ${label}`, isLossy(label))),
      );
    await comeBack(labels, "on");
    const before = countsOf(one);
    // Every other one, in turn by us and by them, so that each side closes some of its own and some of the other's.
    const gone = labels.filter((_, index) => index % 2 === 0);
    for (const [index, label] of gone.entries()) {
      if (index % 2 === 0) one.ours.channels.get(label)!.close();
      else await one.theirs.closeChannel(label);
    }
    await until("they are closed here", () =>
      gone.every((label) => one.ours.channels.get(label)!.state === "closed"),
    );
    await until("they are closed there", async () => {
      const open = new Set(await one.theirs.openLabels());
      return gone.every((label) => !open.has(label));
    });
    await until("they are counted", () => countsOf(one).closed === before.closed + gone.length);
    expect(
      countsOf(one).opened === before.opened,
      `opened are ${countsOf(one).opened}, were ${before.opened}`,
    );
    const kept = labels.filter((_, index) => index % 2 === 1);
    await comeBack(kept, "still on");
    for (let index = 0; index < 20; index++) await echoes(one.ours.open(`again ${index}`), "anew");
    return `${before.opened} opened, ${countsOf(one).closed} closed`;
  });
}

/** Kinds that lose messages say it again where it does not come back; the others say it once. */
async function comesBack(channel: TransportChannel, text: string, isLossy: boolean): Promise<void> {
  let isBack = false;
  const stop = channel.events.on("message", (data) => {
    isBack ||= data.toString() === text;
  });
  let saidAtMs: number | undefined;
  await until(`${channel.label} comes back`, () => {
    const isDue = saidAtMs === undefined || (isLossy && performance.now() - saidAtMs > REPEAT_MS);
    if (channel.state === "open" && isDue && channel.send(text)) saidAtMs = performance.now();
    return isBack;
  });
  stop();
}

function countsOf({ ours }: Case): { opened: number; closed: number } {
  const { dataChannelsOpened, dataChannelsClosed } = ours.session.transport.stats();
  return { opened: dataChannelsOpened, closed: dataChannelsClosed };
}
