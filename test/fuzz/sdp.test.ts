import { expect, it } from "vitest";
import { fuzzSdp } from "./sdp.ts";

it("takes or refuses mutated SDP, and only with a TroupeError", () => {
  const result = fuzzSdp(20261121, (inputs) => inputs >= 150);
  expect(result.accepted).toBeGreaterThan(20);
  expect(result.refused).toBeGreaterThan(20);
});
