import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import type {
  ChannelKind,
  Counterpart,
  CounterpartOptions,
  Implementation,
  StatsObject,
} from "./Counterpart.ts";

/** What page.js puts into the page. */
declare const window: {
  create(): Promise<number>;
  answer(number: number, sdp: string): Promise<string>;
  offer(number: number, options: object): Promise<string>;
  acceptAnswer(number: number, sdp: string): Promise<void>;
  addCandidate(number: number, candidate: string, mid: string): Promise<void>;
  open(number: number, label: string, kind: ChannelKind): void;
  closeChannel(number: number, label: string): void;
  state(number: number): string;
  stats(number: number): Promise<StatsObject[]>;
  openLabels(number: number): string[];
  closeConnection(number: number): void;
};

/** Debian's Chromium, headless; one page holds all of its connections. */
export async function chromiumImplementation(): Promise<Implementation> {
  const browser = await launch();
  // Peer connections are for pages of a secure origin, which loopback is.
  const server = createServer((_request, response) => {
    response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>counterpart</title>");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const page = await browser.newPage();
  page.on("pageerror", (error) => process.stderr.write(`Chromium: ${error.message}\n`));
  const listeners = new Map<number, CounterpartOptions["onCandidate"]>();
  await page.exposeFunction("report", (number: number, candidate: string, mid: string) =>
    listeners.get(number)?.(candidate, mid),
  );
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  await page.addScriptTag({ path: fileURLToPath(new URL("page.js", import.meta.url)) });
  return {
    name: "Chromium",
    // It sends packets of up to 1200 bytes before UDP and IP are around them.
    // It sends no goodbye for a sender that stops, and what it makes of one that comes no page can see.
    lacks: ["setup", "small packets", "ICE over TCP", "goodbye out", "goodbyes in"],
    create: async ({ onCandidate }) => {
      const number = await page.evaluate(() => window.create());
      listeners.set(number, onCandidate);
      return new ChromiumPeer(page, number);
    },
    close: async () => {
      await browser.close();
      server.close();
    },
  };
}

function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: [
      "--no-sandbox",
      "--autoplay-policy=no-user-gesture-required",
      "--disable-features=WebRtcHideLocalIpsWithMdns",
    ],
  });
}

class ChromiumPeer implements Counterpart {
  readonly #page: Page;
  readonly #number: number;

  constructor(page: Page, number: number) {
    this.#page = page;
    this.#number = number;
  }

  answer(offer: string): Promise<string> {
    return this.#page.evaluate(([number, sdp]) => window.answer(number, sdp), [this.#number, offer] as const);
  }

  offer(options: { iceRestart?: boolean } = {}): Promise<string> {
    return this.#page.evaluate(([number, wanted]) => window.offer(number, wanted), [
      this.#number,
      options,
    ] as const);
  }

  acceptAnswer(answer: string): Promise<void> {
    return this.#page.evaluate(([number, sdp]) => window.acceptAnswer(number, sdp), [
      this.#number,
      answer,
    ] as const);
  }

  addCandidate(candidate: string, mid: string): Promise<void> {
    return this.#page.evaluate(([number, text, line]) => window.addCandidate(number, text, line), [
      this.#number,
      candidate,
      mid,
    ] as const);
  }

  open(label: string, kind: ChannelKind = {}): Promise<void> {
    return this.#page.evaluate(([number, name, options]) => window.open(number, name, options), [
      this.#number,
      label,
      kind,
    ] as const);
  }

  closeChannel(label: string): Promise<void> {
    return this.#page.evaluate(([number, name]) => window.closeChannel(number, name), [
      this.#number,
      label,
    ] as const);
  }

  state(): Promise<string> {
    return this.#page.evaluate((number) => window.state(number), this.#number);
  }

  stats(): Promise<StatsObject[]> {
    return this.#page.evaluate((number) => window.stats(number), this.#number);
  }

  openLabels(): Promise<string[]> {
    return this.#page.evaluate((number) => window.openLabels(number), this.#number);
  }

  async endAudio(): Promise<void> {
    throw new Error("it would say no goodbye");
  }

  async goodbyes(): Promise<number> {
    throw new Error("no page sees them");
  }

  close(): Promise<void> {
    return this.#page.evaluate((number) => window.closeConnection(number), this.#number);
  }
}
