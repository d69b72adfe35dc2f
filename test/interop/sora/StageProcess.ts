import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { StageOptions } from "troupe/stage";

/** A stage in a process of its own. */
export interface StageProcess {
  signalingUrl: string;
  apiUrl: string;
  close(): Promise<void>;
  /** Ends it on the spot, as a crash does. */
  kill(): Promise<void>;
}

/** @param options those that JSON can carry. */
export async function startStage(options: StageOptions): Promise<StageProcess> {
  const script = fileURLToPath(new URL("stage.ts", import.meta.url));
  const child = spawn(process.execPath, ["--conditions=troupe-source", script, JSON.stringify(options)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const lines = createInterface({ input: child.stdout });
  const first = await Promise.race([
    new Promise<string>((resolve) => lines.once("line", resolve)),
    ended.then(() => Promise.reject(new Error("the stage did not start"))),
  ]);
  return {
    ...(JSON.parse(first) as { signalingUrl: string; apiUrl: string }),
    close: async () => {
      child.stdin.end();
      const killer = setTimeout(() => child.kill("SIGKILL"), 5000);
      await ended;
      clearTimeout(killer);
    },
    kill: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
