import {
  ClientInfo_Capability,
  DisconnectReason,
  ParticipantInfo_Kind,
  ParticipantInfo_State,
  ParticipantPermission,
  RequestResponse,
  RequestResponse_Reason,
  TrackSource,
  type UpdateParticipantMetadata,
} from "@livekit/protocol";
import { describe, expect, it } from "vitest";
import {
  audioTrack,
  joinOf,
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
