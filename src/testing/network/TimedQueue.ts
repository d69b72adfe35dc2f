interface Entry<Value> {
  dueMs: number;
  /** Breaks ties: what was added first comes first. */
  order: number;
  value: Value;
}

/** Values by the time at which they are due; a binary heap. */
export class TimedQueue<Value> {
  readonly #heap: Entry<Value>[] = [];
  #added = 0;

  get size(): number {
    return this.#heap.length;
  }

  /** When the first is due; infinity when there is none. */
  get nextDueMs(): number {
    return this.#heap[0]?.dueMs ?? Number.POSITIVE_INFINITY;
  }

  add(dueMs: number, value: Value): void {
    const heap = this.#heap;
    const entry = { dueMs, order: this.#added++, value };
    let at = heap.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(entry, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = entry;
  }

  /** Takes the first one out that is due by `nowMs`. */
  take(nowMs: number): { dueMs: number; value: Value } | undefined {
    const heap = this.#heap;
    const first = heap[0];
    if (!first || first.dueMs > nowMs) return undefined;
    const last = heap.pop()!;
    if (heap.length > 0) this.#sink(last);
    return first;
  }

  #sink(entry: Entry<Value>): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (!isBefore(heap[child]!, entry)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = entry;
  }
}

function isBefore(one: { dueMs: number; order: number }, other: { dueMs: number; order: number }): boolean {
  return one.dueMs < other.dueMs || (one.dueMs === other.dueMs && one.order < other.order);
}
