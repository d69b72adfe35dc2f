import { afterAll, describe, expect, it } from "vitest";
import { Engine } from "../native/index.ts";
import type { AudioFrame } from "./AudioFrame.ts";
import { AudioSink } from "./AudioSink.ts";
import { AudioSource } from "./AudioSource.ts";
import { TransformedAudio } from "./TransformedAudio.ts";

const MODULE = new URL("../../test/fixtures/invert.transform.ts", import.meta.url);
const VALUE = 1_000;

afterAll(() => Engine.stop());

/** Feeds a source with one value until a sink on `audio` hears a whole frame of `wanted`. */
async function hear(source: AudioSource, audio: TransformedAudio, wanted: number): Promise<void> {
  using sink = new AudioSink(audio);
  const heard = Promise.withResolvers<void>();
  sink.on("frame", ({ pcm }) => pcm.every((sample) => sample === wanted) && heard.resolve());
  let isHeard = false;
  const feeding = (async () => {
    while (!isHeard) await source.write(new Int16Array(4_800).fill(VALUE)).catch(() => {});
  })();
  await heard.promise;
  isHeard = true;
  source.clear();
  await feeding;
}

describe("TransformedAudio", () => {
  it("runs a function on every frame, in place or with other samples", async () => {
    using source = new AudioSource();
    const double = ({ pcm }: AudioFrame) => {
      for (let at = 0; at < pcm.length; at++) pcm[at]! *= 2;
      return undefined;
    };
    using doubled = new TransformedAudio(source, double);
    await hear(source, doubled, 2 * VALUE);
    using halved = new TransformedAudio(source, ({ pcm }) => pcm.map((sample) => sample / 2));
    await hear(source, halved, VALUE / 2);
    expect([doubled.passedFrames, halved.passedFrames]).toEqual([0, 0]);
  });

  it("runs a module in a thread of its own", async () => {
    using source = new AudioSource();
    using inverted = new TransformedAudio(source, MODULE);
    await hear(source, inverted, -VALUE);
  });

  it("passes frames on as they are when the transform fails, and says so once", async () => {
    using source = new AudioSource();
    const failures: string[] = [];
    const broken = () => {
      throw new Error("broken");
    };
    using failing = new TransformedAudio(source, broken);
    failing.on("failed", (error) => failures.push(error.message));
    await hear(source, failing, VALUE);
    using threaded = new TransformedAudio(source, MODULE, { options: { fail: true } });
    threaded.on("failed", (error) => failures.push(error.message));
    await hear(source, threaded, VALUE);
    using missing = new TransformedAudio(source, new URL("./missing.ts", MODULE));
    missing.on("failed", (error) => failures.push(error.message));
    await hear(source, missing, VALUE);
    expect(failures).toEqual(["broken", "told to fail", expect.stringContaining("missing.ts")]);
    for (const audio of [failing, threaded, missing]) expect(audio.passedFrames).toBeGreaterThan(0);
  });

  it("runs only while somebody listens, and ends with its producer", () => {
    const source = new AudioSource();
    const audio = new TransformedAudio(source, () => undefined);
    expect(source.state).toBe("idle");
    const sink = new AudioSink(audio);
    sink.close();
    expect(source.state).toBe("detached");
    const other = new AudioSink(audio);
    source.close();
    expect([audio.producerEnded, other.closed]).toEqual([true, true]);
  });

  it("refuses what is no transform", () => {
    using source = new AudioSource();
    expect(() => new TransformedAudio(source, "robot.js" as never)).toThrow(
      expect.objectContaining({ code: "INVALID_OPTION", field: "transform" }),
    );
  });
});
