import type { Logger } from "../../../core/index.ts";
import { fetchRegions, serverUrls } from "./regions.ts";

/** Where to dial: the given server, and when it fails the regions that LiveKit Cloud has, one after the other. */
export class ServerAddresses {
  readonly #given: string;
  readonly #hasRegions: boolean;
  readonly #log: Logger;
  #current: string;
  /** Regions that were not tried yet. */
  #regions: string[] = [];
  #isAsked = false;

  /** @param hasRegions whether a server of this address has a list of regions. */
  constructor(url: string, hasRegions: (url: URL) => boolean, log: Logger) {
    this.#given = url;
    this.#current = url;
    this.#hasRegions = hasRegions(new URL(url));
    this.#log = log;
  }

  get current(): string {
    return this.#current;
  }

  /** The server says where to go instead, with the best one first; the given server is tried after them. */
  redirect(regions: readonly { url: string }[]): void {
    const [first, ...rest] = serverUrls(regions);
    if (!first) return;
    this.#current = first;
    this.#regions = rest;
    this.#isAsked = true;
  }

  /** The current one failed: the next one takes its place. Never rejects. */
  async next(token: string, signal: AbortSignal): Promise<void> {
    if (this.#hasRegions && !this.#isAsked) this.#regions = await this.#ask(token, signal);
    const failed = this.#current;
    const region = this.#regions.find((url) => url !== failed);
    this.#isAsked = region !== undefined;
    this.#regions = region ? this.#regions.slice(this.#regions.indexOf(region) + 1) : [];
    this.#current = region ?? this.#given;
  }

  async #ask(token: string, signal: AbortSignal): Promise<string[]> {
    try {
      return await fetchRegions(this.#given, token, signal);
    } catch (error) {
      if (!signal.aborted) this.#log.warn("the regions of the server are not known", { error });
      return [];
    }
  }
}
