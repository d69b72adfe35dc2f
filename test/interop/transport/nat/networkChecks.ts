import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { namespaceCommand } from "../../../../src/cli/bench/network/namespaceCommand.ts";
import { benchNetworkChange } from "../../../../src/cli/bench/network/networkChange.ts";
import { type Checks, expect } from "../../sora/Checks.ts";

const CHANGES = 2;
const CHANGES_MS = 55_000;

/** NAT in network namespaces, and bots whose network changes. Without the right to make namespaces they fail. */
export async function networkChecks(checks: Checks): Promise<void> {
  await checks.group("paths through NAT", async () => {
    const { passed, failed } = await natRows();
    checks.passed += passed;
    checks.failed += failed;
  });
  await checks.check("a Sora and a LiveKit connection whose machine gets another address", async () => {
    const signal = AbortSignal.timeout(CHANGES_MS);
    const { sora, livekit } = await benchNetworkChange({ changes: CHANGES }, signal);
    expect(sora.changes === CHANGES && livekit.changes === CHANGES, "a change was not answered");
    return `audio again after at most ${sora.inMs.maximum} and ${livekit.inMs.maximum} ms`;
  });
}

/** Their own lines are printed as they come. */
async function natRows(): Promise<{ passed: number; failed: number }> {
  const [command = "", ...rest] = [...namespaceCommand(), process.execPath, ...process.execArgv];
  const module = fileURLToPath(new URL("run.ts", import.meta.url));
  const child = spawn(command, [...rest, module], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  for await (const chunk of child.stdout) {
    process.stdout.write(chunk);
    output += chunk;
  }
  const [, passed, failed] = /(\d+) passed, (\d+) failed\s*$/.exec(output) ?? [];
  if (!passed || !failed) throw new Error("they ended without a count");
  return { passed: Number(passed), failed: Number(failed) };
}
