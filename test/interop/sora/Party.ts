/** Something that a party reported, as its SDK has it. */
export interface PartyEvent {
  event: string;
  [field: string]: unknown;
}

/** Whoever takes part in a channel, on whatever SDK. Audio is 16 kHz mono. */
export interface Party {
  readonly name: string;
  /** Everything reported so far. */
  readonly events: readonly PartyEvent[];
  /** Resolves with the first event that fits, past or to come. Bounded. */
  until(what: string, fits: (event: PartyEvent) => boolean): Promise<PartyEvent>;
  /** Says this from now on instead of what it said. */
  play(pcm: Int16Array, loop: boolean): Promise<void>;
  /** Forgets what it heard. */
  clear(): Promise<void>;
  /** What it heard since. */
  heard(): Promise<Int16Array>;
  send(label: string, text: string): Promise<void>;
  /** The WebRTC statistics. */
  stats(): Promise<{ type: string; [member: string]: unknown }[]>;
  /** Leaves in order and ends. */
  leave(): Promise<void>;
  /** Ends, whatever state it is in. */
  close(): Promise<void>;
}

const EVENT_MS = 20_000;

/** The events of a party, and waiting for them. */
export class PartyEvents {
  readonly all: PartyEvent[] = [];
  readonly #name: string;
  readonly #waiting = new Set<() => void>();

  constructor(name: string) {
    this.#name = name;
  }

  push(event: PartyEvent): void {
    this.all.push(event);
    for (const look of this.#waiting) look();
  }

  until(what: string, fits: (event: PartyEvent) => boolean): Promise<PartyEvent> {
    const { promise, resolve, reject } = Promise.withResolvers<PartyEvent>();
    const look = () => {
      const found = this.all.find(fits);
      if (found) resolve(found);
    };
    const timer = setTimeout(
      () => reject(new Error(`${this.#name}: no ${what} within ${EVENT_MS} ms`)),
      EVENT_MS,
    );
    this.#waiting.add(look);
    look();
    return promise.finally(() => {
      clearTimeout(timer);
      this.#waiting.delete(look);
    });
  }
}

/** The text of a `message` event. */
export function textOf(event: PartyEvent): string {
  return Buffer.from(String(event.data), "base64").toString("utf8");
}
