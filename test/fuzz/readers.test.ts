import { expect, it } from "vitest";
import { fuzzReaders } from "./readers.ts";

it("takes or refuses mutated files and messages, and only with a TroupeError", () => {
  for (const [name, { accepted, refused }] of Object.entries(
    fuzzReaders(20261128, (inputs) => inputs >= 150),
  )) {
    expect(accepted, name).toBeGreaterThan(0);
    expect(refused, name).toBeGreaterThan(0);
  }
});
