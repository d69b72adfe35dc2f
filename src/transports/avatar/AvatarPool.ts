import { z } from "zod";
import {
  backoffMs,
  type Clock,
  DEFAULT_BACKOFF,
  parseOptions,
  systemClock,
  TroupeError,
  TypedEvents,
} from "../../core/index.ts";
import type { AvatarSession } from "./AvatarSession.ts";

/** What an {@link AvatarPool} reports. */
export type AvatarPoolEvents = {
  /** A session could not be made or started; another is tried after a while. */
  failed: [error: Error];
};

const whole = (least: number, most: number, what: string) => z.int(what).min(least, what).max(most, what);

const optionsSchema = z.object({
  create: z.custom<() => AvatarSession>((value) => typeof value === "function", { error: "a function" }),
  size: whole(1, 100, "1 to 100").default(2),
  ttlMs: whole(1, 86_400_000, "1 to 86400000 (ms)").default(600_000),
  borrowTimeoutMs: whole(1, 3_600_000, "1 to 3600000 (ms)").default(30_000),
  maximumWaiting: whole(0, 10_000, "0 to 10000").default(64),
});

/** How a pool is made. */
export interface AvatarPoolOptions {
  /** Makes a session; the pool starts and closes it. */
  create: () => AvatarSession;
  /** Sessions that are kept, lent ones among them; 2 when left out. */
  size?: number;
  /** How old a session may be when it is lent, in ms; 600000 (10 minutes) when left out. */
  ttlMs?: number;
  /** How long a borrower waits at most, in ms; 30000 when left out. */
  borrowTimeoutMs?: number;
  /** Borrowers that may wait; 64 when left out. */
  maximumWaiting?: number;
}

/** A session on loan. */
export interface AvatarLease {
  readonly session: AvatarSession;
  /**
   * Gives it back: its listeners are removed, what it says is interrupted, and it is lent again if it is well and young
   * enough. The second time nothing happens.
   */
  release(): void;
}

interface Entry {
  session: AvatarSession;
  /** While it starts; then since when it is ready. */
  readySinceUs: number | undefined;
  isLent: boolean;
  timer: unknown;
}

/**
 * Sessions that are connected before somebody needs one, since starting a face takes seconds. All are started at once;
 * what ends or grows old is replaced.
 *
 * @example
 * await using pool = new AvatarPool({ create: () => new AvatarSession(options), size: 3 });
 * const { session, release } = await pool.borrow();
 */
export class AvatarPool extends TypedEvents<AvatarPoolEvents> {
  readonly #options: z.output<typeof optionsSchema>;
  readonly #clock: Clock;
  readonly #entries = new Set<Entry>();
  /** Who waits, in the order that they came. */
  readonly #borrowers = new Set<PromiseWithResolvers<AvatarLease>>();
  #failures = 0;
  #lastError: Error | undefined;
  #retry: unknown;
  #closing: Promise<void> | undefined;

  /** @throws TroupeError INVALID_OPTION */
  constructor(options: AvatarPoolOptions, { clock = systemClock }: { clock?: Clock } = {}) {
    super();
    this.#options = parseOptions(optionsSchema, options, "AvatarPool");
    this.#clock = clock;
    this.#fill();
  }

  /** Sessions that could be lent at once. */
  get available(): number {
    return [...this.#entries].filter(isAvailable).length;
  }

  /** Sessions on loan. */
  get lent(): number {
    return [...this.#entries].filter(({ isLent }) => isLent).length;
  }

  /**
   * Lends a session, at once when one is ready, else when one is.
   *
   * @throws TroupeError TIMEOUT with the last failure as its cause, CANCELLED when `signal` aborts, QUEUE_FULL, CLOSED.
   */
  async borrow({ signal }: { signal?: AbortSignal } = {}): Promise<AvatarLease> {
    if (this.#closing) throw new TroupeError("CLOSED", "The pool of avatars is closed");
    if (signal?.aborted) throw cancelled(signal);
    const entry = [...this.#entries].find(isAvailable);
    if (entry) return this.#lend(entry);
    const { maximumWaiting, borrowTimeoutMs } = this.#options;
    if (this.#borrowers.size >= maximumWaiting)
      throw new TroupeError("QUEUE_FULL", `${maximumWaiting} wait for an avatar already`);
    const borrower = Promise.withResolvers<AvatarLease>();
    const give = (error: TroupeError) => {
      // At once: what comes back in the same turn must not be lent to who has given up.
      this.#borrowers.delete(borrower);
      borrower.reject(error);
    };
    const timer = this.#clock.setTimeout(() => {
      const message = `No avatar was free within ${borrowTimeoutMs} ms`;
      give(new TroupeError("TIMEOUT", message, { cause: this.#lastError }));
    }, borrowTimeoutMs);
    const abort = () => give(cancelled(signal));
    signal?.addEventListener("abort", abort, { once: true });
    this.#borrowers.add(borrower);
    try {
      return await borrower.promise;
    } finally {
      this.#clock.clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }

  /** Closes every session, those on loan too. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#clock.clearTimeout(this.#retry);
    const error = new TroupeError("CLOSED", "The pool of avatars was closed");
    for (const borrower of this.#borrowers) borrower.reject(error);
    this.#borrowers.clear();
    const entries = [...this.#entries];
    this.#entries.clear();
    await Promise.all(entries.map((entry) => this.#discard(entry)));
    this.removeAllListeners();
  }

  #fill(): void {
    while (!this.#closing && this.#entries.size < this.#options.size) {
      try {
        this.#add(this.#options.create());
      } catch (error) {
        this.#tryLater(error as Error);
        return;
      }
    }
  }

  #add(session: AvatarSession): void {
    const entry: Entry = { session, readySinceUs: undefined, isLent: false, timer: undefined };
    this.#entries.add(entry);
    this.#watch(session);
    session.start().then(
      () => this.#ready(entry),
      (error) => this.#failed(entry, error),
    );
    void session.closed().then(() => {
      if (entry.readySinceUs !== undefined) this.#replace(entry);
    });
  }

  /** One that was lost can be lent again once it is back. */
  #watch(session: AvatarSession): void {
    session.on("connected", () => this.#serve());
  }

  #ready(entry: Entry): void {
    if (!this.#entries.has(entry)) return;
    this.#failures = 0;
    entry.readySinceUs = this.#clock.nowUs();
    entry.timer = this.#clock.setTimeout(() => this.#old(entry), this.#options.ttlMs);
    this.#serve();
  }

  #failed(entry: Entry, error: Error): void {
    if (this.#entries.delete(entry)) this.#tryLater(error);
  }

  #tryLater(error: Error): void {
    this.#lastError = error;
    this.emit("failed", error);
    if (this.#retry !== undefined) return;
    const waitMs = backoffMs(this.#failures, DEFAULT_BACKOFF);
    this.#failures += 1;
    this.#retry = this.#clock.setTimeout(() => {
      this.#retry = undefined;
      this.#fill();
    }, waitMs);
  }

  /** A lent one is replaced when it comes back. */
  #old(entry: Entry): void {
    if (!entry.isLent) this.#replace(entry);
  }

  #replace(entry: Entry): void {
    if (!this.#entries.delete(entry)) return;
    void this.#discard(entry);
    this.#fill();
  }

  async #discard(entry: Entry): Promise<void> {
    this.#clock.clearTimeout(entry.timer);
    await entry.session.close();
  }

  #lend(entry: Entry): AvatarLease {
    entry.isLent = true;
    let isOver = false;
    const release = () => {
      if (isOver) return;
      isOver = true;
      this.#takeBack(entry);
    };
    return { session: entry.session, release };
  }

  #takeBack(entry: Entry): void {
    if (!this.#entries.has(entry)) return;
    // What the borrower listened to is not for him any more, and the next one's is not his.
    entry.session.removeAllListeners();
    this.#watch(entry.session);
    entry.isLent = false;
    const ageMs = (this.#clock.nowUs() - (entry.readySinceUs ?? 0)) / 1000;
    if (ageMs >= this.#options.ttlMs || !entry.session.ready) {
      this.#replace(entry);
      return;
    }
    // What its borrower left unsaid is not for the next to go on with.
    if (entry.session.lastRequestId !== undefined) entry.session.interrupt();
    this.#serve();
  }

  #serve(): void {
    for (const entry of this.#entries) {
      if (!isAvailable(entry)) continue;
      const [borrower] = this.#borrowers;
      if (!borrower) return;
      this.#borrowers.delete(borrower);
      borrower.resolve(this.#lend(entry));
    }
  }
}

function isAvailable({ readySinceUs, isLent, session }: Entry): boolean {
  return readySinceUs !== undefined && !isLent && session.ready;
}

function cancelled(signal: AbortSignal | undefined): TroupeError {
  return new TroupeError("CANCELLED", "The wait for an avatar was cancelled", { cause: signal?.reason });
}
