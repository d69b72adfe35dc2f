import { expect, it } from "vitest";
import { backoffMs } from "./index.ts";

const options = { firstMs: 100, maximumMs: 1_000, factor: 2, jitter: 0.5 };

it("doubles the wait up to its maximum", () => {
  expect([0, 1, 2, 3, 4, 50].map((attempt) => backoffMs(attempt, options, 0))).toEqual([
    100, 200, 400, 800, 1_000, 1_000,
  ]);
});

it("draws a share of it by chance", () => {
  expect(backoffMs(1, options, 0.5)).toBe(150);
  expect(backoffMs(9, options, 1)).toBe(500);
});
