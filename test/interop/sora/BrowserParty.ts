import { createReadStream } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { type Party, type PartyEvent, PartyEvents } from "./Party.ts";
import type { Camera, SeenTrack } from "./PythonParty.ts";
import { fromBase64 } from "./sound.ts";

const FILES: Record<string, [type: string, path: string]> = {
  "/": ["text/html", fileURLToPath(new URL("page.html", import.meta.url))],
  "/page.js": ["text/javascript", fileURLToPath(new URL("page.js", import.meta.url))],
  "/sora.mjs": ["text/javascript", fileURLToPath(import.meta.resolve("sora-js-sdk"))],
};
const POLL_MS = 50;

/** Serves the page with Sora's JavaScript SDK on loopback, which browsers take for a secure place. */
export async function servePage(): Promise<{ origin: string; close: () => void }> {
  const server: Server = createServer((request, response) => {
    const file = FILES[request.url ?? ""];
    if (!file) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { "content-type": file[0] });
    createReadStream(file[1]).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Chromium whose microphone plays the WAV file round and round. */
export function launchBrowser(microphoneWav: string): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    timeout: 60_000,
    args: [
      "--no-sandbox",
      "--use-fake-device-for-media-stream",
      "--use-fake-ui-for-media-stream",
      `--use-file-for-fake-audio-capture=${microphoneWav}`,
      "--autoplay-policy=no-user-gesture-required",
      "--disable-features=WebRtcHideLocalIpsWithMdns",
    ],
  });
}

export interface BrowserOptions {
  url: string;
  channel: string;
  role?: "sendrecv" | "sendonly" | "recvonly";
  /** What it shows; it has no pictures to send when left out. */
  camera?: Camera;
  /** More options of the SDK's connection. */
  options?: object;
}

/** Opens a page that joins the channel. */
export type JoinPage = (name: string, channel: string, options?: object) => Promise<BrowserParty>;

interface PageParty {
  join(options: object): Promise<string>;
  connect(): Promise<string>;
  events(): PartyEvent[];
  clear(): void;
  heard(): string;
  send(label: string, base64: string): Promise<void>;
  seen(): SeenTrack[];
  rpc(method: string, params: object): Promise<unknown>;
  disconnect(): Promise<void>;
}
declare const window: { party: PageParty };

/** A client on Sora's JavaScript SDK, in a page of its own. Its microphone is the browser's. */
export class BrowserParty implements Party {
  readonly name: string;
  readonly #events: PartyEvents;
  readonly #page: Page;
  readonly #poll: NodeJS.Timeout;

  private constructor(name: string, page: Page) {
    this.name = name;
    this.#page = page;
    this.#events = new PartyEvents(name);
    page.on("pageerror", (error) => this.#events.push({ event: "error", message: String(error) }));
    this.#poll = setInterval(() => {
      this.#collect().catch(() => {});
    }, POLL_MS);
  }

  static async join(
    name: string,
    browser: Browser,
    origin: string,
    options: BrowserOptions,
  ): Promise<BrowserParty> {
    const page = await browser.newPage();
    page.setDefaultTimeout(20_000);
    const party = new BrowserParty(name, page);
    try {
      await page.goto(origin);
      await page.waitForFunction("window.party !== undefined");
      await page.evaluate((all) => window.party.join(all), { role: "sendrecv", options: {}, ...options });
      await party.until("own connection.created", ({ event, own }) => event === "notify" && own === true);
    } catch (error) {
      await party.close();
      throw error;
    }
    return party;
  }

  get events(): readonly PartyEvent[] {
    return this.#events.all;
  }

  until(what: string, fits: (event: PartyEvent) => boolean): Promise<PartyEvent> {
    return this.#events.until(what, fits);
  }

  /** The browser's microphone speaks already. */
  async play(): Promise<void> {}

  async clear(): Promise<void> {
    await this.#page.evaluate(() => window.party.clear());
  }

  async heard(): Promise<Int16Array> {
    return fromBase64(await this.#page.evaluate(() => window.party.heard()));
  }

  async send(label: string, text: string): Promise<void> {
    const data = Buffer.from(text).toString("base64");
    await this.#page.evaluate(([to, message]) => window.party.send(to!, message!), [label, data]);
  }

  /** The video tracks so far. */
  seen(): Promise<SeenTrack[]> {
    return this.#page.evaluate(() => window.party.seen());
  }

  /** Calls a method of the stage; gives its result. */
  rpc(method: string, params: object): Promise<unknown> {
    return this.#page.evaluate(
      ([name, values]) => window.party.rpc(String(name), values as object),
      [method, params],
    );
  }

  async stats(): Promise<never> {
    throw new Error("the page gives no statistics");
  }

  /** Leaves in order; the page stays, and may {@link BrowserParty.rejoin}. */
  async disconnect(): Promise<void> {
    await this.#page.evaluate(() => window.party.disconnect());
    await this.#collect();
  }

  /** Joins again; gives the new connection id. */
  async rejoin(): Promise<string> {
    const own = await this.#page.evaluate(() => window.party.connect());
    await this.until("own connection.created again", ({ event, message }) => {
      const { event_type: type, connection_id: id } = (message ?? {}) as Record<string, unknown>;
      return event === "notify" && type === "connection.created" && id === own;
    });
    return own;
  }

  async leave(): Promise<void> {
    await this.disconnect();
    await this.close();
  }

  async close(): Promise<void> {
    clearInterval(this.#poll);
    await this.#page.close();
  }

  async #collect(): Promise<void> {
    for (const event of await this.#page.evaluate(() => window.party.events())) this.#events.push(event);
  }
}
