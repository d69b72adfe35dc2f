import { RoomServiceClient } from "livekit-server-sdk";
import { type Checks, expect } from "../sora/Checks.ts";
import { type LiveKitServer, token } from "./server.ts";
import { TroupeParty } from "./TroupeParty.ts";

/** What a user is told when the server lets nobody in, or ends it. */
export async function endingChecks(checks: Checks, server: LiveKitServer): Promise<void> {
  await checks.group("refusals", () => refusalChecks(checks, server));
  await checks.group("endings", () => farewellChecks(checks, server));
}

async function refusalChecks(checks: Checks, { url }: LiveKitServer): Promise<void> {
  const rows: [what: string, token: string, reason: string][] = [
    ["a token that is none", "x.y.z", "unauthorized"],
    ["an expired token", await token("late", "refusals", {}, -3600), "unauthorized"],
    ["a token without a grant", await token("idle", "refusals", { roomJoin: false }), "unauthorized"],
  ];
  for (const [what, text, reason] of rows) {
    await checks.check(`join with ${what}`, async () => {
      const error = await TroupeParty.join({ url, token: text }).then(
        () => undefined,
        (thrown: { reason?: string; message: string }) => thrown,
      );
      expect(error?.reason === reason, `gave ${error?.reason}`);
      return error?.message;
    });
  }
  await checks.check("join a full room", async () => {
    const service = new RoomServiceClient(url.replace("ws", "http"), "devkey", "secret");
    await service.createRoom({ name: "full", maxParticipants: 1 });
    const first = await TroupeParty.join({ url, token: await token("first", "full") });
    const error = await TroupeParty.join({ url, token: await token("second", "full"), joinRetries: 0 }).then(
      () => undefined,
      (thrown: { reason?: string; message: string }) => thrown,
    );
    await first.close();
    expect(error?.reason === "roomFull", `gave ${error?.reason}: ${error?.message}`);
    return error?.message;
  });
}

async function farewellChecks(checks: Checks, { url }: LiveKitServer): Promise<void> {
  const service = new RoomServiceClient(url.replace("ws", "http"), "devkey", "secret");
  const rows: [what: string, end: (room: string) => Promise<unknown>, reason: string][] = [
    [
      "the same identity joins",
      async (room) => {
        const twin = await TroupeParty.join({ url, token: await token("ours", room) });
        return twin.close();
      },
      "duplicateIdentity",
    ],
    ["the room is deleted", (room) => service.deleteRoom(room), "roomDeleted"],
    ["it is removed", (room) => service.removeParticipant(room, "ours"), "participantRemoved"],
  ];
  for (const [what, end, reason] of rows) {
    await checks.check(`${what}: ${reason}`, async () => {
      const room = `ending-${reason}`;
      const ours = await TroupeParty.join({ url, token: await token("ours", room) });
      await end(room);
      await ours.room.disconnected();
      expect(ours.room.disconnectReason === reason, `${ours.room.disconnectReason}`);
      await ours.close();
      return undefined;
    });
  }
}
