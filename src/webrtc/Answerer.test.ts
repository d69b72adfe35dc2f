import { describe, expect, it } from "vitest";
import {
  application,
  audio,
  bundle,
  lines,
  offer,
  SORA_OFFERS,
  track,
  video,
} from "../../test/fixtures/sdp.ts";
import { FakeEngine, FakeTransport } from "../../test/fixtures/webrtc.ts";
import { Session } from "./Session.ts";
import { parseDescription } from "./sdp/parse.ts";
import type { AnswerChoice, OfferedLine } from "./types.ts";

function create() {
  const transport = new FakeTransport();
  const engine = new FakeEngine();
  const session = new Session({ transport, peer: engine.createPeer(), role: "answerer" });
  const log: string[] = [];
  session.events.on("track", (transceiver, streamId) => log.push(`+${transceiver.mid} ${streamId}`));
  session.events.on("trackRemoved", (transceiver) => log.push(`-${transceiver.mid}`));
  return { transport, engine, session, log };
}

/** Sends audio on the first m-line that lets us, as a Sora client does. */
function firstAudio(): (line: OfferedLine) => AnswerChoice {
  let mid: string | null = null;
  return (line) => {
    if (line.kind === "audio" && line.canSend) mid ??= line.mid;
    return line.mid === mid ? { send: { streamId: "me", opus: { bitRate: 32_000 } } } : {};
  };
}

const summary = (sdp: string) =>
  parseDescription(sdp).lines.map(({ kind, mid, direction, rejected, codecs }) =>
    [kind, mid, rejected ? "rejected" : direction, ...codecs.map(({ name }) => name)].join(" "),
  );

describe("an answer", () => {
  it.each<[keyof typeof SORA_OFFERS, string[], string[]]>([
    [
      "upstream recvonly, one downstream",
      ["audio 0 sendonly opus red pcmu", "audio 1 recvonly opus red pcmu"],
      ["+1 A0B1C2D3E4F5G6H7J8K9M0N1P2"],
    ],
    ["upstream sendrecv without msid", ["audio 0 sendrecv opus red pcmu"], []],
    [
      "downstream before upstream, with video and data",
      [
        "video video_x recvonly vp8 rtx h264 rtx av1",
        "audio down recvonly opus red pcmu",
        "application data sendrecv",
        "audio up sendonly opus red pcmu",
      ],
      ["+video_x peer+one/2", "+down peer+one/2"],
    ],
    ["no ssrc", ["audio 0 sendonly opus red pcmu", "audio 1 recvonly opus red pcmu"], ["+1 peer"]],
    [
      "inactive placeholders",
      [
        "audio 0 inactive opus red pcmu",
        "audio 1 inactive opus red pcmu",
        "video 2 inactive vp8 rtx h264 rtx av1",
      ],
      [],
    ],
    [
      "simulcast upstream video",
      ["audio audio_1 sendonly opus red pcmu", "video video_1 inactive vp8 rtx h264 rtx av1"],
      [],
    ],
    ["session-level ICE, candidates, unknown attributes", ["audio 0 sendonly opus red pcmu"], []],
    ["no mid and no group", ["audio -0 sendonly opus red pcmu"], []],
    [
      "rejected line and one outside the bundle",
      [
        "audio 0 rejected opus red pcmu",
        "audio 1 sendonly opus red pcmu",
        "audio 2 rejected opus red pcmu telephone-event",
      ],
      [],
    ],
    [
      "a group that names a mid of no line, and in another order",
      ["audio 0 sendonly opus red pcmu", "audio 1 recvonly opus red pcmu"],
      ["+1 p"],
    ],
    [
      "two groups of BUNDLE",
      [
        "audio 0 sendonly opus red pcmu",
        "audio 1 recvonly opus red pcmu",
        // There is one transport: what is outside the first group has none.
        "application data rejected",
      ],
      ["+1 p"],
    ],
    ["an empty group", ["audio 0 sendonly opus red pcmu"], []],
    ["mids and no group", ["audio 0 sendonly opus red pcmu", "audio 1 rejected"], []],
    [
      "data first, upstream last",
      ["application data sendrecv", "audio 1 recvonly opus red pcmu", "audio 0 sendonly opus red pcmu"],
      ["+1 p"],
    ],
    ["every line sendrecv", ["audio 0 sendrecv opus red pcmu", "audio 1 recvonly opus red pcmu"], ["+1 p"]],
    [
      "bundle-only with port 0",
      ["audio 0 sendonly opus red pcmu", "audio 1 recvonly opus red pcmu"],
      ["+1 p"],
    ],
  ])("to a Sora offer: %s", (name, expected, tracks) => {
    const { session, engine, log } = create();
    const answer = session.acceptOffer(SORA_OFFERS[name]!, firstAudio());
    // A refused m-line is written without rtpmap attributes: only static payload types can be told from it.
    const known = summary(answer).map((line) => line.replace(/^(.* rejected).*/, "$1"));
    expect(known).toEqual(expected.map((line) => line.replace(/^(.* rejected).*/, "$1")));
    expect(log).toEqual(tracks);
    const sending = expected.filter((line) => /audio .* send/.test(line)).length;
    expect(engine.senders.size).toBe(sending);
    for (const sender of engine.senders.values())
      expect(sender.opus).toMatchObject({ bitRate: 32_000, fec: true });
  });

  it.each(Object.entries(SORA_OFFERS))(
    "is one that can be read again, with ICE on every m-line: %s",
    (_, sdp) => {
      const { session } = create();
      const answer = parseDescription(session.acceptOffer(sdp));
      for (const line of answer.lines.filter(({ rejected }) => !rejected)) {
        expect(line.transport).toMatchObject({ iceUfrag: "fake0", setup: "active" });
        expect(line.transport.fingerprint?.algorithm).toBe("sha-256");
      }
      const alive = answer.lines.filter(({ rejected, hasMid }) => !rejected && hasMid).map(({ mid }) => mid);
      // An answer has no group that the offer has not (RFC 9143, section 7.3).
      const isBundled = (parseDescription(sdp).bundle ?? []).length > 0;
      expect(answer.bundle ?? []).toEqual(isBundled ? alive : []);
    },
  );

  it("has neither mid nor group where the offer has none", () => {
    const { session } = create();
    const answer = session.acceptOffer(SORA_OFFERS["no mid and no group"]!);
    expect(answer).not.toMatch(/a=(mid|group)/);
  });

  it("takes header extensions under the offered numbers, and only what it can serve", () => {
    const { session, engine } = create();
    const shape = audio("0", "recvonly").map((line) =>
      line.replace("extmap:1 ", "extmap:9 ").replace("extmap:4 ", "extmap:1 "),
    );
    const answer = session.acceptOffer(offer({ session: bundle("0"), media: [shape] }));
    expect(answer).toContain("a=extmap:9 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n");
    expect(answer).toContain("a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\n");
    expect(answer).toMatch(/a=extmap:3 .*transport-wide-cc/);
    expect(answer).toContain("a=rtcp-fb:111 transport-cc\r\n");
    expect(answer).toContain("a=rtcp-fb:111 nack\r\n");
    expect(engine.extensions).toEqual([
      { audioLevel: 9, mid: 1, absoluteSendTime: 2, transportSequenceNumber: 3 },
    ]);
  });

  it("takes no transport-wide sequence numbers where no feedback about them was offered", () => {
    const { session } = create();
    const shape = audio("0", "recvonly").filter((line) => !line.includes("transport-cc"));
    expect(session.acceptOffer(offer({ session: bundle("0"), media: [shape] }))).not.toContain(
      "transport-wide",
    );
  });

  it("writes msid, ssrc and cname of what it sends", () => {
    const { session } = create();
    const sdp = offer({ session: bundle("0"), media: [audio("0", "recvonly")] });
    const answer = session.acceptOffer(sdp, () => ({ send: { streamId: "me+1/2" } }));
    const [transceiver] = session.transceivers;
    expect(answer).toMatch(/a=msid:me\+1\/2 \w+\r\n/);
    expect(answer).toContain(`a=ssrc:${transceiver?.localSsrc} cname:${transceiver?.cname}\r\n`);
  });

  it.each([
    ["actpass", "active", "passive"],
    ["passive", "active", "passive"],
    ["active", "passive", "active"],
  ])("to setup:%s is setup:%s, again and again", (offered, answered, far) => {
    const { session, transport } = create();
    const sdp = offer({ session: bundle("0"), media: [audio("0", "recvonly")], setup: offered });
    expect(session.acceptOffer(sdp)).toContain(`a=setup:${answered}\r\n`);
    const again = offer({
      session: bundle("0"),
      media: [audio("0", "recvonly")],
      setup: "actpass",
      version: 3,
    });
    expect(session.acceptOffer(again)).toContain(`a=setup:${answered}\r\n`);
    expect(transport.remote.map(({ setup }) => setup)).toEqual([far]);
  });

  it("leaves a line inactive that has no codec in common", () => {
    const { session, engine, log } = create();
    const g722 = [
      "m=audio 9 UDP/TLS/RTP/SAVPF 9",
      "a=mid:0",
      "a=sendrecv",
      "a=rtcp-mux",
      "a=rtpmap:9 G722/8000",
    ];
    const sdp = offer({ session: bundle("0"), media: [g722] });
    expect(summary(session.acceptOffer(sdp, () => ({ send: {} })))).toEqual(["audio 0 inactive g722"]);
    expect([engine.senders.size, engine.receivers.size, log.length]).toEqual([0, 0, 0]);
  });

  it("sends G.711 where nothing else is offered, in packets as long as the m-line asks", () => {
    const { session, engine } = create();
    const pcma = [
      "m=audio 9 UDP/TLS/RTP/SAVPF 8 0",
      "a=mid:0",
      "a=sendrecv",
      "a=rtcp-mux",
      "a=ptime:40",
      "a=maxptime:60",
    ];
    const sdp = offer({ session: bundle("0"), media: [pcma] });
    expect(summary(session.acceptOffer(sdp, () => ({ send: {} })))).toEqual(["audio 0 sendrecv pcma pcmu"]);
    const [sender] = engine.senders.values();
    expect(sender?.codec).toEqual({ payloadType: 8, name: "pcma", clockRate: 8_000, channels: 1 });
    expect(sender?.opus).toEqual({ frameMs: 40 });
  });

  it("says what it would like to be sent, not what the far side plays", () => {
    const { session, engine } = create();
    const stereo = audio("0", "sendrecv").map((line) =>
      line.startsWith("a=fmtp:111")
        ? "a=fmtp:111 minptime=10;useinbandfec=0;sprop-stereo=1;stereo=1;maxaveragebitrate=20000;maxplaybackrate=16000"
        : line,
    );
    const sdp = offer({ session: bundle("0"), media: [stereo] });
    const answer = session.acceptOffer(sdp, () => ({ send: { opus: { channels: 2 } } }));
    expect(answer).toContain("a=fmtp:111 minptime=10;useinbandfec=1;stereo=1;sprop-stereo=1\r\n");
    const [sender] = engine.senders.values();
    expect(sender?.opus).toEqual({
      fec: false,
      dtx: false,
      channels: 2,
      bitRate: 20_000,
      maxPlaybackRate: 16_000,
    });
  });

  it("takes redundant and repeated audio, and sends both where it is asked to", () => {
    const { session, engine } = create();
    const repaired = [
      ...audio("0", "sendrecv").map((line) => line.replace("SAVPF 111 63 0 110", "SAVPF 63 111 112")),
      "a=rtpmap:112 rtx/48000/2",
      "a=fmtp:112 apt=63",
      "a=ssrc-group:FID 1001 1002",
      ...track("peer", 1001),
      ...track("peer", 1002),
    ];
    const sdp = offer({ session: bundle("0"), media: [repaired] });
    const answer = session.acceptOffer(sdp, () => ({ send: { redundancy: 2 } }));
    expect(summary(answer)).toEqual(["audio 0 sendrecv red opus rtx"]);
    const [receiver] = engine.receivers.values();
    expect(receiver).toMatchObject({ ssrcs: [1001], retransmissionSsrcs: [[1001, 1002]] });
    expect(receiver?.codecs.map(({ associatedPayloadType }) => associatedPayloadType)).toEqual([
      111,
      undefined,
      63,
    ]);
    const [sender] = engine.senders.values();
    expect(sender?.redundancy).toEqual({ payloadType: 63, distance: 2 });
    const repair = sender?.retransmission;
    expect(repair?.payloadType).toBe(112);
    expect(answer).toContain(`a=ssrc-group:FID ${sender?.ssrc} ${repair?.ssrc}\r\n`);
    expect(answer).toContain(`a=ssrc:${repair?.ssrc} cname:${sender?.cname}\r\n`);
  });

  it("refuses a line without a format that it can name, and one of an unknown kind", () => {
    const { session } = create();
    const odd = [
      audio("0", "recvonly"),
      ["m=audio 9 UDP/TLS/RTP/SAVPF 99", "a=mid:1"],
      ["m=text 9 UDP/TLS/RTP/SAVPF 98", "a=mid:2"],
      ["m=application 9 TCP/BFCP *", "a=mid:3"],
    ];
    const answer = session.acceptOffer(offer({ session: bundle("0", "1", "2", "3"), media: odd }));
    expect(parseDescription(answer).lines.map(({ type, rejected }) => [type, rejected])).toEqual([
      ["audio", false],
      ["audio", true],
      ["text", true],
      ["application", true],
    ]);
    expect(answer).toContain("a=group:BUNDLE 0\r\n");
  });

  it("does not receive what choose does not want", () => {
    const { session, engine, log } = create();
    const sdp = offer({ session: bundle("0"), media: [video("0", "sendonly", ...track("s", 1))] });
    expect(session.acceptOffer(sdp, () => ({ receive: false }))).toContain("a=inactive");
    expect([engine.receivers.size, log.length]).toEqual([0, 0]);
  });

  it("receives video that nobody consumes, so that it is counted", () => {
    const { session, engine } = create();
    const sdp = offer({ session: bundle("0"), media: [video("0", "sendonly", ...track("s", 1))] });
    session.acceptOffer(sdp);
    expect([...engine.receivers.values()]).toMatchObject([
      { kind: "video", mid: "0", ssrcs: [1], nack: true },
    ]);
  });

  it("passes ice-lite, candidates and the message size on to the transport", () => {
    const { session, transport } = create();
    session.acceptOffer(SORA_OFFERS["session-level ICE, candidates, unknown attributes"]!);
    expect(transport.remote[0]).toMatchObject({
      iceLite: true,
      candidates: ["candidate:1 1 udp 2130706431 192.0.2.7 7000 typ host"],
      maxMessageSize: 0,
    });
    const other = create();
    other.session.acceptOffer(offer({ session: bundle("0"), media: [application("0")] }));
    expect(other.transport.remote[0]).toMatchObject({ maxMessageSize: 262_144, sctpPort: 5000 });
    expect(other.session.remoteMaximumMessageSize).toBe(262_144);
  });
});

describe("a re-offer", () => {
  const up = audio("0", "recvonly");

  it("adds, keeps, renames and removes tracks", () => {
    const { session, engine, log } = create();
    const mids = bundle("0", "1", "2");
    session.acceptOffer(
      offer({ session: mids, media: [up, audio("1", "sendonly", ...track("a", 1)), audio("2", "inactive")] }),
      firstAudio(),
    );
    const kept = session.transceivers[0]?.sender;
    session.acceptOffer(
      offer({
        session: mids,
        media: [up, audio("1", "sendonly", ...track("a", 1)), audio("2", "sendonly", ...track("b", 2))],
      }),
    );
    expect(session.transceivers[0]?.sender).toBe(kept);
    session.acceptOffer(
      offer({ session: mids, media: [up, audio("1", "inactive"), audio("2", "sendonly", ...track("c", 3))] }),
    );
    expect(log).toEqual(["+1 a", "+2 b", "-1", "-2", "+2 c"]);
    expect([...engine.receivers.values()].map(({ mid, ssrcs }) => [mid, ssrcs])).toEqual([["2", [3]]]);
    expect(kept?.closed).toBe(false);
  });

  it("of the same track with other SSRCs keeps the receiver", () => {
    const { session, log } = create();
    const mids = bundle("0");
    session.acceptOffer(offer({ session: mids, media: [audio("0", "sendonly", ...track("a", 1))] }));
    const receiver = session.transceivers[0]?.receiver;
    session.acceptOffer(offer({ session: mids, media: [audio("0", "sendonly", ...track("a", 2))] }));
    expect(session.transceivers[0]?.receiver).toBe(receiver);
    expect(session.transceivers[0]?.remoteSsrcs).toEqual([2]);
    expect(log).toEqual(["+0 a"]);
  });

  it("of the same stream with another track id and SSRC is another track", () => {
    const { session, log } = create();
    const mids = bundle("0");
    session.acceptOffer(offer({ session: mids, media: [audio("0", "sendonly", ...track("a", 1, "x"))] }));
    session.acceptOffer(offer({ session: mids, media: [audio("0", "sendonly", ...track("a", 2, "y"))] }));
    expect(log).toEqual(["+0 a", "-0", "+0 a"]);
  });

  it("puts a new mid into the place of a refused line", () => {
    const { session, log } = create();
    session.acceptOffer(
      offer({ session: bundle("0", "1"), media: [up, audio("1", "sendonly", ...track("a", 1))] }),
    );
    const ended = ["m=audio 0 UDP/TLS/RTP/SAVPF 111", "a=mid:1", "a=inactive", "a=rtpmap:111 opus/48000/2"];
    expect(summary(session.acceptOffer(offer({ session: bundle("0"), media: [up, ended] })))[1]).toMatch(
      /^audio 1 rejected/,
    );
    session.acceptOffer(
      offer({ session: bundle("0", "5"), media: [up, video("5", "sendonly", ...track("v", 9))] }),
    );
    expect(log).toEqual(["+1 a", "-1", "+5 v"]);
  });

  it("with fewer m-lines is refused and changes nothing", () => {
    const { session, log } = create();
    session.acceptOffer(
      offer({ session: bundle("0", "1"), media: [up, audio("1", "sendonly", ...track("a", 1))] }),
    );
    expect(() => session.acceptOffer(offer({ session: bundle("0"), media: [up] }))).toThrow(
      expect.objectContaining({ code: "INVALID_SDP" }),
    );
    expect(() => session.acceptOffer(lines(["v=0"]))).toThrow(
      expect.objectContaining({ code: "INVALID_SDP" }),
    );
    expect(session.transceivers.length).toBe(2);
    expect(log).toEqual(["+1 a"]);
  });

  it("with another ufrag restarts ICE here too", () => {
    const { session, transport } = create();
    const sdp = offer({ session: bundle("0"), media: [up] });
    session.acceptOffer(sdp);
    const answer = session.acceptOffer(sdp.replaceAll("a=ice-ufrag:Xf3q", "a=ice-ufrag:Other"));
    expect(transport.restarts).toBe(1);
    expect(transport.remote.map(({ iceUfrag }) => iceUfrag)).toEqual(["Xf3q", "Other"]);
    expect(answer).toContain("a=ice-ufrag:fake1\r\n");
  });
});

describe("a sendrecv upstream line without msid", () => {
  it("is a track only once packets come", () => {
    const { session, engine, log } = create();
    session.acceptOffer(SORA_OFFERS["upstream sendrecv without msid"]!, firstAudio());
    expect(log).toEqual([]);
    const [handle] = engine.receivers.keys();
    engine.batches.receivers.get(handle!)?.emit("flow", "flowing");
    engine.batches.receivers.get(handle!)?.emit("flow", "flowing");
    expect(log).toEqual(["+0 "]);
  });
});
