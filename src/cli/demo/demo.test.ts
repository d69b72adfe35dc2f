import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { runDemo } from "./demo.ts";

/** A call is as long as what is said in it. */
const CALL_MS = 120_000;

// Over LiveKit both are part of the interop tests, which have a server.
it.each([
  { transport: "sora", avatar: false },
  { transport: "sora", avatar: true },
  { transport: "audio-connector", avatar: false },
  { transport: "audio-connector", avatar: true },
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
