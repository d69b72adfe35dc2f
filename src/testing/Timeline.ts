import { writeFile } from "node:fs/promises";

/** One thing that happened in a call. */
export interface TimelineEntry {
  /** ms since the timeline's start. */
  at: number;
  /** caller, bot, or whatever a test calls its parties. */
  who: string;
  /** said, heard, answered, interrupted, started, stopped ... */
  event: string;
  text?: string;
  [detail: string]: unknown;
}

/** Process-monotonic time in ms: that of frames and recordings. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}

/** What happened when, in the order in which it happened. */
export class Timeline {
  /** Process-monotonic ms of its beginning; a recording's start puts both on one scale. */
  startedAtMs: number;
  readonly #entries: TimelineEntry[] = [];
  readonly #onEntry: (entry: TimelineEntry) => void;

  constructor(options: { startedAtMs?: number; onEntry?: (entry: TimelineEntry) => void } = {}) {
    this.startedAtMs = options.startedAtMs ?? monotonicMs();
    this.#onEntry = options.onEntry ?? (() => {});
  }

  get entries(): readonly TimelineEntry[] {
    return this.#entries;
  }

  /** Notes that something happened now, or at `atMs` of the process's monotonic clock. */
  note(
    who: string,
    event: string,
    details: Record<string, unknown> = {},
    atMs = monotonicMs(),
  ): TimelineEntry {
    const entry = { at: Math.round((atMs - this.startedAtMs) * 10) / 10, who, event, ...details };
    this.#entries.push(entry);
    this.#onEntry(entry);
    return entry;
  }

  /** Writes the entries as a JSON array, a line each. */
  async save(path: string): Promise<void> {
    const lines = this.#entries.toSorted((a, b) => a.at - b.at).map((entry) => `  ${JSON.stringify(entry)}`);
    await writeFile(path, `[\n${lines.join(",\n")}\n]\n`);
  }
}
