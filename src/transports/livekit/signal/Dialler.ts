import { AudioFilter } from "../../../media/index.ts";
import type { AttemptContext } from "../AttemptContext.ts";
import { ConnectError } from "../errors.ts";
import { type Dialled, dial, isPermanent } from "./dial.ts";
import type { JoinIntent } from "./joinRequest.ts";
import { pause } from "./pause.ts";

/** The waits between the tries of one resume, in ms; the last one repeats. */
const RESUME_WAITS_MS = [0, 300, 1_200, 2_700, 4_800, 7_000];

/** Dials the server, for a join once, for a resume until it takes us or says that it never will. */
export class Dialler {
  readonly #context: AttemptContext;

  constructor(context: AttemptContext) {
    this.#context = context;
  }

  /**
   * @param onOpen once the WebSocket is open.
   * @returns undefined when the signal aborted.
   * @throws ConnectError why it failed; the next one dials the next address.
   */
  async join(onOpen: () => void, signal: AbortSignal): Promise<Dialled | undefined> {
    const { settings, addresses, token } = this.#context;
    try {
      return await this.#dial({ autoSubscribe: settings.autoSubscribe }, onOpen, signal);
    } catch (error) {
      if (!isPermanent(error)) await addresses.next(token, signal);
      throw error;
    }
  }

  /**
   * Goes on until it succeeds or the signal aborts.
   *
   * @param before how many resumes failed already: the waits go on from there.
   * @returns undefined when the signal aborted.
   * @throws ConnectError when there is nothing to resume any more.
   */
  async resume(
    resume: JoinIntent["resume"],
    before: number,
    signal: AbortSignal,
  ): Promise<Dialled | undefined> {
    const { settings, clock, log } = this.#context;
    for (let tries = before; !signal.aborted; tries++) {
      await pause(clock, RESUME_WAITS_MS[Math.min(tries, RESUME_WAITS_MS.length - 1)]!, signal);
      if (signal.aborted) return undefined;
      try {
        return await this.#dial({ autoSubscribe: settings.autoSubscribe, resume }, () => {}, signal);
      } catch (error) {
        if (signal.aborted) return undefined;
        if (isPermanent(error)) throw error;
        log.debug("a resume failed", { error });
      }
    }
    return undefined;
  }

  async #dial(intent: JoinIntent, onOpen: () => void, signal: AbortSignal): Promise<Dialled | undefined> {
    const { settings, clock, token, addresses } = this.#context;
    const url = addresses.current;
    // Vendors' filters check their licence with the server's address and token.
    if (AudioFilter.registered().length > 0) await AudioFilter.authorizeAll({ url, token });
    const { connectMs } = settings.timeouts;
    try {
      const { form } = this.#context;
      const dialled = await dial({ url, token, intent, form, connectMs, clock, signal, onOpen });
      if (!signal.aborted) return dialled;
      dialled.client.close();
      return undefined;
    } catch (error) {
      if (!this.#fallsBack(error)) throw error;
      return this.#dial(intent, onOpen, signal);
    }
  }

  /** Servers before 1.9.10 know the form with two peer connections alone. */
  #fallsBack(error: unknown): boolean {
    const isUnknown = error instanceof ConnectError && error.reason === "serviceNotFound";
    if (!isUnknown || this.#context.form === "dual") return false;
    this.#context.form = "dual";
    this.#context.log.info("the server is older than 1.9.10: two peer connections are used");
    return true;
  }
}
