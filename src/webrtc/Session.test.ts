import { describe, expect, it } from "vitest";
import { audio, bundle, offer, track } from "../../test/fixtures/sdp.ts";
import { FakeEngine, FakeTransport, ManualClock } from "../../test/fixtures/webrtc.ts";
import type { EngineProducer } from "../native/index.ts";
import { Session } from "./Session.ts";
import { OPUS, OPUS_RTX, PCMU, RED } from "./sdp/codecs.ts";
import { parseDescription } from "./sdp/parse.ts";
import type { SessionEvents, Transceiver } from "./types.ts";

function create(role: "offerer" | "answerer") {
  const transport = new FakeTransport();
  transport.controlling = role === "offerer";
  const engine = new FakeEngine();
  const clock = new ManualClock();
  const session = new Session({ transport, peer: engine.createPeer(), role, clock });
  const log: string[] = [];
  const note = (name: keyof SessionEvents, text: (...args: never[]) => string) =>
    session.events.on(name, ((...args: never[]) => log.push(`${name} ${text(...args)}`)) as never);
  note("track", (transceiver: Transceiver, streamId: string) => `${transceiver.mid} ${streamId}`);
  note("trackRemoved", (transceiver: Transceiver) => transceiver.mid);
  note("candidate", (candidate: string, mid: string) => `${mid} ${candidate}`);
  note("state", (state: string) => state);
  note("liveness", (state: string) => state);
  return { transport, engine, clock, session, log };
}

function pair() {
  return { stage: create("offerer"), client: create("answerer") };
}

/** One offer and its answer; the client sends on what it may. */
function exchange({ stage, client }: ReturnType<typeof pair>, streamId = "client") {
  const offered = stage.session.createOffer();
  const answered = client.session.acceptOffer(offered, (line) =>
    line.canSend ? { send: { streamId } } : {},
  );
  stage.session.acceptAnswer(answered);
  return { offered, answered };
}

const mlines = (sdp: string) =>
  parseDescription(sdp).lines.map(({ kind, mid, direction, rejected }) =>
    [kind, mid, rejected ? "rejected" : direction].join(" "),
  );

describe("two sessions", () => {
  it("agree on audio both ways, SSRCs, codecs and header extensions", () => {
    const both = pair();
    const { stage, client } = both;
    const up = stage.session.addTransceiver({ kind: "audio", direction: "recvonly" });
    const down = stage.session.addTransceiver({ kind: "audio", direction: "sendonly", streamId: "peer" });
    const { offered, answered } = exchange(both);

    expect(mlines(offered)).toEqual(["audio 0 recvonly", "audio 1 sendonly"]);
    expect(mlines(answered)).toEqual(["audio 0 sendonly", "audio 1 recvonly"]);
    expect(stage.log).toEqual(["track 0 client"]);
    expect(client.log).toEqual(["track 1 peer"]);
    const [clientUp, clientDown] = client.session.transceivers;
    expect(up.remoteSsrcs).toEqual([clientUp?.localSsrc]);
    expect(clientDown?.remoteSsrcs).toEqual([down.localSsrc]);
    expect([up.currentDirection, down.currentDirection]).toEqual(["recvonly", "sendonly"]);
    expect([...client.engine.senders.values()]).toEqual([
      {
        kind: "audio",
        mid: "0",
        ssrc: clientUp?.localSsrc,
        cname: clientUp?.cname,
        codec: { payloadType: 111, name: "opus", clockRate: 48_000, channels: 2 },
        opus: { fec: true, dtx: false },
        nack: true,
      },
    ]);
    expect([...stage.engine.receivers.values()]).toEqual([
      {
        kind: "audio",
        mid: "0",
        ssrcs: up.remoteSsrcs,
        codecs: [{ payloadType: 111, name: "opus", clockRate: 48_000, channels: 2 }],
        nack: true,
      },
    ]);
    expect(client.engine.extensions).toEqual([{ audioLevel: 1, absoluteSendTime: 2, mid: 4 }]);
    expect(stage.engine.extensions).toEqual(client.engine.extensions);
    expect(stage.transport.remote[0]?.setup).toBe("active");
    expect(client.transport.remote[0]?.setup).toBe("passive");
  });

  it("agree on redundant audio as the offerer prefers it", () => {
    const both = pair();
    const { stage, client } = both;
    stage.session.addTransceiver({
      kind: "audio",
      direction: "sendrecv",
      streamId: "peer",
      codecs: [RED, OPUS, OPUS_RTX, PCMU],
    });
    const { offered } = exchange(both);
    expect(offered).toContain("m=audio 9 UDP/TLS/RTP/SAVPF 63 111 112 0\r\n");
    expect(offered).toContain("a=fmtp:63 111/111\r\n");
    expect(offered).toContain("a=rtpmap:0 PCMU/8000\r\n");
    for (const { engine } of [stage, client]) {
      const [sender] = engine.senders.values();
      expect(sender).toMatchObject({ nack: true, redundancy: { payloadType: 63, distance: 1 } });
      // The retransmission format is of plain Opus, which is not what goes out.
      expect(sender).not.toHaveProperty("retransmission");
      const [receiver] = engine.receivers.values();
      expect(receiver?.codecs.map(({ name }) => name)).toEqual(["red", "opus", "rtx", "pcmu"]);
    }
  });

  it("keep the order of the m-lines and count versions up", () => {
    const both = pair();
    both.stage.session.addTransceiver({ kind: "audio", direction: "recvonly" });
    both.stage.session.addApplication();
    both.stage.session.addApplication();
    const first = exchange(both).offered;
    both.stage.session.addTransceiver({
      kind: "video",
      direction: "sendonly",
      streamId: "v",
      noSender: true,
    });
    const second = exchange(both).offered;
    expect(mlines(second)).toEqual(["audio 0 recvonly", "application 1 sendrecv", "video 2 sendonly"]);
    const version = (sdp: string) => /^o=- \d+ (\d+) /m.exec(sdp)?.[1];
    expect([version(first), version(second)]).toEqual(["1", "2"]);
    expect(both.stage.transport.remote.at(-1)).toMatchObject({ sctpPort: 5000, maxMessageSize: 262_144 });
  });

  it("free a removed m-line once that is answered, and use it again", () => {
    const both = pair();
    const { stage, client } = both;
    stage.session.addTransceiver({ kind: "audio", direction: "recvonly" });
    const gone = stage.session.addTransceiver({ kind: "audio", direction: "sendonly", streamId: "a" });
    exchange(both);
    stage.session.removeTransceiver(gone);
    expect(gone.closed).toBe(true);
    const early = stage.session.addTransceiver({ kind: "audio", direction: "sendonly", streamId: "b" });
    expect(early.mid).toBe("2");
    expect(mlines(exchange(both).offered)).toEqual([
      "audio 0 recvonly",
      "audio 1 inactive",
      "audio 2 sendonly",
    ]);
    expect(client.log).toEqual(["track 1 a", "trackRemoved 1", "track 2 b"]);

    const later = stage.session.addTransceiver({ kind: "audio", direction: "sendonly", streamId: "c" });
    expect(later.mid).toBe("1");
    expect(later.localSsrc).not.toBe(gone.localSsrc);
    expect(mlines(exchange(both).offered)).toEqual([
      "audio 0 recvonly",
      "audio 1 sendonly",
      "audio 2 sendonly",
    ]);
    expect(client.log.slice(3)).toEqual(["track 1 c"]);
    expect(client.engine.receivers.size).toBe(2);
  });

  it("do not apply an answer to a transceiver that was removed while it was under way", () => {
    const { stage, client } = pair();
    const up = stage.session.addTransceiver({ kind: "audio", direction: "recvonly" });
    const answer = client.session.acceptOffer(stage.session.createOffer(), () => ({
      send: { streamId: "c" },
    }));
    stage.session.removeTransceiver(up);
    stage.session.acceptAnswer(answer);
    expect(stage.engine.receivers.size).toBe(0);
    expect(stage.log).toEqual([]);
    expect(mlines(stage.session.createOffer())).toEqual(["audio 0 inactive"]);
  });

  it("say when a track ends, and take a new SSRC when it starts again", () => {
    const both = pair();
    const { stage, client } = both;
    const up = stage.session.addTransceiver({ kind: "audio", direction: "recvonly" });
    exchange(both);
    const [sending] = client.session.transceivers;
    const first = sending?.localSsrc;
    up.direction = "inactive";
    exchange(both);
    expect(stage.log).toEqual(["track 0 client", "trackRemoved 0"]);
    expect([client.engine.senders.size, stage.engine.receivers.size]).toEqual([0, 0]);
    up.direction = "recvonly";
    exchange(both);
    expect(sending?.localSsrc).not.toBe(first);
    expect(up.remoteSsrcs).toEqual([sending?.localSsrc]);
    expect(client.engine.senders.size).toBe(1);
  });

  it("keep a producer for the sender that comes later", () => {
    const both = pair();
    const down = both.stage.session.addTransceiver({ kind: "audio", direction: "sendonly", streamId: "s" });
    down.setProducer({ handle: 77, closed: false } as EngineProducer);
    exchange(both);
    expect([...both.stage.engine.producers.values()]).toEqual([77]);
  });

  it("announce an SSRC without a sender for a forwarder", () => {
    const both = pair();
    const { stage, client } = both;
    const down = stage.session.addTransceiver({
      kind: "audio",
      direction: "sendonly",
      streamId: "s",
      noSender: true,
    });
    exchange(both);
    expect(stage.engine.senders.size).toBe(0);
    expect(down.sender).toBeNull();
    expect(client.session.transceivers[0]?.remoteSsrcs).toEqual([down.localSsrc]);
  });

  it("close an m-line that the answer refuses and put another under a new mid in its place", () => {
    const { stage, client } = pair();
    stage.session.addTransceiver({ kind: "audio", direction: "recvonly" });
    const refused = stage.session.addTransceiver({ kind: "audio", direction: "sendonly", streamId: "s" });
    const answer = client.session
      .acceptOffer(stage.session.createOffer())
      .replace("BUNDLE 0 1", "BUNDLE 0")
      .replace(/m=audio 9 (.*\r\n)(?![\s\S]*m=audio)/, "m=audio 0 $1");
    stage.session.acceptAnswer(answer);
    expect(refused.closed).toBe(true);
    expect(mlines(stage.session.createOffer())).toEqual(["audio 0 recvonly", "audio 1 rejected"]);
    stage.session.addTransceiver({ kind: "video", direction: "sendonly", noSender: true });
    expect(mlines(stage.session.createOffer())).toEqual(["audio 0 recvonly", "video 2 sendonly"]);
  });

  it("restart ICE on both sides", () => {
    const both = pair();
    both.stage.session.addTransceiver({ kind: "audio", direction: "recvonly" });
    exchange(both);
    exchange(both);
    expect(both.client.transport.remote.length).toBe(1);
    const restart = both.stage.session.createOffer({ iceRestart: true });
    both.stage.session.acceptAnswer(both.client.session.acceptOffer(restart));
    expect([both.stage.transport.restarts, both.client.transport.restarts]).toEqual([1, 1]);
    expect(both.stage.transport.remote.map(({ iceUfrag }) => iceUfrag)).toEqual(["fake0", "fake1"]);
    expect(both.client.transport.remote.map(({ setup }) => setup)).toEqual(["passive", "passive"]);
  });

  it("restart ICE on new sockets when the offerer asks for it, once", () => {
    const both = pair();
    both.stage.session.addTransceiver({ kind: "audio", direction: "recvonly" });
    both.stage.session.restartIce("new-sockets");
    exchange(both);
    expect(both.stage.transport.restartForms).toEqual([]);
    both.stage.session.restartIce("new-sockets");
    expect(both.stage.transport.restartForms).toEqual([]);
    exchange(both);
    exchange(both);
    expect(both.stage.transport.restartForms).toEqual(["new-sockets"]);
    expect(both.client.transport.remote.map(({ iceUfrag }) => iceUfrag)).toEqual(["fake0", "fake1"]);
  });

  it("restart ICE when the answerer asks for it: its next answer has other credentials", () => {
    const both = pair();
    both.stage.session.addTransceiver({ kind: "audio", direction: "recvonly" });
    const ufrag = (sdp: string) => sdp.match(/a=ice-ufrag:(\S+)/)?.[1];
    expect(ufrag(exchange(both).answered)).toBe("fake0");
    both.client.session.restartIce();
    expect(ufrag(exchange(both).answered)).toBe("fake1");
    // The offer was as before, and yet the transport has to hear of it: its restart is complete with that.
    expect(both.client.transport.remote.map(({ iceUfrag }) => iceUfrag)).toEqual(["fake0", "fake0"]);
    expect(both.stage.transport.remote.map(({ iceUfrag }) => iceUfrag)).toEqual(["fake0", "fake1"]);
    exchange(both);
    expect(both.client.transport.remote.length).toBe(2);
  });
});

describe("a session in the wrong state", () => {
  it("refuses what belongs to the other role, and an answer without an offer", () => {
    const { stage, client } = pair();
    const failed = expect.objectContaining({ code: "NEGOTIATION_FAILED" });
    expect(() => stage.session.acceptOffer(offer({ media: [] }))).toThrow(failed);
    expect(() => client.session.createOffer()).toThrow(failed);
    expect(() => client.session.addTransceiver({ kind: "audio", direction: "sendonly" })).toThrow(failed);
    expect(() => stage.session.acceptAnswer(offer({ media: [] }))).toThrow(failed);
  });

  it.each<[string, (answer: string) => string]>([
    ["another number of m-lines", (answer) => answer + answer.slice(answer.indexOf("m="))],
    ["another kind", (answer) => answer.replace("m=audio", "m=video")],
    ["another mid", (answer) => answer.replace("a=mid:0", "a=mid:9").replace("BUNDLE 0", "BUNDLE 9")],
    ["setup:actpass", (answer) => answer.replaceAll("setup:active", "setup:actpass")],
    ["no ICE", (answer) => answer.replaceAll(/a=ice-.*\r\n/g, "")],
    ["garbage", () => "garbage"],
  ])("survives an answer with %s", (_, spoil) => {
    const { stage, client } = pair();
    const up = stage.session.addTransceiver({ kind: "audio", direction: "recvonly" });
    const answer = client.session.acceptOffer(stage.session.createOffer(), () => ({ send: {} }));
    const invalid = expect.objectContaining({ code: "INVALID_SDP" });
    expect(() => stage.session.acceptAnswer(spoil(answer))).toThrow(invalid);
    expect(stage.transport.remote).toEqual([]);
    expect(up.currentDirection).toBeNull();
    stage.session.acceptAnswer(answer);
    expect(up.currentDirection).toBe("recvonly");
  });

  it("refuses an answer that does not bundle", () => {
    const { stage, client } = pair();
    stage.session.addTransceiver({ kind: "audio", direction: "recvonly" });
    stage.session.addTransceiver({ kind: "audio", direction: "recvonly" });
    const answer = client.session.acceptOffer(stage.session.createOffer()).replace(/a=group.*\r\n/, "");
    expect(() => stage.session.acceptAnswer(answer)).toThrow(
      expect.objectContaining({ code: "NEGOTIATION_FAILED" }),
    );
  });

  it("survives a transport that refuses the parameters and a choose that throws", () => {
    const { client } = pair();
    const sdp = offer({ session: bundle("0"), media: [audio("0", "sendonly", ...track("s", 1))] });
    client.transport.refuses = new Error("no");
    expect(() => client.session.acceptOffer(sdp)).toThrow("no");
    client.transport.refuses = null;
    const choose = () => {
      throw new Error("choose");
    };
    expect(() => client.session.acceptOffer(sdp, choose)).toThrow("choose");
    expect(client.session.transceivers).toEqual([]);
    client.session.acceptOffer(sdp);
    expect(client.log).toEqual(["track 0 s"]);
  });

  it.each([
    ["a stream id with a line end", { streamId: "a\r\na=x" }, "transceiver.streamId"],
    ["an unknown direction", { direction: "both" }, "transceiver.direction"],
    [
      "a payload type beyond 127",
      { codecs: [{ payloadType: 128, name: "opus", clockRate: 1, channels: 1 }] },
      "transceiver.codecs.0.payloadType",
    ],
  ])("refuses %s", (_, wrong, field) => {
    const { stage } = pair();
    const options = { kind: "audio" as const, direction: "sendonly" as const, ...wrong } as never;
    expect(() => stage.session.addTransceiver(options)).toThrow(
      expect.objectContaining({ code: "INVALID_OPTION", field }),
    );
  });

  it("opens channels only with an m-line for them", () => {
    const { stage } = pair();
    expect(() => stage.session.openChannel("#a")).toThrow(expect.objectContaining({ code: "INVALID_STATE" }));
    stage.session.addApplication();
    stage.session.openChannel("#a");
    expect(stage.transport.opened).toEqual(["#a"]);
  });
});

describe("candidates", () => {
  const candidate = (port: number) => `candidate:1 1 udp 1 192.0.2.5 ${port} typ host`;
  const sdp = offer({ session: bundle("7"), media: [audio("7", "recvonly")] });

  it("wait, in bounds, for the remote description", () => {
    const { client } = pair();
    const taken = Array.from({ length: 70 }, (_, index) =>
      client.session.addRemoteCandidate(candidate(index + 1)),
    );
    expect(taken.filter(Boolean).length).toBe(64);
    expect(client.transport.remoteCandidates).toEqual([]);
    client.session.acceptOffer(sdp);
    expect(client.transport.remoteCandidates.length).toBe(64);
  });

  it("are taken with the mid of the bundle or none, once each", () => {
    const { client } = pair();
    client.session.acceptOffer(sdp);
    expect(client.session.addRemoteCandidate(`a=${candidate(1)}`, "7")).toBe(true);
    expect(client.session.addRemoteCandidate(candidate(1))).toBe(true);
    expect(client.session.addRemoteCandidate(candidate(2), "8")).toBe(false);
    expect(client.session.addRemoteCandidate("rubbish")).toBe(false);
    expect(client.session.addRemoteCandidate("")).toBe(true);
    expect(client.transport.remoteCandidates).toEqual([candidate(1)]);
  });

  it("of ours stay quiet before the first description, which has them", () => {
    const { stage } = pair();
    stage.transport.events.emit("candidate", candidate(3));
    stage.transport.events.emit("gathered");
    expect(stage.log).toEqual([]);
    expect(stage.session.gathered).toBe(true);
  });

  it("of ours are told with their mid, unless they were in the SDP", () => {
    const { client } = pair();
    const answer = client.session.acceptOffer(sdp);
    expect(answer).toContain(`a=${client.transport.candidates[0]}\r\n`);
    client.transport.events.emit("candidate", client.transport.candidates[0]!);
    client.transport.events.emit("candidate", candidate(3));
    client.transport.events.emit("gathered");
    expect(client.log).toEqual([`candidate 7 ${candidate(3)}`, "candidate 7 "]);
    expect(client.session.acceptOffer(sdp)).toContain("a=end-of-candidates");
  });
});

describe("liveness", () => {
  it("stalls after two seconds without a packet and flows again", () => {
    const { client } = pair();
    const { transport, clock, log } = client;
    clock.advance(5000);
    expect(clock.timers).toBe(0);
    transport.events.emit("state", "connected", "");
    transport.sinceLastPacketMs = 1999;
    clock.advance(500);
    transport.sinceLastPacketMs = 2000;
    clock.advance(500);
    expect(client.session.liveness).toBe("stalled");
    transport.sinceLastPacketMs = 3;
    clock.advance(500);
    expect(log).toEqual(["state connected", "liveness stalled", "liveness flowing"]);
    transport.events.emit("state", "failed", "");
    expect(clock.timers).toBe(0);
  });

  it("asks for a packet before a quiet line counts as stalled", () => {
    const { client } = pair();
    const { transport, clock } = client;
    transport.events.emit("state", "connected", "");
    transport.sinceLastPacketMs = 400;
    clock.advance(500);
    expect(transport.probes).toBe(0);
    transport.sinceLastPacketMs = 900;
    clock.advance(500);
    expect(transport.probes).toBe(1);
    expect(client.session.liveness).toBe("flowing");
  });

  it("counts from the start where no packet ever came", () => {
    const { client } = pair();
    client.transport.sinceLastPacketMs = -1;
    client.transport.events.emit("state", "connected", "");
    client.clock.advance(1500);
    expect(client.session.liveness).toBe("flowing");
    client.clock.advance(500);
    expect(client.session.liveness).toBe("stalled");
  });
});

describe("close", () => {
  it("frees everything once and fires nothing afterwards", () => {
    const both = pair();
    const { stage, client } = both;
    stage.session.addTransceiver({ kind: "audio", direction: "sendrecv", streamId: "s" });
    exchange(both);
    client.transport.events.emit("state", "connected", "");
    const before = client.log.length;
    client.session.close();
    client.session.close();
    client.transport.events.emit("state", "failed", "");
    client.transport.events.emit("gathered");
    client.clock.advance(10_000);
    expect(client.log.length).toBe(before);
    expect(client.transport.closes).toBe(1);
    expect(client.clock.timers).toBe(0);
    expect([client.engine.senders.size, client.engine.receivers.size, client.engine.peersOpen]).toEqual([
      0, 0, 0,
    ]);
    expect(client.session.getStats()).toEqual([]);
    expect(client.session.addRemoteCandidate("candidate:1 1 udp 1 192.0.2.5 1 typ host")).toBe(false);
    expect(() => client.session.acceptOffer("")).toThrow(expect.objectContaining({ code: "CLOSED" }));
  });
});

describe("an SSRC that no signalling told of", () => {
  const shape = [audio("0", "sendonly", "a=msid:a t"), audio("1", "sendonly", "a=msid:b t")];
  const sdp = offer({ session: bundle("0", "1"), media: shape });

  it("goes to the m-line that its mid names", () => {
    const { client } = pair();
    client.session.acceptOffer(sdp);
    client.session.peer.events.emit("unknownSsrc", 42, 111, "1");
    expect(client.session.transceivers.map(({ remoteSsrcs }) => remoteSsrcs)).toEqual([[], [42]]);
  });

  it("goes by its payload type to the only m-line that can have it", () => {
    const { client } = pair();
    client.session.acceptOffer(sdp);
    client.session.peer.events.emit("unknownSsrc", 42, 111, undefined);
    client.session.peer.events.emit("unknownSsrc", 42, 111, "0");
    client.session.peer.events.emit("unknownSsrc", 43, 111, undefined);
    expect(client.session.transceivers.map(({ remoteSsrcs }) => remoteSsrcs)).toEqual([[42], [43]]);
  });

  it("is tried again after the exchange that explains it", () => {
    const { stage, client } = pair();
    const up = stage.session.addTransceiver({ kind: "audio", direction: "recvonly" });
    const answer = client.session
      .acceptOffer(stage.session.createOffer(), () => ({ send: { streamId: "c" } }))
      .replaceAll(/a=ssrc:.*\r\n/g, "");
    stage.session.peer.events.emit("unknownSsrc", 42, 111, undefined);
    stage.session.acceptAnswer(answer);
    expect(up.remoteSsrcs).toEqual([42]);
  });
});
