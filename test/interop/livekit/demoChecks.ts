import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runDemo } from "../../../src/cli/demo/demo.ts";
import { type Checks, expect } from "../sora/Checks.ts";

/** `npm start -- --transport livekit`, on the server that runs already. */
export async function demoChecks(checks: Checks, url: string): Promise<void> {
  for (const avatar of [false, true]) await demoCheck(checks, url, avatar);
}

async function demoCheck(checks: Checks, url: string, avatar: boolean): Promise<void> {
  const what = avatar ? "with a face is heard and answers right" : "is heard and answers right";
  await checks.check(`the demo's bot ${what} in a room`, async () => {
    const output = await mkdtemp(join(tmpdir(), "troupe-demo-"));
    const { LIVEKIT_URL } = process.env;
    process.env.LIVEKIT_URL = url;
    try {
      const options = { once: true, port: 0, output, transport: "livekit", avatar } as const;
      expect(await runDemo(options, new AbortController().signal), "it was not");
    } finally {
      if (LIVEKIT_URL === undefined) delete process.env.LIVEKIT_URL;
      else process.env.LIVEKIT_URL = LIVEKIT_URL;
      await rm(output, { recursive: true });
    }
    return undefined;
  });
}
