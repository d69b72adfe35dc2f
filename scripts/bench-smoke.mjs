// A short run of the benches whose output must make sense; the figures themselves are judged by people.
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const voice = bench(["voice", "--bots", "10", "--seconds", "8"]);
const blocked = bench(["blocked", "--bots", "10", "--seconds", "8"]);
const quality = bench(["quality", "--seconds", "10", "--rows", "clean,20 % loss"], 600_000);
const [clean, lossy] = quality?.rows ?? [];
const livekit = bench(["livekit", "--bots", "2", "--seconds", "4"], 600_000);
const connector = bench(["connector", "--calls", "10", "--seconds", "5"]);
const interruption = bench(["interruption", "--bots", "1"]);
const transport = bench(["transport", "--pairs", "4", "--seconds", "3"]);

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
  ["voice: clears were measured", voice?.clearToSilenceMs?.p50 > 0 && voice?.clearToSilenceMs?.p50 < 1000],
  ["blocked: JavaScript was blocked", blocked?.eventLoopDelayMs?.maximum > 150],
  ["blocked: audio was received all the same", blocked?.receivedShare > 0.9],
  ["blocked: gaps were measured", blocked?.longestGapMs > 10 && blocked?.controlLongestGapMs > 10],
  ...["troupe", "libwebrtc"].flatMap((who) => [
    [`quality: ${who} heard clean speech`, clean?.[who].score > 3 && clean?.[who].score <= 5],
    [`quality: ${who} delayed it`, clean?.[who].addedDelayMs.p50 > 5 && clean?.[who].addedDelayMs.p50 < 1000],
    [`quality: ${who} lost packets`, lossy?.[who].packetsLostOnLink > 50],
  ]),
  [
    "quality: both lost about the same packets",
    Math.abs(lossy?.troupe.packetsLostOnLink / lossy?.libwebrtc.packetsLostOnLink - 1) < 0.1,
  ],
  ...["troupe", "rtcNode"].flatMap((who) => [
    [
      `livekit: audio flowed both ways with ${who}`,
      livekit?.[who].receivedShare > 0.9 && livekit[who].deliveredShare > 0.9,
    ],
    [`livekit: what ${who} costs was measured`, livekit?.[who].cpuPercentPerBot > 0.1],
    [`livekit: joins with ${who} were timed`, livekit?.[who].joinMs.p95 >= livekit?.[who].joinMs.p50],
    [
      `livekit: clicks came through ${who}`,
      livekit?.[who].mouthToEarMs.clicks > 5 && livekit[who].mouthToEarMs.p50 > 10,
    ],
  ]),
  ["connector: calls and seconds as asked", connector?.calls === 10 && connector?.seconds === 5],
  ["connector: what a call costs was measured", connector?.cpuPercentPerCall > 0.01],
  [
    "connector: audio flowed both ways",
    connector?.sentShare > 0.9 && connector.sentShare < 1.1 && connector.receivedShare > 0.9,
  ],
  [
    "connector: the jitter was measured",
    connector?.sentJitterMs?.p99 > 0 && connector.sentJitterMs.p99 < 1000,
  ],
  ["transport: pairs and seconds as asked", transport?.pairs === 4 && transport?.seconds === 3],
  ...["troupe", "nodeDatachannel"].flatMap((who) => [
    [`transport: ${who}'s packets came through`, transport?.[who].receivedShare > 0.9],
    [
      `transport: what ${who}'s ends cost was measured`,
      transport?.[who].cpuPercentPerEnd > 0 && transport[who].cpuPercentPerEndStaggered > 0,
    ],
    [
      `transport: ${who}'s connects were timed`,
      transport?.[who].connectMs.p95 >= transport?.[who].connectMs.p50 &&
        transport[who].connects.count === 200,
    ],
  ]),
  ["interruption: the bot fell silent", interruption?.interruptionMs?.length === 1],
  ["interruption: sources were cleared", interruption?.clearMs?.count > 5 && interruption.clearMs.p50 < 1000],
];
for (const [what, ok] of checks) process.stdout.write(`${ok ? "ok    " : "FAILED"} ${what}\n`);
const failed = checks.filter(([, ok]) => !ok).length;
process.stdout.write(`${checks.length - failed} passed, ${failed} failed\n`);
process.exit(failed === 0 ? 0 : 1);

function bench(benchArguments, timeout = 180_000) {
  const command = [join(root, "bin/troupe.js"), "bench", ...benchArguments, "--json"];
  const result = spawnSync("node", command, { cwd: root, encoding: "utf8", timeout });
  process.stdout.write(result.stdout + result.stderr);
  try {
    return JSON.parse(result.stdout);
  } catch {
    return undefined;
  }
}
