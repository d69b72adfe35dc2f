import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { AudioSink, AudioSource } from "../../index.ts";
import type { OpenLine } from "../../testing/index.ts";
import { openAudioConnectorPlace } from "./audioConnectorPlace.ts";
import { runDemo } from "./demo.ts";
import { Faces } from "./faces.ts";

/** A call is as long as what is said in it. */
const CALL_MS = 120_000;

// Over LiveKit it is part of the interop tests, which have a server.
it.each([
  { transport: "sora" },
  { transport: "audio-connector" },
  { transport: "sora", avatar: true },
] as const)(
  "the demo's bot is heard and answers right over $transport, avatar: $avatar",
  { timeout: CALL_MS },
  async (place) => {
    const output = await mkdtemp(join(tmpdir(), "troupe-demo-"));
    try {
      const signal = new AbortController().signal;
      expect(await runDemo({ once: true, port: 0, output, ...place }, signal)).toBe(true);
    } finally {
      await rm(output, { recursive: true });
    }
  },
);

it("the demo's bot greets through its face over audio-connector", { timeout: CALL_MS }, async () => {
  await using faces = await Faces.open();
  await using place = await openAudioConnectorPlace(faces.startBot.bind(faces), { port: 0 });
  using source = new AudioSource({ sampleRate: 16_000 });
  const { line } = place.caller as { line: OpenLine };
  const call = await line(source, new AbortController().signal);
  using sink = new AudioSink(call.track, { sampleRate: 16_000, frameMs: 100 });
  let loudMs = 0;
  for await (const { pcm } of sink) {
    if (pcm.some((sample) => Math.abs(sample) > 5_000)) loudMs += 100;
    if (loudMs >= 2_000) break;
  }
  expect(faces.summary().text).toMatch(
    /^1 utterances, [2-9]\.\d s to the face, [1-9]\d+ of its \d+ frames shown$/,
  );
  await call.disconnect();
});
