import {
  ClientInfo_Capability,
  ConnectionQuality,
  ConnectionQualityUpdate,
  DisconnectReason,
  Encryption_Type,
  ParticipantInfo_Kind,
  ParticipantInfo_State,
  ParticipantPermission,
  RequestResponse,
  RequestResponse_Reason,
  Room as RoomInfo,
  RoomMovedResponse,
  RoomUpdate,
  SpeakersChanged,
  StreamState,
  StreamStateUpdate,
  SubscriptionError,
  type SubscriptionPermission,
  SubscriptionPermissionUpdate,
  SubscriptionResponse,
  TrackSource,
  TrackType,
  type UpdateParticipantMetadata,
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
import { TroupeError } from "../../../core/index.ts";

const { ACTIVE, DISCONNECTED } = ParticipantInfo_State;

function alice(...sids: string[]) {
  return participant("alice", { tracks: sids.map((sid) => audioTrack(sid)) });
}

describe("participants", () => {
  it("come with their tracks, and leave after their tracks", () => {
    const party = new RoomParty().join();
    party.update(alice("TR_1", "TR_2"));
    const track = remoteTrack("alice/mic");
    party.room.mediaArrived("TR_1", track);
    party.update(
      participant("alice", { state: DISCONNECTED, disconnectReason: DisconnectReason.DUPLICATE_IDENTITY }),
    );
    expect(party.take()).toEqual([
      "participantConnected alice",
      "trackPublished TR_1 alice",
      "trackPublished TR_2 alice",
      "trackSubscribed alice/mic TR_1 alice",
      "trackUnsubscribed alice/mic TR_1 alice",
      "trackUnpublished TR_1 alice",
      "trackUnpublished TR_2 alice",
      "participantDisconnected alice duplicateIdentity",
    ]);
    expect(party.room.remoteParticipants.size).toBe(0);
  });

  it("are found while their events fire, and not once they are out", () => {
    const party = new RoomParty().join();
    const { room } = party;
    const seen: unknown[] = [];
    room.on("participantConnected", (it) => seen.push(room.remoteParticipants.get("alice") === it));
    room.on("trackUnpublished", (it, of) => seen.push(of.trackPublications.has(it.sid)));
    room.on("participantDisconnected", () => seen.push(room.remoteParticipants.has("alice")));
    party.update(alice("TR_1"));
    party.update(participant("alice", { state: DISCONNECTED }));
    expect(seen).toEqual([true, false, false]);
  });

  it("show what the server says of them", () => {
    const party = new RoomParty().join(
      participant("alice", {
        name: "Alice",
        metadata: "{}",
        attributes: { mood: "calm" },
        kind: ParticipantInfo_Kind.SIP,
        joinedAtMs: 1_700_000_000_000n,
        clientProtocol: 1,
        capabilities: [ClientInfo_Capability.CAP_PACKET_TRAILER],
        permission: new ParticipantPermission({
          canPublish: true,
          canPublishSources: [TrackSource.MICROPHONE],
        }),
      }),
    );
    const person = party.room.remoteParticipants.get("alice")!;
    expect(person).toMatchObject({
      sid: "PA_alice",
      name: "Alice",
      metadata: "{}",
      attributes: { mood: "calm" },
      kind: "sip",
      joinedAt: new Date(1_700_000_000_000),
      clientProtocol: 1,
      capabilities: [ClientInfo_Capability.CAP_PACKET_TRAILER],
      disconnectReason: null,
      connectionQuality: "unknown",
      permissions: { canPublish: true, canPublishSources: ["microphone"], canUpdateOwnMetadata: false },
    });
    expect(party.room.participantWithIdentity("alice")).toBe(person);
    expect(party.room.participantWithIdentity("bot")).toBe(party.room.localParticipant);
  });

  it("change name, metadata, attributes and permissions, in this order, before their tracks do", () => {
    const party = new RoomParty().join(participant("alice", { version: 1 }));
    party.update(
      participant("alice", {
        version: 2,
        name: "A",
        metadata: "m",
        attributes: { key: "value" },
        permission: new ParticipantPermission({ canPublish: true }),
        tracks: [audioTrack("TR_1")],
      }),
    );
    expect(party.take()).toEqual([
      "participantNameChanged alice  A",
      "participantMetadataChanged alice  m",
      'participantAttributesChanged {"key":"value"} alice',
      "participantPermissionsChanged alice true",
      "trackPublished TR_1 alice",
    ]);
  });

  it("do not change by what is older than what is known, or the same", () => {
    const party = new RoomParty().join(participant("alice", { version: 5, name: "new" }));
    party.update(participant("alice", { version: 4, name: "old" }));
    party.update(participant("alice", { version: 5, name: "new" }));
    expect(party.take()).toEqual([]);
    expect(party.room.remoteParticipants.get("alice")?.name).toBe("new");
  });

  it("leave and come when the same identity has another sid; the end of the earlier visit is no news then", () => {
    const party = new RoomParty().join(alice("TR_1"));
    party.update(participant("alice", { sid: "PA_again", tracks: [audioTrack("TR_2")] }));
    party.update(participant("alice", { state: DISCONNECTED }));
    expect(party.take()).toEqual([
      "trackUnpublished TR_1 alice",
      "participantDisconnected alice null",
      "participantConnected alice",
      "trackPublished TR_2 alice",
    ]);
    expect(party.room.remoteParticipants.get("alice")?.sid).toBe("PA_again");
  });

  it("become active once, whether or not they were there before", () => {
    const party = new RoomParty().join(participant("alice"), participant("bob", { state: ACTIVE }));
    party.update(
      participant("alice", { state: ACTIVE }),
      participant("alice", { state: ACTIVE, version: 1 }),
    );
    party.update(participant("bob", { state: ACTIVE }), participant("carol", { state: ACTIVE }));
    expect(party.take()).toEqual([
      "participantActive alice",
      "participantConnected carol",
      "participantActive carol",
    ]);
  });

  it("leave without an identity at servers before 1.5.2, and nobody leaves who was never there", () => {
    const party = new RoomParty().join(participant("alice"));
    party.update(participant("nobody", { state: DISCONNECTED }));
    party.update(participant("", { sid: "PA_alice", state: DISCONNECTED }));
    expect(party.take()).toEqual(["participantDisconnected alice null"]);
  });
});

describe("publications of others", () => {
  it("show what the server says of them", () => {
    const party = new RoomParty().join(
      participant("alice", {
        tracks: [
          audioTrack("TR_1", {
            muted: true,
            mimeType: "audio/RED",
            encryption: Encryption_Type.GCM,
            stream: "s",
            audioFeatures: [1, 99 as never],
          }),
          audioTrack("TR_2", { type: TrackType.VIDEO, simulcast: true, width: 640, height: 360, source: 1 }),
          audioTrack("TR_3", { type: TrackType.DATA }),
        ],
      }),
    );
    const person = party.room.remoteParticipants.get("alice")!;
    expect([...person.trackPublications.keys()]).toEqual(["TR_1", "TR_2"]);
    expect(person.trackPublications.get("TR_1")).toMatchObject({
      kind: "audio",
      name: "voice",
      source: "microphone",
      mimeType: "audio/red",
      encryptionType: "gcm",
      audioFeatures: ["noDtx", "unknown"],
      stream: "s",
      muted: true,
      simulcasted: false,
      subscribed: false,
      track: undefined,
      streamState: "unknown",
    });
    expect(person.publicationFrom("camera")).toMatchObject({
      kind: "video",
      simulcasted: true,
      width: 640,
      height: 360,
    });
    expect(person.publicationFrom("screenShare")).toBeUndefined();
  });

  it("are muted and unmuted, republished under another sid, and end", () => {
    const party = new RoomParty().join(alice("TR_1"));
    const muted = (value: boolean) =>
      party.update(participant("alice", { tracks: [audioTrack("TR_1", { muted: value })] }));
    muted(true);
    muted(false);
    party.update(alice("TR_2"));
    party.update(alice());
    expect(party.take()).toEqual([
      "trackMuted alice TR_1",
      "trackUnmuted alice TR_1",
      "trackPublished TR_2 alice",
      "trackUnpublished TR_1 alice",
      "trackUnpublished TR_2 alice",
    ]);
  });

  it("are subscribed whichever of media and the word of them comes first, and unsubscribed once", () => {
    const party = new RoomParty().join();
    const track = remoteTrack("alice/mic");
    party.room.mediaArrived("TR_1", track);
    party.room.mediaArrived("TR_2", remoteTrack("never"));
    party.room.mediaGone("TR_2");
    party.update(alice("TR_1", "TR_2"));
    party.room.mediaArrived("TR_1", track);
    const publication = party.room.remoteParticipants.get("alice")!.trackPublications.get("TR_1")!;
    expect([publication.subscribed, publication.track]).toEqual([true, track]);
    party.room.mediaGone("TR_1");
    party.room.mediaGone("TR_1");
    expect(party.take().slice(1)).toEqual([
      "trackPublished TR_1 alice",
      "trackSubscribed alice/mic TR_1 alice",
      "trackPublished TR_2 alice",
      "trackUnsubscribed alice/mic TR_1 alice",
    ]);
    expect([publication.subscribed, publication.track]).toEqual([false, undefined]);
  });

  it("pass what we want to the server, again after a join, and into what a resume says", () => {
    const party = new RoomParty().join(alice("TR_1", "TR_2"));
    const publication = party.room.remoteParticipants.get("alice")!.trackPublications.get("TR_1")!;
    publication.setSubscribed(false);
    expect(publication.desired).toBe(false);
    const asked = { trackSids: ["TR_1"], subscribe: false };
    expect(party.sent).toMatchObject([{ case: "subscription", value: asked }]);
    expect(party.room.subscription).toMatchObject(asked);
    party.failure = new TroupeError("INVALID_STATE", "not in a room");
    publication.setSubscribed(true);
    publication.setSubscribed(false);
    party.failure = undefined;
    party.room.joined(joinOf([alice("TR_1", "TR_2")]));
    expect(party.sent.slice(1)).toMatchObject([{ case: "subscription", value: asked }]);
  });

  it("are subscribed one by one where nothing is by itself", () => {
    const party = new RoomParty({ autoSubscribe: false }).join(alice("TR_1", "TR_2"));
    const publication = party.room.remoteParticipants.get("alice")!.trackPublications.get("TR_2")!;
    expect(publication.desired).toBe(false);
    publication.setSubscribed(true);
    expect(party.room.subscription).toMatchObject({ trackSids: ["TR_2"], subscribe: true });
  });

  it("tell of failed subscriptions, of permissions, and of streams held back", () => {
    const party = new RoomParty().join(alice("TR_1"));
    const fail = (trackSid: string, err: SubscriptionError) =>
      party.tell({ case: "subscriptionResponse", value: new SubscriptionResponse({ trackSid, err }) });
    fail("TR_1", SubscriptionError.SE_CODEC_UNSUPPORTED);
    fail("TR_unknown", SubscriptionError.SE_TRACK_NOTFOUND);
    const allow = (allowed: boolean) =>
      party.tell({
        case: "subscriptionPermissionUpdate",
        value: new SubscriptionPermissionUpdate({ trackSid: "TR_1", allowed }),
      });
    allow(true);
    allow(false);
    const stream = (state: StreamState) =>
      party.tell({
        case: "streamStateUpdate",
        value: new StreamStateUpdate({ streamStates: [{ trackSid: "TR_1", state }] }),
      });
    stream(StreamState.PAUSED);
    party.room.mediaArrived("TR_1", remoteTrack("key"));
    stream(StreamState.ACTIVE);
    stream(StreamState.PAUSED);
    expect(party.take()).toEqual([
      "trackSubscriptionFailed alice TR_1 codecUnsupported",
      "trackSubscriptionPermissionChanged TR_1 alice false",
      "trackSubscribed key TR_1 alice",
      "trackStreamStateChanged TR_1 paused alice",
    ]);
  });
});

describe("what we publish", () => {
  it("is published, subscribed, muted by either side, and taken back", () => {
    const party = new RoomParty().join();
    const track = localTrack();
    party.room.localPublished(audioTrack("TR_1"), track);
    party.room.localPublished(audioTrack("TR_1", { mimeType: "audio/red" }), track);
    const publication = party.room.localParticipant.publicationFrom("microphone")!;
    expect(publication).toMatchObject({ track, mimeType: "audio/red", muted: false });
    party.tell({ case: "trackSubscribed", value: { trackSid: "TR_1" } as never });
    publication.mute();
    publication.mute();
    expect([track.muted, publication.muted]).toEqual([true, true]);
    publication.unmute();
    party.tell({ case: "mute", value: { sid: "TR_1", muted: true } as never });
    track.setMuted(false);
    track.setState("live");
    publication.unpublish();
    expect(party.take()).toEqual([
      "localTrackPublished TR_1 local-1",
      "localTrackSubscribed local-1",
      "trackMuted bot TR_1",
      "trackUnmuted bot TR_1",
      "trackMuted bot TR_1",
      "trackUnmuted bot TR_1",
      "localTrackUnpublished TR_1",
    ]);
    expect(party.room.localParticipant.trackPublications.size).toBe(0);
  });

  it("is muted by our own word, whatever the server last knew", () => {
    const party = new RoomParty().join();
    const track = localTrack();
    track.setMuted(true);
    party.room.localPublished(audioTrack("TR_1"), track);
    party.update(own({ version: 1, tracks: [audioTrack("TR_1", { audioFeatures: [3] })] }));
    const publication = party.room.localParticipant.trackPublications.get("TR_1")!;
    expect(publication).toMatchObject({ muted: true, audioFeatures: ["echoCancellation"] });
    expect(party.take()).toEqual(["localTrackPublished TR_1 local-1"]);
  });

  it("ends when the server takes it back", () => {
    const party = new RoomParty().join();
    const track = localTrack();
    party.room.localPublished(audioTrack("TR_1"), track);
    party.tell({ case: "trackUnpublished", value: { trackSid: "TR_1" } as never });
    expect(track.state).toBe("ended");
    expect(party.take().slice(1)).toEqual(["localTrackUnpublished TR_1"]);
  });

  it("keeps its publication, its mute and its permissions when it is published anew", () => {
    const party = new RoomParty().join();
    const track = localTrack();
    party.room.localPublished(audioTrack("TR_1"), track);
    const { localParticipant } = party.room;
    const publication = localParticipant.trackPublications.get("TR_1")!;
    publication.mute();
    localParticipant.setTrackSubscriptionPermissions({
      allParticipantsAllowed: false,
      participantPermissions: [{ participantIdentity: "alice", allowedTrackSids: ["TR_1"] }],
    });
    party.take();
    party.room.joined(joinOf());
    party.room.localPublished(audioTrack("TR_9"), track);
    expect(party.take()).toEqual(["localTrackRepublished TR_1 TR_9"]);
    expect([...localParticipant.trackPublications]).toEqual([["TR_9", publication]]);
    expect([publication.sid, publication.muted]).toEqual(["TR_9", true]);
    const permitted = (party.sent.at(-1)!.value as SubscriptionPermission).trackPermissions;
    expect(permitted[0]).toMatchObject({ participantIdentity: "alice", trackSids: ["TR_9"] });
    expect(party.sent).toHaveLength(3);
  });

  it("refuses a permission that names nobody", () => {
    const { room } = new RoomParty().join();
    const nobody = { allParticipantsAllowed: false, participantPermissions: [{ allowAll: true }] };
    expect(() => room.localParticipant.setTrackSubscriptionPermissions(nobody)).toThrow(
      expect.objectContaining({ code: "INVALID_OPTION" }),
    );
  });
});

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

describe("changes of ourselves", () => {
  function asking(change = { metadata: "new" }) {
    const party = new RoomParty().join();
    const done = party.room.localParticipant.setMetadata(change.metadata);
    const { requestId } = party.sent[0]!.value as UpdateParticipantMetadata;
    const answer = (reason: RequestResponse_Reason, message = "") =>
      party.tell({ case: "requestResponse", value: new RequestResponse({ requestId, reason, message }) });
    return { party, done, answer };
  }

  it("are done when the server says yes and the change has come", async () => {
    const { party, done, answer } = asking();
    let isDone = false;
    void done.then(() => {
      isDone = true;
    });
    answer(RequestResponse_Reason.OK);
    await Promise.resolve();
    expect(isDone).toBe(false);
    party.update(own({ metadata: "new", version: 1 }));
    await done;
    expect(party.room.localParticipant.metadata).toBe("new");
    expect(party.take()).toEqual(["participantMetadataChanged bot  new"]);
    expect(party.clock.waiting).toBe(0);
  });

  it("are done when the change comes from a server that accepts in silence", async () => {
    const { party, done } = asking();
    party.update(own({ metadata: "new", version: 1 }));
    await done;
  });

  it("are done at the deadline when the server said yes and nothing of it shows", async () => {
    const { party, done, answer } = asking();
    answer(RequestResponse_Reason.OK);
    party.clock.pass(5_000);
    await done;
  });

  it.each([
    [RequestResponse_Reason.NOT_ALLOWED, "ACCESS_DENIED"],
    [RequestResponse_Reason.LIMIT_EXCEEDED, "INVALID_OPTION"],
    [RequestResponse_Reason.UNCLASSIFIED_ERROR, "SIGNALLING_FAILED"],
  ])("fail when the server refuses with %s", async (reason, code) => {
    const { done, answer } = asking();
    answer(RequestResponse_Reason.QUEUED);
    answer(reason, "because");
    await expect(done).rejects.toMatchObject({ code, message: "because" });
  });

  it("fail when the server says nothing within 5 s, when they are cancelled, and when it is over", async () => {
    const { party, done } = asking();
    party.clock.pass(5_000);
    await expect(done).rejects.toMatchObject({ code: "TIMEOUT" });
    const controller = new AbortController();
    const cancelled = party.room.localParticipant.setName("x", { signal: controller.signal });
    controller.abort();
    await expect(cancelled).rejects.toMatchObject({ code: "CANCELLED" });
    const waiting = party.room.localParticipant.setAttributes({ a: "1" });
    party.room.setConnectionState("disconnected");
    await expect(waiting).rejects.toMatchObject({ code: "CLOSED" });
    expect(party.clock.waiting).toBe(0);
  });

  it("send what is asked, and the rest as it is", async () => {
    const party = new RoomParty();
    party.room.joined(
      joinOf([], { participant: own({ name: "Bot", metadata: "m", attributes: { a: "1" } }) }),
    );
    const { localParticipant } = party.room;
    const both = Promise.all([
      localParticipant.setName("New"),
      localParticipant.setAttributes({ a: "", b: "2" }),
    ]);
    expect(party.sent.map(({ value }) => value)).toMatchObject([
      { name: "New", metadata: "m", attributes: {} },
      { name: "Bot", metadata: "m", attributes: { a: "", b: "2" } },
    ]);
    party.update(own({ version: 1, name: "New", metadata: "m", attributes: { b: "2" } }));
    await both;
    expect(localParticipant.attributes).toEqual({ b: "2" });
  });

  it("fail at once while there is no room, when too many wait, and for what is no text", async () => {
    const party = new RoomParty().join();
    const { localParticipant } = party.room;
    await expect(localParticipant.setName(7 as never)).rejects.toMatchObject({ code: "INVALID_OPTION" });
    party.failure = new TroupeError("INVALID_STATE", "not in a room");
    await expect(localParticipant.setName("x")).rejects.toBe(party.failure);
    party.failure = undefined;
    const waiting = Array.from({ length: 100 }, () => localParticipant.setName("x"));
    await expect(localParticipant.setName("x")).rejects.toMatchObject({ code: "QUEUE_FULL" });
    party.update(own({ version: 1, name: "x" }));
    await Promise.all(waiting);
  });
});
