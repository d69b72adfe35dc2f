// The stage's page in Chromium: a bot shows its session there, and the page hears a track of it.
// node --conditions=troupe-source test/interop/page/run.ts [LIVEKIT_URL]: with a LiveKit server (devkey, secret) its
// sessions are shown too. Ends with 0 when everything was seen and heard.
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { AccessToken } from "livekit-server-sdk";
import { type Browser, chromium, type Page } from "playwright-core";
import { AudioSource, type Connection, connect, type RemoteTrack } from "troupe";
import { livekit } from "troupe/livekit";
import { sora } from "troupe/sora";
import { FeedPublisher, SessionView, Stage } from "troupe/stage";
import { generateTone } from "troupe/testing";

const SAMPLE_RATE = 48_000;
const FREQUENCY = 660;
const DEADLINE_MS = 20_000;

/** What spy.js puts into the page. */
declare const window: {
  heard(): { frequency: number; decibels: number };
  isPainted(canvas: unknown): boolean;
};

/** A source that sounds until it is closed. */
function tone(): AudioSource {
  const source = new AudioSource({ sampleRate: SAMPLE_RATE, capacityMs: 200 });
  const piece = generateTone({ frequency: FREQUENCY, sampleRate: SAMPLE_RATE, durationMs: 100 });
  const feed = async () => {
    for (;;) await source.write(piece);
  };
  feed().catch(() => {}); // ends when the source is closed
  return source;
}

/** Asks until it holds. */
async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + DEADLINE_MS;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`${what}: not within ${DEADLINE_MS / 1000} s`);
    await sleep(50);
  }
  console.log(`ok: ${what}`);
}

async function hears(page: Page): Promise<boolean> {
  const { frequency, decibels } = await page.evaluate(() => window.heard());
  return Math.abs(frequency - FREQUENCY) < 12 && decibels > -40;
}

/** One session on the page: a bot that watches, and somebody who sounds in it. */
async function check(
  page: Page,
  feedUrl: string,
  name: string,
  join: (who: string, source?: AudioSource) => Promise<Connection<object>>,
): Promise<void> {
  const bot = await join("bot");
  const publisher = new FeedPublisher(feedUrl);
  using _view = new SessionView(bot, publisher, name);
  const arrived = new Promise<RemoteTrack>((resolve) => bot.on("track", resolve));
  const source = tone();
  const speaker = await join("speaker", source);
  await arrived;
  const row = page.locator(".track", { hasText: name });
  await until(`${name}: the track is on the page and live`, async () =>
    /live/.test((await row.textContent().catch(() => "")) ?? ""),
  );
  await until(`${name}: its level moves`, () =>
    row.locator("canvas").evaluate((canvas) => window.isPainted(canvas)),
  );
  await row.getByRole("button").click();
  await until(`${name}: ${FREQUENCY} Hz is heard in the page`, () => hears(page));
  await row.getByRole("button").click();
  await until(`${name}: nothing is heard after Stop listening`, async () => !(await hears(page)));
  await speaker.disconnect();
  await until(`${name}: the track is gone from the page`, async () => (await row.count()) === 0);
  source.close();
  await bot.disconnect();
  publisher.close();
}

async function joinLiveKit(url: string, identity: string, audioSource?: AudioSource) {
  const token = new AccessToken("devkey", "secret", { identity });
  token.addGrant({ roomJoin: true, room: "page" });
  const connection = connect(livekit({ url, token: await token.toJwt(), audioSource }));
  await connection.connected();
  return connection;
}

const [liveKitUrl] = process.argv.slice(2);
const stage = await Stage.start();
let browser: Browser | undefined;
let failed = false;
try {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
  });
  const page = await browser.newPage();
  page.on("pageerror", (error) => {
    console.error(`not ok: the page threw: ${error.message}`);
    failed = true;
  });
  await page.addInitScript({ path: fileURLToPath(new URL("spy.js", import.meta.url)) });
  await page.goto(stage.newPageUrl()!);
  await check(page, stage.feedUrl, "a Sora channel", async (_who, audioSource) => {
    const role = audioSource ? "sendrecv" : "recvonly";
    const signalingUrls = [stage.signalingUrl];
    const connection = connect(sora({ signalingUrls, channelId: "page", role, audioSource }));
    await connection.connected();
    return connection;
  });
  if (liveKitUrl) {
    await check(page, stage.feedUrl, "a LiveKit room", (who, audioSource) =>
      joinLiveKit(liveKitUrl, who, audioSource),
    );
  }
} catch (error) {
  console.error(`not ok: ${(error as Error).message}`);
  failed = true;
} finally {
  await browser?.close();
  await stage.close();
}
process.exit(failed ? 1 : 0);
