import { Worker } from "node:worker_threads";

const CONTROL_SOURCE = `
const { parentPort } = require("node:worker_threads");
let last = performance.now(), longest = 0;
setInterval(() => {
  const now = performance.now();
  longest = Math.max(longest, now - last);
  last = now;
}, 20);
parentPort.on("message", () => {
  parentPort.postMessage(longest);
  longest = 0;
});
`;

/** A 20 ms timer in a thread that does nothing else: what it is late, the machine was late. */
export class ControlTimer {
  readonly #worker = new Worker(CONTROL_SOURCE, { eval: true });

  /** The longest beat since the last call, in ms. */
  take(): Promise<number> {
    const { promise, resolve } = Promise.withResolvers<number>();
    this.#worker.once("message", resolve);
    this.#worker.postMessage("take");
    return promise;
  }

  close(): void {
    void this.#worker.terminate();
  }
}
