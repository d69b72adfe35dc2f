// An encoded transform on the engine's own clock, while JavaScript does not answer.
import { afterAll, expect, it } from "vitest";
import { sine } from "../../test/fixtures/tone.ts";
import { systemClock } from "../core/index.ts";
import { Engine } from "../native/index.ts";
import { EncodedAudioTransform } from "./EncodedAudioTransform.ts";

const BLOCK_US = 300_000;

afterAll(() => Engine.stop());

it("does not hold up the clock while JavaScript is blocked, and loses no frame within its bound", async () => {
  const engine = Engine.shared();
  using near = engine.createPeer();
  using far = engine.createPeer();
  near.link(far);
  const codec = { payloadType: 111, name: "opus", clockRate: 48_000, channels: 2 };
  using sender = near.createSender({ kind: "audio", mid: "0", ssrc: 1, cname: "test", codec, nack: false });
  using _receiver = far.createReceiver({ kind: "audio", mid: "0", ssrcs: [1], codecs: [codec], nack: false });
  const frames = engine.encodeOpus(sine(500, 1_000, 48_000), { sampleRate: 48_000 });
  using voice = engine.createEncodedSource({ frameMs: 20, frames, loop: true });
  using transform = new EncodedAudioTransform({ maximumHoldMs: 5_000, maximumFrames: 1_024 });
  const stream = transform.open("outgoing");
  sender.setTransform(stream);
  let enqueued = 0;
  const flowing = () =>
    new Promise<void>((resolve) => {
      const before = enqueued;
      transform.on("frame", () => enqueued >= before + 10 && resolve());
    });
  transform.on("frame", (frame) => {
    if (transform.enqueue(frame)) enqueued += 1;
  });
  sender.setProducer(voice);
  await flowing();

  const before = engine.stats();
  const untilUs = systemClock.nowUs() + BLOCK_US;
  while (systemClock.nowUs() < untilUs);
  const after = engine.stats();
  expect(after.ticks + after.skippedTicks - before.ticks - before.skippedTicks).toBeGreaterThan(10);

  await flowing();
  sender.setProducer(null);
  const { outgoing } = transform.stats;
  expect(outgoing).toMatchObject({ dropped: 0, late: 0 });
  expect(far.stats().inbound[0]?.packetsReceived).toBe(outgoing.passed);
});
