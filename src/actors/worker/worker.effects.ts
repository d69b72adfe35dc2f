import { fromCallback, fromPromise } from "xstate";
import type { JobDriver, LinkEvent, WorkerDriver } from "./worker.driver.ts";

/** One link to the server: it lives until the machine stops it, which hangs up. */
export const linkEffect = fromCallback<LinkEvent, { driver: WorkerDriver }>(({ input, sendBack }) =>
  input.driver.dial(sendBack),
);

export const decideEffect = fromPromise<boolean, { driver: JobDriver }>(({ input }) => input.driver.decide());

export const runEffect = fromPromise<void, { driver: JobDriver }>(({ input }) => input.driver.run());
