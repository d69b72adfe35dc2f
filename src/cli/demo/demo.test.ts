import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { runDemo } from "./demo.ts";

/** A call is as long as what is said in it. */
const CALL_MS = 120_000;

// Over LiveKit it is part of the interop tests, which have a server.
it.each(["sora", "audio-connector"] as const)(
  "the demo's bot is heard and answers right over %s",
  { timeout: CALL_MS },
  async (transport) => {
    const output = await mkdtemp(join(tmpdir(), "troupe-demo-"));
    try {
      const signal = new AbortController().signal;
      expect(await runDemo({ once: true, port: 0, output, transport }, signal)).toBe(true);
    } finally {
      await rm(output, { recursive: true });
    }
  },
);
