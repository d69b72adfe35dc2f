import { AccessToken, RoomServiceClient } from "livekit-server-sdk";
import type { ConnectError, LiveKitOptions } from "troupe/livekit";
import { type Checks, expect } from "../sora/Checks.ts";
import { LiveKitServer, token } from "./server.ts";
import { TroupeParty } from "./TroupeParty.ts";

/** What a user is told when the server lets nobody in, or ends it. */
export async function endingChecks(checks: Checks, server: LiveKitServer): Promise<void> {
  await checks.group("refusals", () => refusalChecks(checks, server));
  await checks.group("endings", () => farewellChecks(checks, server));
}

/** What somebody is refused for: the reason that the error has, and words of the server's that it repeats. */
async function refusalChecks(checks: Checks, { url }: LiveKitServer): Promise<void> {
  const rows: [what: string, token: string, reason: string, words: RegExp][] = [
    ["a token that is none", "x.y.z", "unauthorized", /invalid authorization token/],
    ["an expired token", await token("late", "refusals", {}, -3600), "unauthorized", /token is expired/],
    ["another server's token", await foreignToken("other", "secret"), "unauthorized", /invalid API key/],
    ["a forged token", await foreignToken("devkey", "guessed"), "unauthorized", /signature is invalid/],
    ["no grant", await token("idle", "refusals", { roomJoin: false }), "unauthorized", /permissions denied/],
  ];
  for (const form of ["single", "dual"] as const) {
    const options = { url, singlePeerConnection: form === "single", joinRetries: 0 };
    for (const [what, text, reason, words] of rows) {
      await checks.check(`${form}: join with ${what}`, async () => {
        const error = await failureOf({ ...options, token: text });
        expect(
          error.reason === reason && words.test(error.message),
          `gave ${error.reason}: ${error.message}`,
        );
        expect(!error.message.includes(text), "the token is in the message");
        return error.message;
      });
    }
    await checks.check(`${form}: join a full room`, async () => {
      const service = new RoomServiceClient(url.replace("ws", "http"), "devkey", "secret");
      const room = `full-${form}`;
      await service.createRoom({ name: room, maxParticipants: 1 });
      const first = await TroupeParty.join({ url, token: await token("first", room) });
      const error = await failureOf({ ...options, token: await token("second", room) });
      await first.close();
      expect(error.reason === "roomFull", `gave ${error.reason}: ${error.message}`);
      return error.message;
    });
  }
  const strict = await LiveKitServer.start({ configuration: "room:\n  auto_create: false" });
  await checks.check("join a room that nobody made", async () => {
    const error = await failureOf({ url: strict.url, token: await token("early", "absent"), joinRetries: 0 });
    expect(error.reason === "notFound", `gave ${error.reason}: ${error.message}`);
    return error.message;
  });
  await strict.kill();
}

async function failureOf(options: LiveKitOptions): Promise<ConnectError> {
  return TroupeParty.join(options).then(
    async (party) => {
      await party.close();
      throw new Error("it joined");
    },
    (error: ConnectError) => error,
  );
}

async function foreignToken(key: string, secret: string): Promise<string> {
  const access = new AccessToken(key, secret, { identity: "stranger" });
  access.addGrant({ roomJoin: true, room: "refusals" });
  return access.toJwt();
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
