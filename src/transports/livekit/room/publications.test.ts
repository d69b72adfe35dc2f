import {
  Encryption_Type,
  StreamState,
  StreamStateUpdate,
  SubscriptionError,
  type SubscriptionPermission,
  SubscriptionPermissionUpdate,
  SubscriptionResponse,
  TrackType,
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

function alice(...sids: string[]) {
  return participant("alice", { tracks: sids.map((sid) => audioTrack(sid)) });
}

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
