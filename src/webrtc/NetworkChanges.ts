import type { Clock } from "../core/index.ts";

/** How long a change of the network may explain that the path dies, in ms. */
const RECENT_MS = 10_000;

/**
 * Tells whether a change of the machine's network leaves only a restart on new sockets: the path's address is gone, or
 * the path is dead and the machine has another way now, whichever of the two came first. Once a change.
 */
export class NetworkChanges {
  readonly #clock: Clock;
  readonly #isPathDead: () => boolean;
  readonly #tell: (isPathLost: boolean) => void;
  #changedUs: number | undefined;

  constructor(clock: Clock, isPathDead: () => boolean, tell: (isPathLost: boolean) => void) {
    this.#clock = clock;
    this.#isPathDead = isPathDead;
    this.#tell = tell;
  }

  /** The transport says so. */
  changed(isPathLost: boolean): void {
    this.#changedUs = this.#clock.nowUs();
    this.#say(isPathLost || this.#isPathDead());
  }

  /** Nothing comes over the path any more. */
  pathDied(): void {
    if (this.#changedUs === undefined) return;
    if ((this.#clock.nowUs() - this.#changedUs) / 1000 <= RECENT_MS) this.#say(true);
  }

  #say(isPathLost: boolean): void {
    if (isPathLost) this.#changedUs = undefined;
    this.#tell(isPathLost);
  }
}
