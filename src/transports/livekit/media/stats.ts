import type { StatsEntry } from "../../../connection/index.ts";
import type { RtcStats } from "./MediaPath.ts";

/** Entries of the statistics that are about what we send. */
const OUTBOUND_TYPES = new Set(["outbound-rtp", "remote-inbound-rtp", "media-source"]);

/** The statistics of one peer connection for both directions: what belongs to neither is in both. */
export function splitByDirection(stats: StatsEntry[]): RtcStats {
  const isOf = (outbound: boolean) => (entry: StatsEntry) =>
    !/^(remote-)?(in|out)bound-rtp$|^media-source$/.test(entry.type) ||
    OUTBOUND_TYPES.has(entry.type) === outbound;
  return { publisherStats: stats.filter(isOf(true)), subscriberStats: stats.filter(isOf(false)) };
}

/** Entries of two peer connections in one report: their ids, and where they name each other, begin with whose they are. */
export function mergeStats({ publisherStats, subscriberStats }: RtcStats): StatsEntry[] {
  return [...withOwner(publisherStats, "publisher"), ...withOwner(subscriberStats, "subscriber")];
}

function withOwner(stats: StatsEntry[], owner: string): StatsEntry[] {
  const ids = new Set(stats.map(({ id }) => id));
  return stats.map((entry) => {
    const named = Object.entries(entry).map(([name, value]) => {
      const isReference = /^id$|Id$/.test(name) && ids.has(value as string);
      return [name, isReference ? `${owner}-${value}` : value];
    });
    return Object.fromEntries(named) as StatsEntry;
  });
}
