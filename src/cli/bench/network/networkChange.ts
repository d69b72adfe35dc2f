import { BenchChild } from "../childProcess.ts";
import { percentile, rounded } from "../figures.ts";
import { environment } from "../party.ts";
import { namespaceCommand } from "./namespaceCommand.ts";
import type { Again } from "./nearProcess.ts";

/** What each change may take beyond the pause before it. */
const CHANGE_WITHIN_MS = 40_000;

interface Figures {
  changes: number;
  /** From the change until the bot receives audio again, and until the far bot receives the bot's, in ms. */
  inMs: Quantiles;
  outMs: Quantiles;
}

type Quantiles = { p50: number; p95: number; maximum: number };

export interface NetworkChangeFigures {
  sora: Figures;
  livekit: Figures;
  environment: Record<string, string | number>;
}

/**
 * A bot in a network namespace of its own talks with one in another, over a stage and over a livekit-server there. Its
 * address is taken away and another one added; timed is how long audio stays away.
 *
 * @throws TroupeError NOT_INSTALLED without the right to make network namespaces, or without iproute2.
 */
export async function benchNetworkChange(
  { changes = 20 }: { changes?: number },
  signal: AbortSignal,
): Promise<NetworkChangeFigures> {
  const near = new BenchChild("network/nearProcess", namespaceCommand());
  const abort = () => near.close();
  signal.addEventListener("abort", abort, { once: true });
  try {
    await near.request("open");
    const measure = async (transport: string) => {
      const again = await near.request<Again[]>(
        "measure",
        { transport, changes },
        changes * CHANGE_WITHIN_MS,
      );
      return summary(again);
    };
    const sora = await measure("sora");
    const livekit = await measure("livekit");
    await near.request("close");
    return { sora, livekit, environment: environment() };
  } finally {
    signal.removeEventListener("abort", abort);
    near.close();
  }
}

function summary(again: readonly Again[]): Figures {
  const quantiles = (values: number[]): Quantiles => ({
    p50: rounded(percentile(values, 0.5), 1),
    p95: rounded(percentile(values, 0.95), 1),
    maximum: rounded(Math.max(...values), 1),
  });
  return {
    changes: again.length,
    inMs: quantiles(again.map(({ inMs }) => inMs)),
    outMs: quantiles(again.map(({ outMs }) => outMs)),
  };
}
