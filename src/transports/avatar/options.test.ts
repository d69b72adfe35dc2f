import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FakeAvatarService } from "../../../test/fixtures/FakeAvatarService.ts";
import { AvatarSession } from "./AvatarSession.ts";

let service: FakeAvatarService;

beforeAll(async () => {
  service = await FakeAvatarService.start();
});

afterAll(() => service.close());

describe("the options of a session", () => {
  const parse = (more: object) => () => new AvatarSession({ ...service.options(), ...more } as never);

  it.each<[string, object, string]>([
    ["both egresses", { liveKitEgress: egress(), agoraEgress: { channelName: "c" } }, "agoraEgress"],
    ["a rate that PCM is not taken at", { sampleRate: 12_000 }, "sampleRate"],
    ["a rate that Opus has not", { audioFormat: "ogg_opus", sampleRate: 44_100 }, "sampleRate"],
    ["an encoder for PCM", { oggOpusEncoder: {} }, "oggOpusEncoder"],
    ["a wrong URL", { ingressUrl: "ftp://x" }, "ingressUrl"],
    ["a wrong packet length", { audioFormat: "ogg_opus", oggOpusEncoder: { frameDurationMs: 30 } }, "frame"],
    ["no avatar", { avatarId: "" }, "avatarId"],
    ["what does not exist", { avatar: "x" }, "AvatarSession"],
  ])("refuse %s", (_, more, field) => {
    expect(parse(more)).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
    expect(parse(more)).toThrow(new RegExp(field));
  });

  it("can be read, and do not show secrets to whoever prints them", async () => {
    const session = new AvatarSession({
      ...service.options(),
      apiKey: "very-secret",
      liveKitEgress: { ...egress(), apiSecret: "very-secret" },
    });
    expect(session.config).toMatchObject({ sampleRate: 16_000, bitrate: 0, tokenLifetimeMs: 300_000 });
    expect(session.config.apiKey).toBe("very-secret");
    expect(inspect(session.config, { depth: 9 }) + JSON.stringify(session.config)).not.toContain(
      "very-secret",
    );
    expect(parse({ apiKey: "s".repeat(2_000) })).toThrow(/apiKey but received a text of 2000 characters/);
  });

  function egress() {
    return { url: "wss://livekit.example", roomName: "r", publisherId: "p" };
  }
});
