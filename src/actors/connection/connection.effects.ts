import { fromCallback, fromPromise } from "xstate";
import type { ConnectionDriver, DialReason, DriverEvent } from "./connection.driver.ts";

/** One attempt of the driver: it lives until the machine stops it, which aborts the driver's signal. */
export const attemptEffect = fromCallback<DriverEvent, { driver: ConnectionDriver; reason: DialReason }>(
  ({ input, sendBack }) => {
    const controller = new AbortController();
    try {
      input.driver.start(input.reason, sendBack, controller.signal);
    } catch (error) {
      controller.abort();
      throw error;
    }
    return () => controller.abort();
  },
);

/** The orderly leave. */
export const leaveEffect = fromPromise<
  { code: number; reason: string },
  { driver: ConnectionDriver; reason: string }
>(({ input }) => input.driver.leave(input.reason));
