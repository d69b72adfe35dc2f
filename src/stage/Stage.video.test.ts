import { SignJWT } from "jose";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Stage, type StageOptions } from "./Stage.ts";
import { send } from "./testing/request.ts";
import { ScriptedCamera } from "./testing/ScriptedCamera.ts";
import { ScriptedMember } from "./testing/ScriptedMember.ts";

let stage: Stage;
const ending: { close(): void }[] = [];

async function start(options: StageOptions = {}): Promise<void> {
  stage = await Stage.start(options);
}

async function join(connect: Record<string, unknown> = {}): Promise<ScriptedMember> {
  const member = await ScriptedMember.join(stage.signalingUrl, { video: true, ...connect });
  ending.push(member);
  return member;
}

afterEach(async () => {
  for (const one of ending.splice(0).toReversed()) one.close();
  await stage.close();
});

/** The m-line of video with all its attributes. */
function videoLines({ offer }: ScriptedMember): string[] {
  return (offer.sdp as string).split(/^(?=m=)/m).filter((part) => part.startsWith("m=video"));
}

function codecsOf(line: string): string[] {
  return [...line.matchAll(/^a=rtpmap:\d+ ([\w]+)\/90000/gm)].map(([, name]) => name!);
}

type Inbound = { type: string; kind?: string; packetsReceived: number; codecId: string };
const inboundVideo = ({ session }: ScriptedMember) =>
  (session.getStats() as unknown as Inbound[]).filter(
    ({ type, kind }) => type === "inbound-rtp" && kind === "video",
  );

function outboundVideo({ session }: ScriptedMember) {
  return session.peer.stats().outbound.find(({ kind }) => kind === "video");
}

function pictureLossesOf(member: ScriptedMember): number {
  return outboundVideo(member)?.pliCount ?? 0;
}

async function publisher(connect: Record<string, unknown> = {}) {
  const member = await join({ role: "sendonly", video: { codec_type: "VP8" }, ...connect });
  const camera = new ScriptedCamera(member);
  ending.push(camera);
  // Its own side of the connection may be up a moment after the stage's.
  await vi.waitFor(() => {
    camera.show(true);
    expect(outboundVideo(member)?.packetsSent).toBeGreaterThan(0);
  }, 5000);
  return { member, camera };
}

describe("an offer to who asks for video", () => {
  it.each([
    [true, "VP9", "profile-id=0"],
    [{ codec_type: "VP8" }, "VP8", undefined],
    [{ codec_type: "VP9", vp9_params: { profile_id: 2 } }, "VP9", "profile-id=2"],
    [{ codec_type: "H264", h264_params: { profile_level_id: "640c1f" } }, "H264", "profile-level-id=640c1f"],
    [{ codec_type: "H265", h265_params: { level_id: 120 } }, "H265", "level-id=120"],
    [{ codec_type: "AV1", av1_params: { profile: 1 } }, "AV1", "profile=1"],
  ])("has %j as %s", async (video, codec, format) => {
    await start();
    const member = await join({ role: "sendonly", video });
    const [line, ...others] = videoLines(member);
    expect(others).toEqual([]);
    expect(codecsOf(line!)).toEqual([codec, "rtx"]);
    expect(line).toMatch(/^a=recvonly\r$/m);
    expect(line).toMatch(/^a=rtcp-fb:\d+ goog-remb\r$/m);
    if (format) expect(line).toContain(format);
    expect(member.offer.mid).toEqual({ audio: "0", video: "1" });
  });

  it("has the codec that an access token says, or no line at all", async () => {
    const secret = "a secret of this test";
    await start({ accessTokenSecret: secret });
    const token = (claims: object) =>
      new SignJWT({ channel_id: "lobby", ...claims })
        .setProtectedHeader({ alg: "HS256" })
        .setExpirationTime("1 minute")
        .sign(new TextEncoder().encode(secret));
    const forced = { access_token: await token({ video_codec_type: "AV1" }) };
    const member = await join({ video: { codec_type: "VP8" }, metadata: forced });
    expect(codecsOf(videoLines(member)[0]!)).toEqual(["AV1", "rtx"]);
    const refused = { access_token: await token({ video: false }) };
    expect(videoLines(await join({ metadata: refused }))).toEqual([]);
  });

  it("refuses a codec that there is not", async () => {
    await start();
    const member = new ScriptedMember(stage.signalingUrl);
    ending.push(member);
    await member.socket.opened();
    member.socket.send({
      type: "connect",
      role: "sendonly",
      channel_id: "lobby",
      video: { codec_type: "MPEG" },
    });
    expect(await member.socket.closed).toMatchObject({ code: 4490, reason: "INVALID-CONNECT video" });
  });

  it("has the layers of simulcast, in its SDP and as encodings", async () => {
    await start({
      simulcastEncodings: [
        { rid: "r0", scaleResolutionDownTo: { maxWidth: 320, maxHeight: 180 } },
        {
          rid: "r1",
          scaleResolutionDownTo: { maxWidth: 640, maxHeight: 360 },
          codec: { mimeType: "video/VP8" },
        },
        { rid: "r2", active: false },
      ],
    });
    const member = await join({
      role: "sendonly",
      simulcast: true,
      video: { codec_type: "AV1" },
    });
    expect(member.offer).toMatchObject({ simulcast: true, simulcast_multicodec: true });
    expect(member.offer.encodings).toEqual([
      { rid: "r0", active: true, scaleResolutionDownTo: { maxWidth: 320, maxHeight: 180 } },
      {
        rid: "r1",
        active: true,
        scaleResolutionDownTo: { maxWidth: 640, maxHeight: 360 },
        codec: { mimeType: "video/VP8", clockRate: 90_000 },
      },
      { rid: "r2", active: false },
    ]);
    const [line] = videoLines(member);
    expect(codecsOf(line!)).toEqual(["AV1", "rtx", "VP8", "rtx"]);
    expect(line).toMatch(/^a=simulcast:recv r0;r1;r2\r$/m);
    expect(line).toMatch(/^a=rid:r1 recv\r$/m);
    expect(line).toContain("rtp-stream-id");
  });
});

describe("layers that cannot be", () => {
  it.each([
    [[{ rid: "r0" as const }, { rid: "r0" as const }], "each rid once"],
    [
      [
        { rid: "r0" as const, scaleResolutionDownTo: { maxWidth: 320, maxHeight: 180 } },
        { rid: "r1" as const },
      ],
      "scaleResolutionDownTo for all active layers or for none",
    ],
    [[], "1 to 3 layers"],
  ])("are refused: %j", async (simulcastEncodings, expected) => {
    await start();
    await expect(Stage.start({ simulcastEncodings })).rejects.toThrow(expected);
  });
});

describe("video", () => {
  it("goes to who asks for it, in the codec of its sender, beginning with a key frame", async () => {
    await start();
    const { member, camera } = await publisher();
    expect(pictureLossesOf(member)).toBe(0);
    const viewer = await join({ role: "recvonly", video: true });
    const { transceiver, streamId } = await viewer.until(() =>
      viewer.tracks.find(({ transceiver }) => transceiver.kind === "video"),
    );
    expect(streamId).toBe(member.connectionId);
    expect(transceiver.codecs.map(({ name }) => name)).toEqual(["vp8", "rtx"]);
    await vi.waitFor(() => expect(pictureLossesOf(member)).toBe(1), 5000);
    for (let picture = 0; picture < 10; picture++) camera.show(picture === 0);
    await vi.waitFor(() => expect(inboundVideo(viewer)[0]?.packetsReceived).toBeGreaterThanOrEqual(10), 5000);
    expect(inboundVideo(viewer)[0]?.codecId).toBeDefined();
  });

  it("has a key frame asked for by the API", async () => {
    await start();
    const { member } = await publisher();
    const viewer = await join({ role: "recvonly" });
    await viewer.until(() => viewer.tracks.find(({ transceiver }) => transceiver.kind === "video"));
    await vi.waitFor(() => expect(pictureLossesOf(member)).toBe(1), 5000);
    const ask = (connection_id: string) =>
      send(
        stage.apiUrl,
        { method: "POST", headers: { "x-sora-target": "Sora_20241218.RequestKeyFrame" } },
        JSON.stringify({ channel_id: "lobby", connection_id }),
      );
    expect(await ask(member.connectionId)).toMatchObject({ status: 200, text: "{}" });
    await vi.waitFor(() => expect(pictureLossesOf(member)).toBe(2), 5000);
    expect(await ask("NOBODY")).toMatchObject({ status: 404 });
  });

  it("does not go to who asked for none, or whose filter keeps it out; sound does", async () => {
    await start();
    const { member } = await publisher();
    const listener = await join({ role: "recvonly", video: false });
    const block = { rules: [[{ field: "kind", operator: "is_in", values: ["video"] }]] };
    const filtered = await join({ role: "recvonly", forwarding_filters: [block] });
    for (const one of [listener, filtered]) {
      await one.until(() => one.tracks.length > 0);
      expect(one.tracks.map(({ transceiver, streamId }) => [transceiver.kind, streamId])).toEqual([
        ["audio", member.connectionId],
      ]);
    }
  });

  it("ends with its sender", async () => {
    await start();
    const { member } = await publisher();
    const viewer = await join({ role: "recvonly" });
    await viewer.until(() => viewer.tracks.length === 2);
    member.close();
    await viewer.until(() => viewer.tracks.length === 0);
    const { member: next } = await publisher();
    await viewer.until(() => viewer.tracks.length === 2);
    expect(new Set(viewer.tracks.map(({ streamId }) => streamId))).toEqual(new Set([next.connectionId]));
  });
});

describe("the request for a simulcast layer", () => {
  it("is taken for who is in the channel alone", async () => {
    await start();
    const { member } = await publisher();
    const viewer = await join({ role: "recvonly", simulcast: true, data_channel_signaling: true });
    expect(viewer.offer.rpc_methods).toEqual(["2025.2.0/RequestSimulcastRid"]);
    const request = async (id: number, params: object) => {
      const call = { jsonrpc: "2.0", id, method: "2025.2.0/RequestSimulcastRid", params };
      await viewer.sendOn("rpc", JSON.stringify(call));
      return viewer.nextOn("rpc", { id });
    };
    const own = { channel_id: "lobby", receiver_connection_id: viewer.connectionId };
    expect(await request(1, { rid: "r0" })).toMatchObject({ result: { ...own, rid: "r0" } });
    const ofSender = { rid: "r1", sender_connection_id: member.connectionId };
    expect(await request(2, ofSender)).toMatchObject({ result: { ...own, rid: "r1" } });
    for (const [at, params] of [
      { rid: "r3" },
      { rid: "r0", sender_connection_id: "NOBODY" },
      { rid: "r0", receiver_connection_id: "NOBODY" },
    ].entries())
      expect(await request(3 + at, params)).toMatchObject({ error: { code: -32_602 } });
  });
});
