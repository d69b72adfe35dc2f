import { ParticipantPermission, type SubscriptionPermission } from "@livekit/protocol";
import { expect, it } from "vitest";
import {
  audioTrack,
  joinOf,
  localTrack,
  own,
  participant,
  RoomParty,
} from "../../../../test/fixtures/liveKitRoom.ts";
import { parseLiveKitOptions, parsePublishOptions } from "../options.ts";

const OPTIONS = { url: "ws://127.0.0.1:7880", token: "token" };

/** What a port of the SDK gets wrong, a row a sentence. */
const SENTENCES: [sentence: string, check: () => void | Promise<void>][] = [
  [
    "those who are present at join raise no participantConnected and no trackPublished",
    () => {
      const party = new RoomParty();
      party.room.joined(joinOf([participant("alice", { tracks: [audioTrack("TR_1")] })]));
      expect(party.take()).toEqual([]);
      expect(party.room.remoteParticipants.get("alice")?.trackPublications.has("TR_1")).toBe(true);
    },
  ],
  [
    "isConnected stays true while it reconnects",
    () => {
      const { room } = new RoomParty().join();
      room.setConnectionState("reconnecting");
      expect(room.isConnected).toBe(true);
      room.setConnectionState("disconnected");
      expect(room.isConnected).toBe(false);
    },
  ],
  [
    "localParticipant throws before the room is joined",
    () => {
      const { room } = new RoomParty();
      expect(() => room.localParticipant).toThrow(expect.objectContaining({ code: "INVALID_STATE" }));
      room.joined(joinOf());
      expect(room.localParticipant.identity).toBe("bot");
    },
  ],
  [
    "the sid is asynchronous: it may come after the join",
    async () => {
      const party = new RoomParty();
      party.room.joined(joinOf([], { room: undefined }));
      const sid = party.room.getSid();
      party.tell({ case: "roomUpdate", value: { room: joinOf().room } as never });
      expect(await sid).toBe("RM_1");
      expect(await party.room.getSid()).toBe("RM_1");
    },
  ],
  [
    "the sid is refused when the connection ends before there is one",
    async () => {
      const { room } = new RoomParty();
      room.setConnectionState("connected");
      const sid = room.getSid();
      room.setConnectionState("disconnected");
      await expect(sid).rejects.toMatchObject({ code: "CLOSED" });
    },
  ],
  [
    "a second disconnect changes nothing",
    () => {
      const party = new RoomParty().join();
      party.room.setConnectionState("disconnected");
      party.room.setConnectionState("disconnected");
      expect(party.take()).toEqual(["connectionStateChanged disconnected"]);
    },
  ],
  [
    "the publication exists before localTrackPublished and still during localTrackUnpublished",
    () => {
      const { room } = new RoomParty().join();
      const listed: boolean[] = [];
      const note = () => listed.push(room.localParticipant.trackPublications.has("TR_1"));
      room.on("localTrackPublished", note);
      room.on("localTrackUnpublished", note);
      const track = localTrack();
      room.localPublished(audioTrack("TR_1"), track);
      track.unpublish();
      note();
      expect(listed).toEqual([true, true, false]);
    },
  ],
  [
    "changed attributes hold the changed keys alone, and a removed one as an empty text",
    () => {
      const party = new RoomParty().join(
        participant("alice", { attributes: { same: "1", new: "1", gone: "1" } }),
      );
      party.update(participant("alice", { attributes: { same: "1", new: "2", added: "3" } }));
      expect(party.take()).toEqual(['participantAttributesChanged {"new":"2","gone":"","added":"3"} alice']);
    },
  ],
  [
    "the setters need canUpdateOwnMetadata",
    async () => {
      const party = new RoomParty();
      const permission = new ParticipantPermission({ canPublish: true });
      party.room.joined(joinOf([], { participant: own({ permission }) }));
      const { localParticipant } = party.room;
      for (const refused of [
        localParticipant.setMetadata("new"),
        localParticipant.setName("new"),
        localParticipant.setAttributes({ key: "new" }),
      ]) {
        await expect(refused).rejects.toMatchObject({ code: "ACCESS_DENIED" });
      }
      expect(party.sent).toEqual([]);
    },
  ],
  [
    "a listener that throws is logged, and the others still run",
    () => {
      const party = new RoomParty().join();
      const error = new Error("broke");
      party.room.on("participantConnected", () => {
        throw error;
      });
      const heard: string[] = [];
      party.room.on("participantConnected", ({ identity }) => heard.push(identity));
      party.update(participant("alice"));
      expect(heard).toEqual(["alice"]);
      expect(party.logged).toEqual([{ event: "participantConnected", error }]);
    },
  ],
  [
    "a track is published from an unknown source, with DTX and RED, when nothing else is said",
    () => expect(parsePublishOptions({})).toMatchObject({ source: "unknown", dtx: true, red: true }),
  ],
  [
    "others' tracks are subscribed by themselves when nothing else is said",
    () => expect(parseLiveKitOptions(OPTIONS).autoSubscribe).toBe(true),
  ],
  [
    "the permissions of participants do not count when all are allowed",
    () => {
      const party = new RoomParty().join();
      const participantPermissions = [{ participantIdentity: "alice", allowAll: true }];
      const { localParticipant } = party.room;
      localParticipant.setTrackSubscriptionPermissions({
        allParticipantsAllowed: true,
        participantPermissions,
      });
      localParticipant.setTrackSubscriptionPermissions({
        allParticipantsAllowed: false,
        participantPermissions,
      });
      expect(
        party.sent.map(({ value }) => (value as SubscriptionPermission).trackPermissions.length),
      ).toEqual([0, 1]);
    },
  ],
  [
    "waitForSubscription never rejects",
    async () => {
      const party = new RoomParty().join();
      const [heard, unheard] = [localTrack("a"), localTrack("b")];
      party.room.localPublished(audioTrack("TR_a"), heard);
      party.room.localPublished(audioTrack("TR_b"), unheard);
      const waits = [...party.room.localParticipant.trackPublications.values()].map((it) =>
        it.waitForSubscription(),
      );
      party.tell({ case: "trackSubscribed", value: { trackSid: "TR_a" } as never });
      party.room.setConnectionState("disconnected");
      expect(await Promise.all(waits)).toEqual([true, false]);
    },
  ],
  [
    "ICE uses every kind of address, gathers continually, and takes the server's ICE servers",
    () =>
      expect(parseLiveKitOptions(OPTIONS).rtcConfiguration).toEqual({
        iceServers: [],
        iceTransportType: "all",
        continualGatheringPolicy: "continually",
      }),
  ],
];

it.each(SENTENCES)("%s", (_, check) => check());
