import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { withDeadline } from "./index.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Work that ends only when it is told to. */
function endless() {
  const seen: { signal?: AbortSignal } = {};
  const work = (signal: AbortSignal) => {
    seen.signal = signal;
    return new Promise<never>(() => {});
  };
  return { seen, work };
}

describe("withDeadline", () => {
  it("gives what the work gives, and leaves no timer", async () => {
    expect(await withDeadline("work", 100, async () => 7)).toBe(7);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("passes on what the work throws", async () => {
    const failing = withDeadline("work", 100, () => Promise.reject(new Error("broke")));
    await expect(failing).rejects.toThrow("broke");
    expect(vi.getTimerCount()).toBe(0);
  });

  it("aborts the work at its deadline", async () => {
    const { seen, work } = endless();
    const late = expect(withDeadline("work", 100, work)).rejects.toMatchObject({ code: "TIMEOUT" });
    await vi.advanceTimersByTimeAsync(99);
    expect(seen.signal?.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    await late;
    expect(seen.signal?.aborted).toBe(true);
  });

  it("aborts the work with its parent, and does not begin it with one that has aborted before", async () => {
    const { seen, work } = endless();
    const parent = new AbortController();
    const cancelled = withDeadline("work", 100, work, parent.signal);
    parent.abort();
    await expect(cancelled).rejects.toMatchObject({ code: "CANCELLED" });
    expect(seen.signal?.aborted).toBe(true);
    const late = vi.fn(work);
    await expect(withDeadline("work", 100, late, parent.signal)).rejects.toMatchObject({ code: "CANCELLED" });
    expect(late).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });
});
