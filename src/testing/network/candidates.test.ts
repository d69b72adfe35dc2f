import { expect, it } from "vitest";
import { removeCandidates, replaceCandidates } from "./candidates.ts";

const lines = (...all: string[]) => `${all.join("\r\n")}\r\n`;
const OFFER = lines(
  "v=0",
  "m=audio 9 UDP/TLS/RTP/SAVPF 111",
  "a=mid:0",
  "a=candidate:1 1 UDP 2122 10.0.0.7 5000 typ host generation 0",
  "a=candidate:2 1 tcp 2121 127.0.0.1 9 typ host tcptype active",
  "a=candidate:3 1 udp 2120 127.0.0.1 5001 typ host",
  "a=candidate:4 2 udp 2119 127.0.0.1 5002 typ host",
  "a=candidate:5 1 udp 2118 fe80::1 5003 typ host",
  "a=end-of-candidates",
  "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
  "a=mid:1",
);

it("puts the relay in place of every candidate, and tells the way behind it", () => {
  const { sdp, target } = replaceCandidates(OFFER, { address: "127.0.0.1", port: 4_242 });
  expect(target).toEqual({ address: "127.0.0.1", port: 5_001 });
  expect(sdp.match(/a=candidate.*/g)).toEqual(["a=candidate:1 1 udp 2130706431 127.0.0.1 4242 typ host"]);
  expect(sdp.indexOf("a=candidate")).toBeLessThan(sdp.indexOf("m=application"));
  expect(removeCandidates(sdp)).toBe(removeCandidates(OFFER));
});

it("leaves an SDP without a way as it is", () => {
  const none = removeCandidates(OFFER);
  expect(none).not.toMatch(/a=candidate/);
  expect(none.split("\r\n").length).toBe(OFFER.split("\r\n").length - 5);
  expect(replaceCandidates(none, { address: "127.0.0.1", port: 1 })).toEqual({
    sdp: none,
    target: undefined,
  });
});
