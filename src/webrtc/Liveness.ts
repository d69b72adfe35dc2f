import type { Clock } from "../core/index.ts";

const POLL_MS = 500;
const STALLED_AFTER_MS = 2000;
/** A line that is quiet for this long may be so because nobody has anything to say: the far side is asked. */
const PROBE_AFTER_MS = 900;

/** Watches how long ago the last packet of any kind came in, while the transport is connected. */
export class Liveness {
  readonly #clock: Clock;
  readonly #sinceLastPacketMs: () => number;
  readonly #probe: () => void;
  readonly #onChange: (state: "flowing" | "stalled") => void;
  #timer: unknown = null;
  #startedUs = 0;
  state: "flowing" | "stalled" = "flowing";

  /**
   * @param sinceLastPacketMs -1 before the first packet.
   * @param probe makes the far side send a packet, where it can be made to.
   */
  constructor(
    clock: Clock,
    sinceLastPacketMs: () => number,
    probe: () => void,
    onChange: (state: "flowing" | "stalled") => void,
  ) {
    this.#clock = clock;
    this.#sinceLastPacketMs = sinceLastPacketMs;
    this.#probe = probe;
    this.#onChange = onChange;
  }

  start(): void {
    if (this.#timer !== null) return;
    this.#startedUs = this.#clock.nowUs();
    this.#arm();
  }

  stop(): void {
    if (this.#timer !== null) this.#clock.clearTimeout(this.#timer);
    this.#timer = null;
  }

  #arm(): void {
    this.#timer = this.#clock.setTimeout(() => this.#poll(), POLL_MS);
  }

  #poll(): void {
    this.#arm();
    const since = this.#sinceLastPacketMs();
    const quietMs = since < 0 ? (this.#clock.nowUs() - this.#startedUs) / 1000 : since;
    if (quietMs >= PROBE_AFTER_MS) this.#probe();
    const state = quietMs >= STALLED_AFTER_MS ? "stalled" : "flowing";
    if (state === this.state) return;
    this.state = state;
    this.#onChange(state);
  }
}
