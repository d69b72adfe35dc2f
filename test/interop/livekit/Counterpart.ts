import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { type PartyEvent, PartyEvents } from "../sora/Party.ts";
import { fromBase64 } from "../sora/sound.ts";

export type SdkName = "python" | "rtc-node" | "browser";

/** A client on one of LiveKit's own SDKs, which does what it is told and says what it sees. */
export abstract class Counterpart {
  readonly name: string;
  readonly #events: PartyEvents;

  protected constructor(name: string) {
    this.name = name;
    this.#events = new PartyEvents(name);
  }

  get events(): readonly PartyEvent[] {
    return this.#events.all;
  }

  /** Resolves with the first event of this kind with these fields, past or to come. Bounded. */
  until(event: string, fields: object = {}): Promise<PartyEvent> {
    const wanted = Object.entries({ event, ...fields });
    const fits = (one: PartyEvent) => wanted.every(([name, value]) => one[name] === value);
    return this.#events.until(`${event} ${JSON.stringify(fields)}`, fits);
  }

  /** Runs a command of the client; gives its value. */
  abstract ask(command: string, args?: object): Promise<unknown>;

  /** What it heard of a participant in the last seconds: 16 kHz mono. */
  async heard(identity: string): Promise<Int16Array> {
    return fromBase64(String(await this.ask("hears", { identity })));
  }

  abstract close(): Promise<void>;

  protected push(event: PartyEvent): void {
    this.#events.push(event);
  }
}

/** One in a process of its own that speaks lines of JSON. */
export class ProcessCounterpart extends Counterpart {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<void>;
  readonly #asked = new Map<number, PromiseWithResolvers<unknown>>();
  #id = 0;
  #errors = "";

  private constructor(name: string, command: string, args: string[]) {
    super(name);
    this.#child = spawn(command, args);
    this.#child.stdin.on("error", () => {});
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#errors = (this.#errors + text).slice(-2000);
    });
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      if (line.startsWith("{")) this.#take(JSON.parse(line) as PartyEvent);
    });
    this.#ended = new Promise((resolve) => this.#child.once("close", () => resolve()));
    void this.#ended.then(() => {
      for (const { reject } of this.#asked.values()) reject(new Error(`${name} ended: ${this.#errors}`));
    });
  }

  /** A client of another kind, which speaks the same. */
  static run(name: string, command: string, args: string[]): ProcessCounterpart {
    return new ProcessCounterpart(name, command, args);
  }

  static python(name: string): ProcessCounterpart {
    const script = fileURLToPath(new URL("client.py", import.meta.url));
    return new ProcessCounterpart(name, process.env.LIVEKIT_PYTHON ?? "python3", ["-u", script]);
  }

  static node(name: string): ProcessCounterpart {
    const script = fileURLToPath(new URL("nodeClient.ts", import.meta.url));
    return new ProcessCounterpart(name, process.execPath, [script]);
  }

  ask(command: string, args: object = {}): Promise<unknown> {
    this.#id += 1;
    const answer = Promise.withResolvers<unknown>();
    this.#asked.set(this.#id, answer);
    this.#child.stdin.write(`${JSON.stringify({ id: this.#id, command, ...args })}\n`);
    return answer.promise;
  }

  async close(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }

  #take(event: PartyEvent): void {
    if (event.event !== "result") {
      this.push(event);
      return;
    }
    const answer = this.#asked.get(Number(event.id));
    this.#asked.delete(Number(event.id));
    if (event.error === undefined) answer?.resolve(event.value);
    else answer?.reject(new Error(`${this.name}: ${event.error}`));
  }
}

declare const window: { run(command: string, args: object): Promise<unknown> };

/** One in a page of a browser. */
export class PageCounterpart extends Counterpart {
  readonly #page: Page;

  private constructor(name: string, page: Page) {
    super(name);
    this.#page = page;
  }

  static async open(name: string, page: Page, origin: string): Promise<PageCounterpart> {
    const counterpart = new PageCounterpart(name, page);
    await page.exposeFunction("tell", (event: PartyEvent) => counterpart.push(event));
    await page.goto(origin);
    await page.waitForFunction("window.run !== undefined");
    return counterpart;
  }

  ask(command: string, args: object = {}): Promise<unknown> {
    return this.#page.evaluate(([name, values]) => window.run(name, values), [command, args] as const);
  }

  async close(): Promise<void> {
    await this.#page.close();
  }
}
