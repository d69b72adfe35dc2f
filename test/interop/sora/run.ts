// Sora's official SDKs against the stage, the client and each other. Run by scripts/interop-sora.sh.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BrowserParty, type JoinPage, launchBrowser, servePage } from "./BrowserParty.ts";
import { botChecks } from "./botChecks.ts";
import { browserChecks } from "./browserChecks.ts";
import { browserVideoChecks } from "./browserVideoChecks.ts";
import { Checks } from "./Checks.ts";
import { checklistChecks } from "./checklistChecks.ts";
import { pythonChecks } from "./pythonChecks.ts";
import { startStage } from "./StageProcess.ts";
import { join16, SAMPLE_RATE, silence, speak, tone, writeWav } from "./sound.ts";
import { transformChecks } from "./transformChecks.ts";
import { videoChecks } from "./videoChecks.ts";

/** What everything may take, in ms. */
const TOTAL_MS = 8 * 60_000;

/** One that pocketsphinx understands of flite with its general model of English, wire or no wire. */
const SENTENCE = "my brother went to the station to meet an old friend";
/** For the bot, which has a grammar of its own and answers this at length. */
const QUESTION = "what are your opening hours";
/** What the browser's microphone hums between its sentences. */
const BROWSER_HZ = 660;

const python = process.env.SORA_PYTHON ?? "python3";
const only = new Set(process.argv.slice(2));
const wants = (part: string) => only.size === 0 || only.has(part);

const watchdog = setTimeout(() => {
  process.stdout.write(`FAIL everything: took longer than ${TOTAL_MS} ms\n0 passed, 1 failed\n`);
  process.exit(1);
}, TOTAL_MS);

const checks = new Checks();
const folder = await mkdtemp(join(tmpdir(), "troupe-interop-"));
const page = await servePage();
const stage = await startStage({ allowedOrigins: [page.origin] });
try {
  const room = { url: stage.signalingUrl, python, sentence: SENTENCE, speech: await speak(SENTENCE) };
  if (wants("python")) await pythonChecks(checks, room);
  if (wants("checklist")) await checklistChecks(checks, { stage, python });
  if (wants("transform")) await transformChecks(checks, room);
  if (wants("video")) {
    await videoChecks(checks, { stage, python });
    await withBrowser(silence(1), (joinPage) =>
      browserVideoChecks(checks, { url: stage.signalingUrl, python, joinPage }),
    );
  }
  if (wants("browser")) {
    const loop = join16(silence(1), room.speech, silence(1), tone(BROWSER_HZ, 3));
    await withBrowser(loop, (joinPage) =>
      browserChecks(checks, { ...room, joinPage, hz: BROWSER_HZ, loopSeconds: loop.length / SAMPLE_RATE }),
    );
  }
  if (wants("bot")) {
    const speech = await speak(QUESTION);
    // The bot has time to answer before its caller starts over.
    await withBrowser(join16(silence(8), speech, silence(16)), (joinPage) =>
      botChecks(checks, { ...room, speech, joinPage }),
    );
  }
} finally {
  page.close();
  await stage.close();
  await rm(folder, { recursive: true, force: true });
  clearTimeout(watchdog);
}
process.stdout.write(`${checks.passed} passed, ${checks.failed} failed\n`);
process.exit(checks.failed === 0 && checks.passed > 0 ? 0 : 1);

async function withBrowser(
  microphone: Int16Array,
  work: (joinPage: JoinPage) => Promise<void>,
): Promise<void> {
  await checks.group("a browser", async () => {
    const wav = join(folder, "microphone.wav");
    await writeWav(wav, microphone);
    const browser = await launchBrowser(wav);
    try {
      await work((name, channel, options = {}) =>
        BrowserParty.join(name, browser, page.origin, { url: stage.signalingUrl, channel, ...options }),
      );
    } finally {
      await browser.close();
    }
  });
}
