import { readdirSync, readFileSync } from "node:fs";

/** What the process holds at one moment. */
export interface Held {
  residentMiB: number;
  threads: number;
  descriptors: number;
}

/** Threads and descriptors as the kernel counts them (Linux only), memory after a collection. */
export function readHeld(): Held {
  (globalThis as { gc?: () => void }).gc?.();
  return {
    residentMiB: Math.round((process.memoryUsage.rss() / 2 ** 20) * 10) / 10,
    threads: readdirSync("/proc/self/task").length,
    // The folder that is being read is open itself.
    descriptors: readdirSync("/proc/self/fd").length - 1,
  };
}

/** How many threads of the engine and the transport run, by name. The one of usrsctp's timers stays for good. */
export function troupeThreads(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const task of readdirSync("/proc/self/task")) {
    let name: string;
    try {
      name = readFileSync(`/proc/self/task/${task}/comm`, "utf8").trim();
    } catch {
      // It ended meanwhile.
      continue;
    }
    if (name.startsWith("troupe-") && name !== "troupe-sctp") counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

/** What the process held again and again, and whether it stayed the same. */
export class HeldOverTime {
  readonly #readings: Held[] = [];

  read(): void {
    this.#readings.push(readHeld());
  }

  /** That of a quarter of the time, when caches, the optimiser and the allocator have settled. */
  get settled(): Held | undefined {
    return this.#readings[Math.floor(this.#readings.length / 4)];
  }

  get last(): Held | undefined {
    return this.#readings.at(-1);
  }

  /** What grew since it had settled; empty when nothing did. */
  growth(limitMiB: number): string[] {
    const { settled, last } = this;
    if (!settled || !last || this.#readings.length < 2) return ["nothing was read"];
    const grown: string[] = [];
    const memory = last.residentMiB - settled.residentMiB;
    if (memory > limitMiB) grown.push(`memory by ${memory.toFixed(1)} MiB`);
    if (last.threads > settled.threads) grown.push(`threads by ${last.threads - settled.threads}`);
    if (last.descriptors > settled.descriptors) {
      grown.push(`descriptors by ${last.descriptors - settled.descriptors}`);
    }
    return grown;
  }
}
