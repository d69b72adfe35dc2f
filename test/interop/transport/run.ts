// One table of cases for our transport against other implementations of WebRTC and itself.
// node --conditions=troupe-source test/interop/transport/run.ts PION [NAME ...]: PION is the program that scripts/interop-transport.sh
// builds; names of implementations, or `network`, leave the others out. Ends with `N passed, N failed`.
import { Engine } from "../../../src/native/index.ts";
import { Checks } from "../sora/Checks.ts";
import { chromiumImplementation } from "./Chromium.ts";
import type { Implementation } from "./Counterpart.ts";
import { channelChecks } from "./channels.ts";
import { feedbackChecks } from "./feedbackChecks.ts";
import { goodbyeChecks } from "./goodbyes.ts";
import { nodeDatachannelImplementation } from "./NodeDatachannel.ts";
import { networkChecks } from "./nat/networkChecks.ts";
import { ownImplementation } from "./Own.ts";
import { pionImplementation } from "./Pion.ts";
import { relayChecks } from "./relays.ts";
import { statsChecks } from "./statsChecks.ts";
import { runTable } from "./table.ts";

const [pion = "", ...wanted] = process.argv.slice(2);
const implementations: [name: string, make: () => Implementation | Promise<Implementation>][] = [
  ["troupe", () => ownImplementation],
  ["node-datachannel", () => nodeDatachannelImplementation],
  ["pion", () => pionImplementation(pion)],
  ["chromium", chromiumImplementation],
];

const checks = new Checks();
for (const [name, make] of implementations) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  await checks.group(name, async () => {
    const implementation = await make();
    try {
      await runTable(checks, implementation);
      await channelChecks(checks, implementation);
      await goodbyeChecks(checks, implementation);
      // A relay on loopback is reached from loopback, where Chromium and node-datachannel's far side have no candidate.
      if (name === "troupe" || name === "pion") await relayChecks(checks, implementation);
      if (name === "pion" || name === "chromium") await feedbackChecks(checks, implementation);
      if (name === "chromium") await statsChecks(checks, implementation);
    } finally {
      await implementation.close();
    }
  });
}
if (wanted.length === 0 || wanted.includes("network")) await networkChecks(checks);
Engine.stop();
process.stdout.write(`${checks.passed} passed, ${checks.failed} failed\n`);
process.exit(checks.failed === 0 ? 0 : 1);
