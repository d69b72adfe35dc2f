// LiveKit's own SDKs with our client, on a real livekit-server. Run by scripts/interop-livekit.sh.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { Checks } from "../sora/Checks.ts";
import { PageCounterpart, ProcessCounterpart } from "./Counterpart.ts";
import { counterpartChecks } from "./counterpartChecks.ts";
import { demoChecks } from "./demoChecks.ts";
import { networkChecks } from "./networkChecks.ts";
import { oldServerChecks } from "./oldServerChecks.ts";
import { outageChecks } from "./outageChecks.ts";
import { endingChecks } from "./refusalChecks.ts";
import { scenarioChecks } from "./scenarioChecks.ts";
import { servePage } from "./servePage.ts";
import { LiveKitServer } from "./server.ts";
import { workerChecks } from "./workerChecks.ts";

/** What everything may take, in ms. */
const TOTAL_MS = 9 * 60_000;

const only = new Set(process.argv.slice(2));
const wants = (part: string) => only.size === 0 || only.has(part);

const watchdog = setTimeout(() => {
  process.stdout.write(`FAIL everything: took longer than ${TOTAL_MS} ms\n0 passed, 1 failed\n`);
  process.exit(1);
}, TOTAL_MS);

const checks = new Checks();
const folder = await mkdtemp(join(tmpdir(), "troupe-interop-"));
const server = await LiveKitServer.start();
try {
  if (wants("endings")) await endingChecks(checks, server);
  for (const form of ["single", "dual"] as const) {
    if (wants("network")) await networkChecks(checks, server, form);
    if (wants("scenarios")) await scenarioChecks(checks, server, form);
  }
  // Takes minutes to build, so it is run when it is named.
  if (only.has("old")) await oldServerChecks(checks);
  if (wants("outage")) await outageChecks(checks, server);
  if (wants("python")) {
    const open = async (name: string) => ProcessCounterpart.python(name);
    await counterpartChecks(checks, "python", { url: server.url, folder, open, lacks: [] });
  }
  if (wants("node")) {
    const open = async (name: string) => ProcessCounterpart.node(name);
    // It has no way to mute a track, and no event of transcriptions that packets bring.
    await counterpartChecks(checks, "rtc-node", { url: server.url, folder, open, lacks: ["mute"] });
  }
  if (wants("browser")) await browserChecks();
  if (wants("worker")) await workerChecks(checks, server.url);
  if (wants("demo")) await demoChecks(checks, server.url);
} finally {
  await server.kill();
  await rm(folder, { recursive: true, force: true });
  clearTimeout(watchdog);
}
process.stdout.write(`${checks.passed} passed, ${checks.failed} failed\n`);
process.exit(checks.failed === 0 && checks.passed > 0 ? 0 : 1);

async function browserChecks(): Promise<void> {
  const page = await servePage();
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    timeout: 60_000,
    args: [
      "--no-sandbox",
      "--autoplay-policy=no-user-gesture-required",
      "--disable-features=WebRtcHideLocalIpsWithMdns",
    ],
  });
  try {
    const open = async (name: string) => PageCounterpart.open(name, await browser.newPage(), page.origin);
    // It sends no transcription of its own.
    await counterpartChecks(checks, "browser", { url: server.url, folder, open, lacks: ["transcription"] });
  } finally {
    await browser.close();
    page.close();
  }
}
