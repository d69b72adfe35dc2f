import { describe, expect, it } from "vitest";
import { connect } from "../../connection/index.ts";
import { AudioSource } from "../../media/index.ts";
import { livekit } from "./index.ts";
import type { AudioPublishOptions } from "./options.ts";

const ROOM = { url: "ws://127.0.0.1:1", token: "token" };

describe("what LiveKit publishes with", () => {
  it.each<[AudioPublishOptions, object]>([
    [{}, { dtx: true, channels: 1 }],
    [
      { dtx: false, stereo: true },
      { dtx: false, channels: 2 },
    ],
    [
      { bitRate: 24_000, complexity: 0, expectedLossPercent: 0 },
      { dtx: true, channels: 1, bitRate: 24_000, complexity: 0, expectedLossPercent: 0 },
    ],
  ])("hands %j to the encoder", async (options, opus) => {
    using source = new AudioSource();
    const room = connect(livekit(ROOM));
    expect(room.publish(source, options).opus).toEqual(opus);
    await room.disconnect();
  });

  it.each([{ complexity: 11 }, { expectedLossPercent: 101 }, { bitRate: 48 }])(
    "refuses %j",
    async (options) => {
      using source = new AudioSource();
      const room = connect(livekit(ROOM));
      expect(() => room.publish(source, options)).toThrow(/Expected/);
      await room.disconnect();
    },
  );
});
