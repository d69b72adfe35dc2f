import { describe, expect, it } from "vitest";
import { audio, bundle, lines, offer, SORA_OFFERS, track, video } from "../../../test/fixtures/sdp.ts";
import { FINGERPRINT } from "../../../test/fixtures/webrtc.ts";
import { TroupeError } from "../../core/index.ts";
import { MAXIMUM_MEDIA_LINES, MAXIMUM_SDP_BYTES, parseDescription } from "./parse.ts";

describe("parseDescription", () => {
  it("reads the msid that sdp-transform would cut at + and /", () => {
    const { lines } = parseDescription(SORA_OFFERS["downstream before upstream, with video and data"]!);
    expect(
      lines.map(({ kind, mid, direction, streamId, ssrcs }) => ({ kind, mid, direction, streamId, ssrcs })),
    ).toEqual([
      { kind: "video", mid: "video_x", direction: "sendonly", streamId: "peer+one/2", ssrcs: [3333] },
      { kind: "audio", mid: "down", direction: "sendonly", streamId: "peer+one/2", ssrcs: [2222] },
      { kind: "application", mid: "data", direction: "sendrecv", streamId: "", ssrcs: [] },
      { kind: "audio", mid: "up", direction: "recvonly", streamId: "", ssrcs: [] },
    ]);
  });

  it("reads codecs with their feedback and formats, static ones too", () => {
    const [line] = parseDescription(offer({ media: [audio("0", "recvonly")] })).lines;
    expect(line?.codecs).toEqual([
      {
        payloadType: 111,
        name: "opus",
        clockRate: 48_000,
        channels: 2,
        format: "minptime=10;useinbandfec=1;stereo=0;sprop-stereo=0",
        feedback: ["transport-cc", "nack"],
      },
      { payloadType: 63, name: "red", clockRate: 48_000, channels: 2, format: "111/111", feedback: [] },
      { payloadType: 0, name: "pcmu", clockRate: 8000, channels: 1, feedback: [] },
      { payloadType: 110, name: "telephone-event", clockRate: 48_000, channels: 1, feedback: [] },
    ]);
  });

  it("knows a static payload type without rtpmap", () => {
    const sdp = offer({ media: [["m=audio 9 UDP/TLS/RTP/SAVPF 8", "a=mid:0"]] });
    expect(parseDescription(sdp).lines[0]?.codecs[0]).toMatchObject({
      name: "pcma",
      clockRate: 8000,
      channels: 1,
    });
  });

  it("reads video codecs and their retransmission formats", () => {
    const [line] = parseDescription(offer({ media: [video("0", "recvonly")] })).lines;
    expect(line?.codecs.map(({ name, format }) => [name, format])).toContainEqual(["rtx", "apt=102"]);
    expect(line?.codecs.map(({ name }) => name)).toEqual([
      "vp8",
      "rtx",
      "h264",
      "rtx",
      "av1",
      "red",
      "rtx",
      "ulpfec",
    ]);
  });

  it("takes ICE, fingerprint and setup from the session where a line has none, numbers as text", () => {
    const description = parseDescription(SORA_OFFERS["session-level ICE, candidates, unknown attributes"]!);
    expect(description.iceLite).toBe(true);
    expect(description.bundle).toEqual(["0"]);
    expect(description.lines[0]?.transport).toEqual({
      iceUfrag: "1234",
      icePwd: "aaaaaaaaaaaaaaaaaaaaaaaa",
      fingerprint: { algorithm: "sha-256", value: FINGERPRINT },
      setup: "actpass",
      candidates: ["candidate:1 1 udp 2130706431 192.0.2.7 7000 typ host"],
    });
  });

  it("leaves the SSRCs of retransmission out", () => {
    const sdp = offer({
      media: [video("0", "sendonly", "a=ssrc-group:FID 10 11", "a=ssrc:10 cname:a", "a=ssrc:11 cname:a")],
    });
    expect(parseDescription(sdp).lines[0]?.ssrcs).toEqual([10]);
  });

  it("reads the older msid behind a=ssrc", () => {
    const sdp = offer({ media: [audio("0", "sendonly", "a=ssrc:9 msid:old+id/x t1")] });
    expect(parseDescription(sdp).lines[0]).toMatchObject({ streamId: "old+id/x", trackId: "t1" });
  });

  it("reads a=msid:- as no stream", () => {
    const sdp = offer({ media: [audio("0", "sendonly", ...track("-", 5))] });
    expect(parseDescription(sdp).lines[0]).toMatchObject({
      streamId: "",
      trackId: "track",
      announcesTrack: true,
    });
  });

  it("tells a refused line from one that is bundle-only", () => {
    const refused = parseDescription(SORA_OFFERS["rejected line and one outside the bundle"]!).lines;
    expect(refused.map(({ rejected }) => rejected)).toEqual([true, false, false]);
    const bundleOnly = parseDescription(SORA_OFFERS["bundle-only with port 0"]!).lines;
    expect(bundleOnly.map(({ rejected }) => rejected)).toEqual([false, false]);
  });

  const good = offer({ session: bundle("0"), media: [audio("0", "recvonly")] });
  it.each<[string, unknown]>([
    ["nothing", ""],
    ["no text", undefined],
    ["not SDP", "hello"],
    ["another version", good.replace("v=0", "v=1")],
    ["a malformed m-line", good.replace(/m=audio.*/, "m=audio")],
    ["a short password", good.replace(/ice-pwd:.*/, "ice-pwd:short")],
    ["a bad fingerprint", good.replace(/sha-256 ..:/, "sha-256 zz:")],
    ["a bad setup", good.replace("setup:actpass", "setup:holdconn")],
    ["the same mid twice", offer({ media: [audio("0", "recvonly"), audio("0", "recvonly")] })],
    ["too many bytes", good + "a=x:y\r\n".repeat(MAXIMUM_SDP_BYTES / 7)],
    ["too many m-lines", lines(["v=0", ...Array(MAXIMUM_MEDIA_LINES + 1).fill("m=audio 9 RTP/SAVPF 0")])],
  ])("refuses %s", (_, sdp) => {
    const attempt = () => parseDescription(sdp as string);
    expect(attempt).toThrow(TroupeError);
    expect(attempt).toThrow(expect.objectContaining({ code: "INVALID_SDP" }));
  });

  it("does not repeat a password in an error", () => {
    const attempt = () => parseDescription(good.replace(/ice-pwd:.*/, "ice-pwd:hunter2"));
    expect(attempt).toThrow(expect.not.objectContaining({ message: expect.stringContaining("hunter2") }));
  });
});
