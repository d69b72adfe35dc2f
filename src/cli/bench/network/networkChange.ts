import { TroupeError } from "../../../core/index.ts";
import { BenchChild } from "../childProcess.ts";
import { percentile, rounded } from "../figures.ts";
import { environment } from "../party.ts";
import { CHANGES, type ChangeKind } from "./changes.ts";
import { namespaceCommand } from "./namespaceCommand.ts";
import type { Again, Measurement } from "./nearProcess.ts";

/** What each change may take beyond the pause before it. */
const CHANGE_WITHIN_MS = 40_000;

interface Figures {
  changes: number;
  /** From the change until the bot receives audio again, and until the far bot receives the bot's, in ms. */
  inMs: Quantiles;
  outMs: Quantiles;
  /** How often the bot lost its connection at one change, at most. */
  losses: number;
}

type Quantiles = { p50: number; p95: number; maximum: number };

type TransportName = "sora" | "livekit";

export interface NetworkChangeFigures {
  /** By kind of change. */
  sora: Partial<Record<ChangeKind, Figures>>;
  livekit: Partial<Record<ChangeKind, Figures>>;
  environment: Record<string, string | number>;
}

/**
 * A bot in a network namespace of its own talks with one in another, over a stage and over a livekit-server there. Its
 * network changes in each of the ways of {@link CHANGES}; timed is how long audio stays away.
 *
 * @param rows which kinds of changes; all when left out.
 * @throws TroupeError NOT_INSTALLED without the right to make network namespaces, or without iproute2, and INVALID_OPTION
 * for a kind that is none.
 */
export async function benchNetworkChange(
  { changes = 20, rows }: { changes?: number; rows?: string[] | undefined },
  signal: AbortSignal,
): Promise<NetworkChangeFigures> {
  const kinds = rows?.map(kindOf) ?? (Object.keys(CHANGES) as ChangeKind[]);
  return withChangingNetwork(signal, async (network) => {
    const measure = async (transport: TransportName) => {
      const figures: Partial<Record<ChangeKind, Figures>> = {};
      await network.join(transport);
      for (const kind of kinds) figures[kind] = await network.measure(kind, changes);
      await network.leave();
      return figures;
    };
    return {
      sora: await measure("sora"),
      livekit: await measure("livekit"),
      environment: environment(),
    };
  });
}

/** A bot whose network can be changed. */
export interface ChangingNetwork {
  join(transport: TransportName): Promise<void>;
  measure(kind: ChangeKind, changes: number): Promise<Figures>;
  /** Changes the address under three connects; gives how long each took, in ms. */
  connect(): Promise<number[]>;
  leave(): Promise<void>;
}

/** @throws TroupeError NOT_INSTALLED without the right to make network namespaces, or without iproute2. */
export async function withChangingNetwork<Result>(
  signal: AbortSignal,
  work: (network: ChangingNetwork) => Promise<Result>,
): Promise<Result> {
  const near = new BenchChild("network/nearProcess", namespaceCommand());
  const abort = () => near.close();
  signal.addEventListener("abort", abort, { once: true });
  try {
    await near.request("open");
    const result = await work({
      join: (transport) => near.request("join", { transport }),
      measure: async (kind, changes) => {
        const measurement: Measurement = { kind, changes };
        return summary(await near.request("measure", measurement, changes * CHANGE_WITHIN_MS));
      },
      connect: () => near.request("connect"),
      leave: () => near.request("leave"),
    });
    await near.request("close");
    return result;
  } finally {
    signal.removeEventListener("abort", abort);
    near.close();
  }
}

function kindOf(name: string): ChangeKind {
  if (name in CHANGES) return name as ChangeKind;
  const expected = Object.keys(CHANGES).join(", ");
  throw new TroupeError("INVALID_OPTION", `Expected one of ${expected} but received ${name}`);
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
    losses: Math.max(...again.map(({ losses }) => losses)),
  };
}
