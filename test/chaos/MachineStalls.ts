import { Worker } from "node:worker_threads";

/** Stalls shorter than this make no silence that can be noticed. */
const SHORTEST_STALL_MS = 40;
const BEAT_MS = 20;

const SOURCE = `
const { parentPort, workerData } = require("node:worker_threads");
const now = () => Number(process.hrtime.bigint()) / 1e6;
let last = now();
setInterval(() => {
  const at = now();
  if (at - last > workerData) parentPort.postMessage({ fromMs: last, toMs: at });
  last = at;
}, ${BEAT_MS});
`;

/** When the machine stood still, as a timer noticed in a thread that does nothing else. Monotonic ms. */
export class MachineStalls {
  readonly all: { fromMs: number; toMs: number }[] = [];
  readonly #worker = new Worker(SOURCE, { eval: true, workerData: BEAT_MS + SHORTEST_STALL_MS });

  constructor() {
    this.#worker.on("message", (stall) => this.all.push(stall));
  }

  /** For how long of this time, in ms. */
  during(fromMs: number, toMs: number): number {
    return this.all.reduce(
      (sum, stall) => sum + Math.max(0, Math.min(stall.toMs, toMs) - Math.max(stall.fromMs, fromMs)),
      0,
    );
  }

  close(): void {
    void this.#worker.terminate();
  }
}
