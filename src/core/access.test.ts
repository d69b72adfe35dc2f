import { describe, expect, it } from "vitest";
import { isLoopback, secretsMatch } from "./index.ts";

describe("an address", () => {
  it.each(["127.0.0.1", "127.8.9.1", "::1", "[::1]", "localhost", "LOCALHOST"])(
    "knows %s as this machine",
    (host) => {
      expect(isLoopback(host)).toBe(true);
    },
  );

  it.each(["0.0.0.0", "::", "192.168.1.2", "127.0.0.1.example.com", "localhost.example.com", ""])(
    "takes %s for an address that others reach",
    (host) => {
      expect(isLoopback(host)).toBe(false);
    },
  );
});

describe("secrets", () => {
  it("match only when they are equal texts", () => {
    expect(secretsMatch("correct horse", "correct horse")).toBe(true);
    for (const wrong of ["correct horsE", "correct", "", undefined, null, 7, ["correct horse"], {}]) {
      expect(secretsMatch(wrong, "correct horse")).toBe(false);
    }
  });
});
