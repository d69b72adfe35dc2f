import { fromCallback, fromPromise } from "xstate";
import type { AvatarDriver, AvatarLinkEvent } from "./avatar.driver.ts";

/** A session token; stopping it gives the request up. */
export const authorizeEffect = fromPromise<void, { driver: AvatarDriver }>(({ input, signal }) =>
  input.driver.authorize(signal),
);

/** One link to the service: it lives until the machine stops it, which hangs up. */
export const linkEffect = fromCallback<AvatarLinkEvent, { driver: AvatarDriver }>(({ input, sendBack }) =>
  input.driver.dial(sendBack),
);

export const interruptEffect = fromPromise<void, { driver: AvatarDriver }>(({ input }) =>
  input.driver.interrupt(),
);
