import { type CpuInfo, cpus } from "node:os";
import { type Clock, systemClock } from "../../../core/index.ts";

/** A share over less time than this says little, in us. */
const LEAST_US = 200_000;

/** How busy the machine's processors are, whoever keeps them so: 0 to 1, over the time since the last look. */
export class CpuLoad {
  readonly #read: () => CpuInfo[];
  readonly #clock: Clock;
  #last: { idle: number; total: number };
  #lastUs: number;
  #load = 0;

  constructor(read: () => CpuInfo[] = cpus, clock: Clock = systemClock) {
    this.#read = read;
    this.#clock = clock;
    this.#last = timesOf(read());
    this.#lastUs = clock.nowUs();
  }

  read(): number {
    if (this.#clock.nowUs() - this.#lastUs < LEAST_US) return this.#load;
    const now = timesOf(this.#read());
    const total = now.total - this.#last.total;
    if (total > 0) this.#load = Math.min(1, Math.max(0, 1 - (now.idle - this.#last.idle) / total));
    this.#last = now;
    this.#lastUs = this.#clock.nowUs();
    return this.#load;
  }
}

function timesOf(all: CpuInfo[]): { idle: number; total: number } {
  const idle = all.reduce((sum, { times }) => sum + times.idle, 0);
  const total = all.reduce(
    (sum, { times }) => sum + times.user + times.nice + times.sys + times.idle + times.irq,
    0,
  );
  return { idle, total };
}
