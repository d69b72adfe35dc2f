import { ParticipantInfo_State, TrackSource } from "@livekit/protocol";
import { expect, it } from "vitest";
import { audioTrack, participant, RoomParty, remoteTrack } from "../../../../test/fixtures/liveKitRoom.ts";
import { TypedEvents } from "../../../core/index.ts";
import type { EngineReceiver } from "../../../media/index.ts";
import { ParticipantAudio } from "./ParticipantAudio.ts";

const MUSIC = { source: TrackSource.SCREEN_SHARE_AUDIO };

function receiver(): EngineReceiver {
  return { events: new TypedEvents() } as unknown as EngineReceiver;
}

function start() {
  const tracks = [audioTrack("TR_music", MUSIC), audioTrack("TR_voice")];
  const party = new RoomParty().join(participant("alice", { tracks }), participant("bob", { tracks: [] }));
  const voice = remoteTrack("voice");
  const first = receiver();
  voice.attach(first);
  party.room.mediaArrived("TR_music", remoteTrack("music"));
  party.room.mediaArrived("TR_voice", voice);
  const audio = new ParticipantAudio(party.room, "alice", "microphone");
  const heard: unknown[] = [];
  audio.producerEvents.on("changed", (producer) => heard.push(producer));
  audio.producerEvents.on("ended", () => heard.push("ended"));
  return { party, audio, voice, first, heard };
}

it("plays what comes from the source, through reconnects and other tracks", () => {
  const { party, audio, voice, first, heard } = start();
  expect(audio.producer).toBe(first);
  const [second, third] = [receiver(), receiver()];
  voice.attach(null);
  voice.attach(second);
  party.update(participant("alice", { version: 1, tracks: [audioTrack("TR_music", MUSIC)] }));
  expect(audio.track).toBeUndefined();
  party.update(
    participant("alice", { version: 2, tracks: [audioTrack("TR_music", MUSIC), audioTrack("TR_again")] }),
  );
  const again = remoteTrack("again");
  again.attach(third);
  party.room.mediaArrived("TR_again", again);
  party.update(participant("bob", { version: 1, tracks: [audioTrack("TR_bob")] }));
  party.room.mediaArrived("TR_bob", remoteTrack("bob"));
  expect(heard).toEqual([null, second, null, third]);
});

it("ends when the participant leaves, when the room is over, and when it is closed; once", () => {
  const left = start();
  left.party.update(participant("bob", { state: ParticipantInfo_State.DISCONNECTED }));
  expect(left.audio.producerEnded).toBe(false);
  left.party.update(participant("alice", { state: ParticipantInfo_State.DISCONNECTED }));
  const over = start();
  over.party.room.setConnectionState("disconnected");
  const closed = start();
  closed.audio.close();
  closed.audio.close();
  for (const { audio, heard } of [left, over, closed]) {
    expect([audio.producerEnded, audio.producer]).toEqual([true, null]);
    expect(heard).toEqual([null, "ended"]);
  }
});

it("is of somebody who is there", () => {
  const { party } = start();
  expect(() => new ParticipantAudio(party.room, "nobody", "microphone")).toThrow(
    expect.objectContaining({ code: "INVALID_OPTION" }),
  );
});
