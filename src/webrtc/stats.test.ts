import { expect, it } from "vitest";
import { audio, bundle, offer, track } from "../../test/fixtures/sdp.ts";
import { FakeEngine, FakeTransport } from "../../test/fixtures/webrtc.ts";
import type { InboundRtpStats, OutboundRtpStats } from "../native/index.ts";
import { Session } from "./Session.ts";

it("gives a report whose objects refer to each other", () => {
  const engine = new FakeEngine();
  const session = new Session({
    transport: new FakeTransport(),
    peer: engine.createPeer(),
    role: "answerer",
  });
  const media = [audio("0", "recvonly"), audio("1", "sendonly", ...track("peer", 7, "their-track"))];
  session.acceptOffer(offer({ session: bundle("0", "1"), media }), (line) =>
    line.canSend ? { send: {} } : {},
  );
  const [up, down] = session.transceivers;
  const receiver = down!.receiver!.handle;
  const common = { kind: "audio", payloadType: 111 } as const;
  engine.stats = {
    ...engine.stats,
    inbound: [
      {
        ...common,
        receiver,
        ssrc: 7,
        mid: "1",
        packetsReceived: 50,
        jitter: 0.002,
        lastPacketReceivedTimestamp: 1,
      } as InboundRtpStats,
    ],
    outbound: [
      {
        ...common,
        sender: 1,
        ssrc: up!.localSsrc,
        mid: "0",
        packetsSent: 49,
        roundTripTime: 0.03,
        remoteFractionLost: 0.1,
      } as OutboundRtpStats,
      { ...common, sender: 2, ssrc: 9, mid: "0", roundTripTime: -1 } as OutboundRtpStats,
    ],
    drops: { unknownSsrc: 3 },
  };

  const report = session.getStats();
  expect(report.map(({ type }) => type).toSorted()).toEqual([
    "candidate-pair",
    "certificate",
    "certificate",
    "codec",
    "data-channel",
    "inbound-rtp",
    "local-candidate",
    "outbound-rtp",
    "outbound-rtp",
    "peer-connection",
    "remote-candidate",
    "remote-inbound-rtp",
    "transport",
  ]);
  const ids = report.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const object of report) {
    for (const [name, value] of Object.entries(object)) {
      if (/Id$/.test(name)) {
        expect(ids, `${object.id}.${name}`).toContain(value);
      }
    }
  }
  const find = (type: string) => report.find((object) => object.type === type);
  // A millisecond after the start of the machine, whose clock began there.
  const { lastPacketReceivedTimestamp: last = 0 } = { ...find("inbound-rtp") } as InboundRtpStats;
  expect(last).toBeGreaterThan(Date.parse("2020-01-01"));
  expect(last).toBeLessThan(Date.now());
  expect(find("inbound-rtp")).toMatchObject({
    packetsReceived: 50,
    trackIdentifier: "their-track",
    codecId: "C111",
  });
  expect(find("codec")).toMatchObject({ mimeType: "audio/opus", clockRate: 48_000, channels: 2 });
  expect(find("remote-inbound-rtp")).toMatchObject({ roundTripTime: 0.03, fractionLost: 0.1 });
  expect(find("transport")).toMatchObject({
    drops: { beforeKeys: 1, unknownSsrc: 3 },
    dtlsState: "connected",
  });
  expect(find("data-channel")).toMatchObject({ label: "#chat", dataChannelIdentifier: 2, bytesReceived: 4 });
  expect(session.getStats().map(({ id }) => id)).toEqual(ids);
});

it("says of a candidate how it was had", () => {
  const transport = new FakeTransport();
  transport.candidates = [
    "candidate:3 1 tcp 518 192.0.2.7 9 typ srflx raddr 10.0.0.1 rport 9 tcptype active",
    "candidate:4 1 udp 41 192.0.2.8 49152 typ relay raddr 192.0.2.7 rport 50000",
  ];
  transport.server = { url: "turns:turn.example", relayProtocol: "tls" };
  const session = new Session({ transport, peer: new FakeEngine().createPeer(), role: "answerer" });
  const candidates = session.getStats().filter(({ type }) => type === "local-candidate");
  expect(candidates).toMatchObject([
    { candidateType: "srflx", relatedAddress: "10.0.0.1", relatedPort: 9, tcpType: "active" },
    { url: "turns:turn.example", relayProtocol: "tls", relatedPort: 50_000, usernameFragment: "fake0" },
  ]);
});

it("gives the round trip of the pair once it was measured", () => {
  const transport = new FakeTransport();
  const session = new Session({ transport, peer: new FakeEngine().createPeer(), role: "answerer" });
  const pair = () => session.getStats().find(({ type }) => type === "candidate-pair");
  expect(pair()).not.toHaveProperty("consentRequestsSent");
  transport.checks = { ...transport.checks, consentRequestsSent: 1 };
  expect(pair()).toMatchObject({ consentRequestsSent: 1, responsesReceived: 0 });
  expect(pair()).not.toHaveProperty("currentRoundTripTime");
  transport.checks = {
    consentRequestsSent: 3,
    responsesReceived: 2,
    totalRoundTripTime: 0.07,
    currentRoundTripTime: 0.03,
  };
  expect(pair()).toMatchObject(transport.checks);
});
