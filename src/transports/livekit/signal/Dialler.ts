import { AudioFilter } from "../../../media/index.ts";
import type { AttemptContext } from "../AttemptContext.ts";
import { ConnectError } from "../errors.ts";
import { type Dialled, dial, isPermanent } from "./dial.ts";
import type { JoinIntent } from "./joinRequest.ts";

/** The waits between the tries of one resume, in ms; the last one repeats. */
const RESUME_WAITS_MS = [0, 300, 1_200, 2_700, 4_800, 7_000];
/** The waits between the tries of one join, in ms; the last one repeats. */
const JOIN_WAITS_MS = [200, 500, 1_000, 2_000];

/** Dials the server again and again until it lets us in, or says that it never will. */
export class Dialler {
  readonly #context: AttemptContext;

  constructor(context: AttemptContext) {
    this.#context = context;
  }

  /**
   * @param retries how often after the first try.
   * @param onOpen each time a WebSocket opened.
   * @returns undefined when the signal aborted.
   * @throws ConnectError why the last try failed.
   */
  async join(retries: number, onOpen: () => void, signal: AbortSignal): Promise<Dialled | undefined> {
    const { settings } = this.#context;
    for (let tries = 0; !signal.aborted; tries++) {
      try {
        return await this.#dial({ autoSubscribe: settings.autoSubscribe }, onOpen, signal);
      } catch (error) {
        if (signal.aborted) return undefined;
        this.#tryOtherUrl();
        if (isPermanent(error) || tries >= retries) throw error;
      }
      await this.#wait(JOIN_WAITS_MS[Math.min(tries, JOIN_WAITS_MS.length - 1)]!, signal);
    }
    return undefined;
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
    const { settings, log } = this.#context;
    for (let tries = before; !signal.aborted; tries++) {
      await this.#wait(RESUME_WAITS_MS[Math.min(tries, RESUME_WAITS_MS.length - 1)]!, signal);
      if (signal.aborted) return undefined;
      try {
        return await this.#dial({ autoSubscribe: settings.autoSubscribe, resume }, () => {}, signal);
      } catch (error) {
        if (signal.aborted) return undefined;
        if (isPermanent(error)) throw error;
        this.#tryOtherUrl();
        log.debug("a resume failed", { error });
      }
    }
    return undefined;
  }

  async #dial(intent: JoinIntent, onOpen: () => void, signal: AbortSignal): Promise<Dialled | undefined> {
    const { settings, clock, token, urls } = this.#context;
    const [url] = urls;
    // Vendors' filters check their licence with the server's address and token.
    if (AudioFilter.registered().length > 0) await AudioFilter.authorizeAll({ url: url!, token });
    const { connectMs } = settings.timeouts;
    try {
      const { form } = this.#context;
      const dialled = await dial({ url: url!, token, intent, form, connectMs, clock, signal, onOpen });
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

  /** A region that the server sent us to may be gone by now. */
  #tryOtherUrl(): void {
    const { urls } = this.#context;
    urls.push(urls.shift()!);
  }

  #wait(ms: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#context;
    if (ms === 0 || signal.aborted) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = clock.setTimeout(resolve, ms);
    const onAbort = () => {
      clock.clearTimeout(timer);
      resolve();
    };
    signal.addEventListener("abort", onAbort, { once: true });
    return promise.finally(() => signal.removeEventListener("abort", onAbort));
  }
}
