import { describe, expect, it } from "vitest";
import { RemoteTrack } from "../../connection/index.ts";
import { TypedEvents } from "../../core/index.ts";
import { avatarTrack } from "./avatarTrack.ts";

class Room extends TypedEvents<{ track: [track: RemoteTrack] }> {
  readonly tracks: RemoteTrack[] = [];

  add(senderId: string, kind: "audio" | "video" = "audio"): RemoteTrack {
    const track = new RemoteTrack({ key: senderId + kind, kind, senderId }, () => {});
    this.tracks.push(track);
    this.emit("track", track);
    return track;
  }
}

describe("waiting for an avatar's track", () => {
  it("ends with the audio of that participant, there already or to come", async () => {
    const room = new Room();
    const waiting = avatarTrack(room as never, "face");
    room.add("somebody");
    room.add("face", "video");
    const track = room.add("face");
    expect(await waiting).toBe(track);
    expect(await avatarTrack(room as never, "face")).toBe(track);
    expect(room.listenerCount("track")).toBe(0);
  });

  it("is bounded and can be given up", async () => {
    const room = new Room();
    await expect(avatarTrack(room as never, "face", { timeoutMs: 10 })).rejects.toMatchObject({
      code: "TIMEOUT",
    });
    const signal = AbortSignal.abort();
    await expect(avatarTrack(room as never, "face", { signal })).rejects.toMatchObject({ code: "CANCELLED" });
    expect(room.listenerCount("track")).toBe(0);
  });
});
