// The official avatar SDK and our sessions with the stage's avatar service. Run by scripts/interop-avatar.sh.
import { LiveKitServer } from "../livekit/server.ts";
import { Checks } from "../sora/Checks.ts";
import { pythonParty, TroupeAvatarParty } from "./AvatarParty.ts";
import { type PartyKind, protocolChecks } from "./protocolChecks.ts";
import { roomChecks } from "./roomChecks.ts";

/** What everything may take, in ms. */
const TOTAL_MS = 8 * 60_000;

const KINDS: PartyKind[] = [
  { name: "python", make: pythonParty },
  { name: "troupe", make: (name) => new TroupeAvatarParty(name) },
];

const only = new Set(process.argv.slice(2));
const wants = (part: string) => only.size === 0 || only.has(part);

const watchdog = setTimeout(() => {
  process.stdout.write(`FAIL everything: took longer than ${TOTAL_MS} ms\n0 passed, 1 failed\n`);
  process.exit(1);
}, TOTAL_MS);

const checks = new Checks();
if (wants("protocol")) for (const kind of KINDS) await protocolChecks(checks, kind);
if (wants("room")) {
  const server = await LiveKitServer.start();
  try {
    for (const kind of KINDS) await roomChecks(checks, server.url, kind);
  } finally {
    await server.kill();
  }
}
clearTimeout(watchdog);
process.stdout.write(`${checks.passed} passed, ${checks.failed} failed\n`);
process.exit(checks.failed === 0 && checks.passed > 0 ? 0 : 1);
