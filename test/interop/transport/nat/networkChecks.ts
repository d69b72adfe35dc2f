import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { namespaceCommand } from "../../../../src/cli/bench/network/namespaceCommand.ts";
import { withChangingNetwork } from "../../../../src/cli/bench/network/networkChange.ts";
import { type Checks, expect } from "../../sora/Checks.ts";

/** Of all kinds of changes those that take different ways through the code; the bench has the others. */
const KINDS = ["address", "gap", "deadPath", "flapping"] as const;
const WITHIN_MS = 120_000;
/** After so long audio has to be there again, on a machine that is busy beside. The aim is in docs/performance.md. */
const AGAIN_MS = 10_000;

/** NAT in network namespaces, and bots whose network changes. Without the right to make namespaces they fail. */
export async function networkChecks(checks: Checks): Promise<void> {
  await checks.group("paths through NAT", async () => {
    const { passed, failed } = await natRows();
    checks.passed += passed;
    checks.failed += failed;
  });
  await checks.group("bots whose network changes", () =>
    withChangingNetwork(AbortSignal.timeout(WITHIN_MS), async (network) => {
      for (const transport of ["sora", "livekit"] as const) {
        await network.join(transport);
        for (const kind of KINDS) {
          await checks.check(`${transport}: ${kind}`, async () => {
            const { inMs, outMs, losses } = await network.measure(kind, 1);
            const latestMs = Math.max(inMs.maximum, outMs.maximum);
            expect(latestMs < AGAIN_MS, `audio came again after ${latestMs} ms`);
            return `audio again after ${latestMs} ms, lost ${losses} times`;
          });
        }
        await checks.check(`${transport}: the address changes under a connect`, async () => {
          const tookMs = await network.connect();
          return `connected within ${tookMs.map((ms) => ms.toFixed(0)).join(", ")} ms`;
        });
        await network.leave();
      }
    }),
  );
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
