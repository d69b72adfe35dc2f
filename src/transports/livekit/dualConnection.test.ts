import { LeaveRequest_Action, ParticipantInfo, ParticipantUpdate, TrackInfo } from "@livekit/protocol";
import { afterEach, describe, expect, it } from "vitest";
import { FakeLiveKit } from "../../../test/fixtures/FakeLiveKit.ts";
import { connect } from "../../connection/index.ts";
import { AudioSource } from "../../media/index.ts";
import { type LiveKitConnection, type LiveKitOptions, livekit } from "./index.ts";

const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function join(
  options: Partial<LiveKitOptions> = {},
  change: (server: FakeLiveKit) => void = () => {},
): Promise<[FakeLiveKit, LiveKitConnection]> {
  const server = await FakeLiveKit.start();
  change(server);
  closers.push(() => server.close());
  const room = connect(livekit({ url: server.url, token: "first", ...options }));
  closers.push(() => room.disconnect());
  await room.connected();
  return [server, room];
}

function once(room: LiveKitConnection, name: "reconnected" | "trackSubscribed"): Promise<unknown[]> {
  return new Promise((resolve) => room.once(name, (...args: unknown[]) => resolve(args)));
}

describe("two peer connections", () => {
  it("are used where the server does not know the single one", async () => {
    const [server, room] = await join({ autoSubscribe: false }, (it) => {
      it.isOld = true;
    });
    expect(server.paths).toEqual(["/rtc/v1", "/rtc"]);
    expect(server.joins[0]).toMatchObject({ connectionSettings: { autoSubscribe: false } });
    expect(room.state).toMatch(/^connected/);
  });

  it("are used at once where the user asks for them, with the token in no address", async () => {
    const [server] = await join({ singlePeerConnection: false });
    expect(server.paths).toEqual(["/rtc"]);
    expect(server.tokens).toEqual(["first"]);
  });

  it("bring the server's tracks by the stream that they are offered in", async () => {
    const [server, room] = await join({ singlePeerConnection: false });
    const subscribed = once(room, "trackSubscribed");
    const tracks = [new TrackInfo({ sid: "TR_9", name: "voice" })];
    const participants = [new ParticipantInfo({ sid: "PA_9", identity: "nine", state: 2, tracks })];
    server.send({ case: "update", value: new ParticipantUpdate({ participants }) });
    const [, publication] = await subscribed;
    expect(publication).toMatchObject({ sid: "TR_9", name: "voice", subscribed: true });
  });

  it("have statistics of their own", async () => {
    const [, room] = await join({ singlePeerConnection: false });
    const { publisherStats, subscriberStats } = room.getRtcStats();
    for (const stats of [publisherStats, subscriberStats]) {
      expect(stats.map(({ type }) => type)).toContain("transport");
    }
    const ids = room.getStats().map(({ id }) => id);
    expect(new Set(ids).size).toBe(publisherStats.length + subscriberStats.length);
  });

  it("resume, and answer the server's restart", async () => {
    const [server, room] = await join({ singlePeerConnection: false });
    const source = new AudioSource();
    closers.push(() => source.close());
    await room.publishTrack(source);
    const back = once(room, "reconnected");
    const answers = server.requested("answer").length;
    server.cut();
    await back;
    expect(server.joins[1]).toMatchObject({ reconnect: true, participantSid: "PA_1" });
    await server.until(() => server.requested("answer").length > answers);
    const [sync] = server.requested("syncState");
    expect([sync?.offer?.type, sync?.answer?.type]).toEqual(["offer", "answer"]);
    expect(sync?.publishTracks.map(({ track }) => track?.sid)).toEqual(["TR_1"]);
  });

  it("are joined anew in the same form", async () => {
    const [server, room] = await join({}, (it) => {
      it.isOld = true;
    });
    const back = once(room, "reconnected");
    server.leave(LeaveRequest_Action.RECONNECT);
    await back;
    expect(server.paths).toEqual(["/rtc/v1", "/rtc", "/rtc"]);
  });
});
