import { networkInterfaces } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import type { Connection, StatsEntry } from "../../../connection/index.ts";
import { TroupeError } from "../../../core/index.ts";

const POLL_MS = 5;
const WITHIN_MS = 30_000;

/** When packets of audio come in on a connection, by the clock that all processes of the machine share. */
export class Arrivals {
  readonly #connection: Connection;
  #packets = 0;
  #lastMs = 0;
  #closed = false;

  constructor(connection: Connection) {
    this.#connection = connection;
    void this.#poll();
  }

  /**
   * When a packet came first after `ms`.
   *
   * @throws TroupeError TIMEOUT
   */
  async firstAfter(ms: number): Promise<number> {
    while (this.#lastMs <= ms) {
      if (nowMs() > ms + WITHIN_MS) throw new TroupeError("TIMEOUT", `No audio came within ${WITHIN_MS} ms`);
      await pause(POLL_MS / 2);
    }
    return this.#lastMs;
  }

  close(): void {
    this.#closed = true;
  }

  async #poll(): Promise<void> {
    while (!this.#closed) {
      const packets = received(await this.#connection.getStats());
      // A connection that was joined anew counts anew.
      if (packets > this.#packets) this.#lastMs = nowMs();
      this.#packets = packets;
      await pause(POLL_MS);
    }
  }
}

function received(stats: readonly StatsEntry[]): number {
  let packets = 0;
  for (const entry of stats) if (entry.type === "inbound-rtp") packets += Number(entry.packetsReceived ?? 0);
  return packets;
}

/** Resolves once an interface that runs has this address: a new link takes its time. */
export async function untilAddress(address: string): Promise<void> {
  const isThere = () =>
    Object.values(networkInterfaces()).some((list) => list?.some((one) => one.address === address));
  const end = nowMs() + WITHIN_MS;
  while (!isThere()) {
    if (nowMs() > end) throw new TroupeError("TIMEOUT", `No interface has ${address}`);
    await pause(POLL_MS);
  }
}

export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
