import type { Connection, RemoteTrack } from "../../connection/index.ts";
import { withDeadline } from "../../core/index.ts";

const DEFAULT_TIMEOUT_MS = 30_000;

/**
 * Waits until an avatar with an egress is heard in the room: the track of the participant that `liveKitEgress.publisherId`
 * named.
 *
 * @throws TroupeError TIMEOUT when it did not come within `timeoutMs` (30000 when left out), CANCELLED.
 *
 * @example
 * await session.start();
 * const track = await avatarTrack(room, "avatar");
 */
export function avatarTrack(
  room: Pick<Connection, "tracks" | "on">,
  publisherId: string,
  { timeoutMs = DEFAULT_TIMEOUT_MS, signal }: { timeoutMs?: number; signal?: AbortSignal } = {},
): Promise<RemoteTrack> {
  const isIts = (track: RemoteTrack) =>
    track.kind === "audio" && track.senderId === publisherId && track.state !== "ended";
  const wait = async (ended: AbortSignal) => {
    const there = room.tracks.find(isIts);
    if (there) return there;
    ended.throwIfAborted();
    const { promise, resolve } = Promise.withResolvers<RemoteTrack>();
    const off = room.on("track", (track) => {
      if (isIts(track)) resolve(track);
    });
    ended.addEventListener("abort", off, { once: true });
    try {
      return await promise;
    } finally {
      off();
    }
  };
  return withDeadline("the avatar's way into the room", timeoutMs, wait, signal);
}
