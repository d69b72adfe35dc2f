import { BenchChild } from "../childProcess.ts";
import type { SideUsage, Spread } from "./ends.ts";

/** Libraries whose ends {@link TransportPairs} connects. */
export type TransportLibrary = "troupe" | "nodeDatachannel";

const CONNECT_WITHIN_MS = 30_000;

/**
 * Connections between two processes that have all the near and all the far ends, of one library. Descriptions pass
 * through this process; they hold every candidate.
 */
export class TransportPairs {
  readonly #near: BenchChild;
  readonly #far: BenchChild;
  #count = 0;
  #nextId = 0;

  constructor(library: TransportLibrary) {
    this.#near = new BenchChild(`transport/${library}EndsProcess`);
    this.#far = new BenchChild(`transport/${library}EndsProcess`);
  }

  /** Open pairs. */
  get count(): number {
    return this.#count;
  }

  /** Connects so many more pairs, all at once; gives how long each took, in ms, from its offer until both ends can be used. */
  connect(count: number): Promise<number[]> {
    this.#count += count;
    return Promise.all(Array.from({ length: count }, () => this.#connectOne(this.#nextId++)));
  }

  /** Has all ends send from now on. */
  async send(spread: Spread): Promise<void> {
    await this.#both("send", { spread });
  }

  async fallSilent(): Promise<void> {
    await this.#both("fallSilent");
  }

  /** What both sides use and get in so many seconds. */
  measure(seconds: number): Promise<[near: SideUsage, far: SideUsage]> {
    return this.#both<SideUsage>("measure", { seconds }, seconds * 1000);
  }

  /** Resident memory of the two processes together, after JavaScript's garbage was collected. */
  async rssBytes(): Promise<number> {
    const [near, far] = await this.#both<number>("rssBytes");
    return near + far;
  }

  async closeAll(): Promise<void> {
    await this.#both("closeAll");
    this.#count = 0;
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.#near.request("stop"), this.#far.request("stop")]);
    this.kill();
  }

  kill(): void {
    this.#near.close();
    this.#far.close();
  }

  async #connectOne(id: number): Promise<number> {
    const began = performance.now();
    const offer = await this.#near.request<string>("offer", { id });
    const answer = await this.#far.request<string>("answer", { id, offer });
    await this.#near.request("accept", { id, answer });
    await this.#both("connected", { id }, CONNECT_WITHIN_MS);
    return performance.now() - began;
  }

  #both<Result>(name: string, argument: object = {}, withinMs = 0): Promise<[Result, Result]> {
    return Promise.all([
      this.#near.request<Result>(name, argument, withinMs),
      this.#far.request<Result>(name, argument, withinMs),
    ]);
  }
}
