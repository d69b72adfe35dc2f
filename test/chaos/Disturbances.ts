import { setTimeout as pause } from "node:timers/promises";
import type { ChaosBot } from "./ChaosBot.ts";

/** Disturbances of one kind: where two of one bot overlap, the end of the first leaves it to the last to end it. */
export class Disturbances {
  readonly #running = new Map<ChaosBot, number>();

  isDisturbed(bot: ChaosBot): boolean {
    return (this.#running.get(bot) ?? 0) > 0;
  }

  /** Disturbs the bot by `set(true)`, and ends it with `set(false)` after `forMs` unless another goes on. */
  async during(bot: ChaosBot, forMs: number, set: (on: boolean) => unknown): Promise<void> {
    this.#running.set(bot, (this.#running.get(bot) ?? 0) + 1);
    await set(true);
    await pause(forMs);
    this.#running.set(bot, (this.#running.get(bot) ?? 1) - 1);
    if (!this.isDisturbed(bot)) await set(false);
  }
}
