/** What one check may take when nothing else is said, in ms. */
const CHECK_MS = 60_000;

/** Counts checks and says how each went, a line for each. */
export class Checks {
  passed = 0;
  failed = 0;
  readonly #checkMs: number;

  constructor({ checkMs = CHECK_MS }: { checkMs?: number } = {}) {
    this.#checkMs = checkMs;
  }

  /** One check: `work` gives a detail to print, or throws. Never rejects. */
  async check(name: string, work: () => Promise<string | undefined> | string | undefined): Promise<void> {
    try {
      const detail = await bounded(work, this.#checkMs);
      this.passed += 1;
      process.stdout.write(`ok   ${name}${detail ? ` (${detail})` : ""}\n`);
    } catch (error) {
      this.failed += 1;
      const text = error instanceof Error ? error.message : String(error);
      process.stdout.write(`FAIL ${name}: ${text.split("\n").slice(0, 8).join(" | ")}\n`);
    }
  }

  /** Checks that share parties, each bounded by itself; what fails outside a check counts as one that failed. */
  async group(name: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      await this.check(name, () => {
        throw error;
      });
    }
  }
}

async function bounded<T>(work: () => Promise<T> | T, ms: number): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`took longer than ${ms} ms`)), ms);
  try {
    return await Promise.race([work(), promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** @throws when it does not hold */
export function expect(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}
