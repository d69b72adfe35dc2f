import {
  ConnectionQuality,
  ConnectionQualityUpdate,
  ParticipantInfo_State,
  Room as RoomInfo,
  RoomMovedResponse,
  RoomUpdate,
  SpeakersChanged,
} from "@livekit/protocol";
import { describe, expect, it } from "vitest";
import {
  audioTrack,
  joinOf,
  localTrack,
  own,
  participant,
  RoomParty,
  remoteTrack,
} from "../../../../test/fixtures/liveKitRoom.ts";

const { DISCONNECTED } = ParticipantInfo_State;

function alice(...sids: string[]) {
  return participant("alice", { tracks: sids.map((sid) => audioTrack(sid)) });
}

describe("the room", () => {
  it("shows what the server says of it, and tells when that changes", async () => {
    const party = new RoomParty().join();
    const room = new RoomInfo({
      sid: "RM_1",
      name: "lobby",
      metadata: "new",
      numParticipants: 3,
      numPublishers: 2,
      maxParticipants: 10,
      activeRecording: true,
      creationTime: 1_700_000_000n,
      emptyTimeout: 300,
      departureTimeout: 20,
    });
    party.tell({ case: "roomUpdate", value: new RoomUpdate({ room }) });
    party.tell({ case: "roomUpdate", value: new RoomUpdate({ room: room.clone() }) });
    expect(party.take()).toEqual(["roomMetadataChanged old new", "roomUpdated"]);
    expect(party.room).toMatchObject({
      name: "lobby",
      metadata: "new",
      numParticipants: 3,
      numPublishers: 2,
      maxParticipants: 10,
      isRecording: true,
      creationTime: new Date(1_700_000_000_000),
      emptyTimeoutMs: 300_000,
      departureTimeoutMs: 20_000,
    });
  });

  it("tells who speaks, the loudest first, and forgets those who leave", () => {
    const party = new RoomParty().join(participant("alice"), participant("bob"));
    const speak = (...speakers: [sid: string, level: number][]) =>
      party.tell({
        case: "speakersChanged",
        value: new SpeakersChanged({
          speakers: speakers.map(([sid, level]) => ({ sid, level, active: level > 0 })),
        }),
      });
    speak(["PA_alice", 0.2], ["PA_bot", 0.5], ["PA_unknown", 1]);
    speak(["PA_bob", 0.3]);
    const alicePerson = party.room.remoteParticipants.get("alice")!;
    expect([alicePerson.isSpeaking, alicePerson.audioLevel]).toEqual([true, expect.closeTo(0.2)]);
    speak(["PA_alice", 0]);
    expect([alicePerson.isSpeaking, alicePerson.audioLevel]).toEqual([false, 0]);
    party.update(participant("bob", { state: DISCONNECTED }));
    expect(party.room.activeSpeakers.map(({ identity }) => identity)).toEqual(["bot"]);
    expect(party.take()).toEqual([
      "activeSpeakersChanged [bot,alice]",
      "activeSpeakersChanged [bot,bob,alice]",
      "activeSpeakersChanged [bot,bob]",
      "participantDisconnected bob null",
    ]);
  });

  it("tells of a connection's quality when it changes, our own among them", () => {
    const party = new RoomParty().join(participant("alice"));
    const say = (participantSid: string, quality: ConnectionQuality) =>
      party.tell({
        case: "connectionQuality",
        value: new ConnectionQualityUpdate({ updates: [{ participantSid, quality }] }),
      });
    say("PA_alice", ConnectionQuality.GOOD);
    say("PA_alice", ConnectionQuality.GOOD);
    say("PA_bot", ConnectionQuality.LOST);
    say("PA_unknown", ConnectionQuality.POOR);
    expect(party.take()).toEqual([
      "connectionQualityChanged alice good",
      "connectionQualityChanged bot lost",
    ]);
  });

  it("has the sid of the room that it was moved to before it knew one", async () => {
    const party = new RoomParty();
    party.room.joined(joinOf([], { room: undefined }));
    const sid = party.room.getSid();
    party.tell({ case: "roomMoved", value: new RoomMovedResponse({ room: new RoomInfo({ sid: "RM_2" }) }) });
    expect(await sid).toBe("RM_2");
  });

  it("moves to another room: everybody leaves, then those of the new one come", () => {
    const party = new RoomParty().join(alice("TR_1"));
    party.tell({
      case: "roomMoved",
      value: new RoomMovedResponse({
        room: new RoomInfo({ sid: "RM_2", name: "cellar" }),
        token: "fresh",
        participant: own({ sid: "PA_moved" }),
        otherParticipants: [participant("bob", { tracks: [audioTrack("TR_2")] })],
      }),
    });
    expect(party.take()).toEqual([
      "tokenRefreshed fresh",
      "trackUnpublished TR_1 alice",
      "participantDisconnected alice null",
      "moved",
      "participantConnected bob",
      "trackPublished TR_2 bob",
    ]);
    expect([party.room.name, party.room.localParticipant.sid]).toEqual(["cellar", "PA_moved"]);
  });

  it("passes fresh tokens on, and ignores what does not concern it or comes before the join", () => {
    const party = new RoomParty();
    party.tell({ case: "refreshToken", value: "early" });
    party.join();
    party.tell({ case: "refreshToken", value: "fresh" });
    party.tell({ case: "pong", value: 1n });
    party.tell({ case: undefined });
    expect(party.take()).toEqual(["tokenRefreshed fresh"]);
  });
});

describe("coming back", () => {
  it("tells nothing after a resume, when the server says everything again", () => {
    const party = new RoomParty().join(alice("TR_1"));
    const track = localTrack();
    party.room.localPublished(audioTrack("TR_own"), track);
    party.room.mediaArrived("TR_1", remoteTrack("key"));
    party.take();
    party.room.setConnectionState("reconnecting");
    party.update();
    party.update(own({ tracks: [audioTrack("TR_own")] }), alice("TR_1"));
    party.tell({ case: "roomUpdate", value: new RoomUpdate({ room: joinOf().room! }) });
    party.room.setConnectionState("connected");
    expect(party.take()).toEqual(["connectionStateChanged reconnecting", "connectionStateChanged connected"]);
  });

  it("tells after a full reconnect what is different, and nothing of what stayed", () => {
    const party = new RoomParty().join(
      alice("TR_1", "TR_2"),
      participant("bob"),
      participant("carol", { tracks: [audioTrack("TR_3")] }),
    );
    const kept = remoteTrack("kept");
    party.room.mediaArrived("TR_1", kept);
    const before = party.room.remoteParticipants.get("alice");
    party.take();
    party.room.joined(
      joinOf(
        [
          participant("alice", { name: "A", tracks: [audioTrack("TR_1"), audioTrack("TR_4")] }),
          participant("carol", { sid: "PA_again", tracks: [audioTrack("TR_5")] }),
          participant("dave"),
        ],
        { participant: own({ sid: "PA_bot2" }) },
      ),
    );
    party.room.mediaArrived("TR_1", kept);
    expect(party.take()).toEqual([
      "participantDisconnected bob null",
      "trackUnpublished TR_3 carol",
      "participantDisconnected carol null",
      "participantNameChanged alice  A",
      "trackPublished TR_4 alice",
      "trackUnpublished TR_2 alice",
      "participantConnected carol",
      "trackPublished TR_5 carol",
      "participantConnected dave",
    ]);
    expect(party.room.remoteParticipants.get("alice")).toBe(before);
    expect(party.room.localParticipant.sid).toBe("PA_bot2");
  });

  it("has nobody speak who spoke before a full reconnect", () => {
    const party = new RoomParty().join(participant("alice"));
    const speakers = [{ sid: "PA_alice", level: 1, active: true }];
    party.tell({ case: "speakersChanged", value: new SpeakersChanged({ speakers }) });
    party.room.joined(joinOf([participant("alice")]));
    expect(party.take()).toEqual(["activeSpeakersChanged [alice]", "activeSpeakersChanged []"]);
    expect(party.room.remoteParticipants.get("alice")?.isSpeaking).toBe(false);
  });

  it("ends in order: what is subscribed, what is published, then the state", () => {
    const party = new RoomParty().join(alice("TR_1"));
    party.room.mediaArrived("TR_1", remoteTrack("key"));
    party.room.localPublished(audioTrack("TR_own"), localTrack());
    party.take();
    party.room.setConnectionState("disconnected");
    expect(party.take()).toEqual([
      "trackUnsubscribed key TR_1 alice",
      "localTrackUnpublished TR_own",
      "connectionStateChanged disconnected",
    ]);
    expect(party.room.remoteParticipants.has("alice")).toBe(true);
  });
});
