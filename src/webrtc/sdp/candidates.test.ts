import { describe, expect, it } from "vitest";
import { normalizeCandidate, parseCandidate } from "./candidates.ts";

describe("parseCandidate", () => {
  it("reads the fields of RFC 8839", () => {
    expect(
      parseCandidate(
        "candidate:842163049 1 UDP 1677729535 192.0.2.3 46154 typ srflx raddr 10.0.0.1 rport 9 generation 0",
      ),
    ).toEqual({
      foundation: "842163049",
      component: 1,
      protocol: "udp",
      priority: 1_677_729_535,
      address: "192.0.2.3",
      port: 46_154,
      type: "srflx",
      relatedAddress: "10.0.0.1",
      relatedPort: 9,
    });
  });

  it.each([
    ["IPv6", "candidate:1 1 udp 1 2001:db8::1 9 typ host"],
    ["a name of multicast DNS", "candidate:1 1 udp 1 4a1b-c2.local 9 typ host"],
    ["TCP", "candidate:1 1 tcp 1 192.0.2.1 9 typ host tcptype active"],
  ])("takes %s", (_, text) => {
    expect(normalizeCandidate(`a=${text}`)).toBe(text);
  });

  it.each([
    ["another attribute", "foo"],
    ["too few fields", "candidate:1 1 udp 1 192.0.2.1"],
    ["an unknown type", "candidate:1 1 udp 1 192.0.2.1 9 typ wormhole"],
    ["a port beyond 65535", "candidate:1 1 udp 1 192.0.2.1 70000 typ host"],
    ["component 0", "candidate:1 0 udp 1 192.0.2.1 9 typ host"],
    ["a line end", "candidate:1 1 udp 1 192.0.2.1\r\na=x 9 typ host"],
    ["a very long one", `candidate:1 1 udp 1 192.0.2.1 9 typ host ${"x".repeat(2000)}`],
  ])("refuses %s", (_, text) => {
    expect(normalizeCandidate(text)).toBeNull();
  });
});
