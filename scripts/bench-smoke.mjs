// A short run of the benches whose output must make sense; the figures themselves are judged by people.
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const voice = bench(["voice", "--bots", "10", "--seconds", "8"]);
const blocked = bench(["blocked", "--bots", "10", "--seconds", "8"]);

const checks = [
  ["voice: bots and seconds as asked", voice?.bots === 10 && voice?.seconds === 8],
  [
    "voice: CPU per bot is a positive share of a core",
    voice?.cpuPercentPerBot > 0.1 && voice?.cpuPercentPerBot < 20,
  ],
  ["voice: audio was received", voice?.receivedShare > 0.9 && voice?.receivedShare <= 1],
  ["voice: clicks came through", voice?.mouthToEarMs?.clicks > 5 && voice?.mouthToEarMs?.p50 > 10],
  ["voice: joins were timed", voice?.joinMs?.p95 >= voice?.joinMs?.p50 && voice?.joinMs?.p50 > 0],
  ["voice: codec threads took their part", voice?.codecThreadPercent > 0],
  ["blocked: JavaScript was blocked", blocked?.eventLoopDelayMs?.maximum > 150],
  ["blocked: audio was received all the same", blocked?.receivedShare > 0.9],
  ["blocked: gaps were measured", blocked?.longestGapMs > 10 && blocked?.controlLongestGapMs > 10],
];
for (const [what, ok] of checks) process.stdout.write(`${ok ? "ok    " : "FAILED"} ${what}\n`);
const failed = checks.filter(([, ok]) => !ok).length;
process.stdout.write(`${checks.length - failed} passed, ${failed} failed\n`);
process.exit(failed === 0 ? 0 : 1);

function bench(benchArguments) {
  const command = [join(root, "bin/troupe.js"), "bench", ...benchArguments, "--json"];
  const result = spawnSync("node", command, { cwd: root, encoding: "utf8", timeout: 180_000 });
  process.stdout.write(result.stdout + result.stderr);
  try {
    return JSON.parse(result.stdout);
  } catch {
    return undefined;
  }
}
