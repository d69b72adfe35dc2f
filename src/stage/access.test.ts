import { describe, expect, it } from "vitest";
import {
  allowedHostNames,
  checkHost,
  checkListenAddress,
  checkOrigin,
  PageAccess,
  readCookie,
} from "./access.ts";

describe("where a stage may listen", () => {
  it("wants a secret on an address that others reach", () => {
    expect(() => checkListenAddress("0.0.0.0", false)).toThrow(
      expect.objectContaining({ code: "ACCESS_DENIED" }),
    );
    expect(() => checkListenAddress("0.0.0.0", true)).not.toThrow();
    expect(() => checkListenAddress("127.0.0.1", false)).not.toThrow();
  });
});

describe("the Host header", () => {
  const names = allowedHostNames("127.0.0.1", ["stage.example"]);

  it.each(["127.0.0.1", "127.0.0.1:5000", "localhost:5000", "[::1]:5000", "Stage.Example:443"])(
    "may be %s",
    (host) => {
      expect(checkHost(host, names)).toBeNull();
    },
  );

  it.each([
    undefined,
    "",
    "evil.example",
    "evil.example:5000",
    "127.0.0.1.evil.example",
    "a b",
    "localhost:x",
    "@localhost",
  ])("may not be %s", (host) => {
    expect(checkHost(host, names)).toMatch(/Host/);
  });

  it("may be any of the machine's own addresses when the stage listens on all of them", () => {
    const every = allowedHostNames("0.0.0.0", []);
    expect(checkHost("127.0.0.1:80", every)).toBeNull();
    expect(checkHost("evil.example", every)).not.toBeNull();
  });
});

describe("the Origin header", () => {
  it("is absent for programs", () => {
    expect(checkOrigin(undefined, "localhost:5000", false, [])).toBe("none");
  });

  it("is the stage's own when scheme, name and port are", () => {
    expect(checkOrigin("http://localhost:5000", "localhost:5000", false, [])).toBe("own");
    expect(checkOrigin("https://localhost:5000", "localhost:5000", false, [])).toBe("refused");
    expect(checkOrigin("http://localhost:5001", "localhost:5000", false, [])).toBe("refused");
    expect(checkOrigin("null", "localhost:5000", false, [])).toBe("refused");
  });

  it("is foreign when it was allowed by name", () => {
    expect(checkOrigin("https://app.example", "localhost:5000", false, ["https://app.example"])).toBe(
      "foreign",
    );
    expect(checkOrigin("https://app.example.evil", "localhost:5000", false, ["https://app.example"])).toBe(
      "refused",
    );
  });
});

describe("the page's token", () => {
  it("opens the page once and leaves a session", () => {
    const access = new PageAccess();
    const token = access.issueToken();
    const session = access.redeem(token);
    expect(session).not.toBeNull();
    expect(access.redeem(token)).toBeNull();
    expect(access.hasSession(session)).toBe(true);
    expect(access.hasSession(token)).toBe(false);
    expect(access.hasSession(null)).toBe(false);
  });

  it("buys a session of twelve hours", () => {
    const access = new PageAccess();
    const session = access.redeem(access.issueToken(), 0);
    expect(access.hasSession(session, 12 * 3600_000 - 1)).toBe(true);
    expect(access.hasSession(session, 12 * 3600_000)).toBe(false);
  });

  it("goes when many newer ones were issued, as do old sessions", () => {
    const access = new PageAccess();
    const first = access.issueToken();
    for (let count = 0; count < 16; count++) access.issueToken();
    expect(access.redeem(first)).toBeNull();
    const session = access.redeem(access.issueToken());
    for (let count = 0; count < 64; count++) access.redeem(access.issueToken());
    expect(access.hasSession(session)).toBe(false);
  });
});

it("reads one cookie among others", () => {
  expect(readCookie("a=1; troupe-stage-80=XYZ; b=2", "troupe-stage-80")).toBe("XYZ");
  expect(readCookie("a=1", "b")).toBeNull();
  expect(readCookie(undefined, "b")).toBeNull();
});
