import { type Clock, TroupeError } from "../../core/index.ts";
import type { Session, TransportChannel } from "../../webrtc/index.ts";

/** The channels by their labels; each is opened by us and carries both directions. */
const LABELS = { reliable: "_reliable", lossy: "_lossy", dataTrack: "_data_track" } as const;
export type DataKind = keyof typeof LABELS;

/** The send buffer is worth filling up again below this, in bytes. */
const LOW_BYTES = 256 * 1024;

export interface DataPathListener {
  message(kind: DataKind, data: Buffer): void;
  /** All channels are open. */
  open(): void;
}

/** The data channels of one media session: `_reliable` in order, `_lossy` and `_data_track` without repeats. */
export class DataPath {
  readonly #channels = new Map<DataKind, TransportChannel>();
  readonly #listener: DataPathListener;
  readonly #waiting = new Set<() => void>();
  readonly #last = new Map<DataKind, Promise<unknown>>();
  #closed = false;
  /** Lossy messages that found no room. */
  dropped = 0;

  constructor(listener: DataPathListener) {
    this.#listener = listener;
  }

  /** Opens the channels; they open once the session is connected. */
  start(session: Session): void {
    session.addApplication();
    for (const kind of Object.keys(LABELS) as DataKind[]) {
      const options = kind === "reliable" ? { ordered: true } : { ordered: false, maxRetransmits: 0 };
      const channel = session.openChannel(LABELS[kind], options);
      this.#channels.set(kind, channel);
      channel.setBufferedAmountLowThreshold(LOW_BYTES);
      channel.events.on("open", () => this.#onOpen());
      channel.events.on("low", () => this.#wake());
      channel.events.on("closed", () => this.#wake());
      this.listen(channel);
    }
  }

  /** Takes the messages of a channel by its label; another label is let go. */
  listen(channel: TransportChannel): void {
    const kind = (Object.keys(LABELS) as DataKind[]).find((one) => LABELS[one] === channel.label);
    if (kind) channel.events.on("message", (data) => this.#listener.message(kind, data));
  }

  get isOpen(): boolean {
    return (
      !this.#closed &&
      this.#channels.size > 0 &&
      [...this.#channels.values()].every(({ state }) => state === "open")
    );
  }

  /** The channels as a resume tells the server of them. */
  get info(): { label: string; id: number }[] {
    return [...this.#channels.values()].map(({ label }, id) => ({ label, id }));
  }

  /** What waits in the send buffer, in bytes. */
  bufferedAmount(kind: DataKind): number {
    return this.#channels.get(kind)?.bufferedAmount ?? 0;
  }

  /**
   * Sends in the order of the calls. A reliable message waits for room; a lossy one that finds none is dropped
   * and counted.
   *
   * @throws TroupeError CLOSED when the channel is closed or closes first, INVALID_MESSAGE when it is longer than
   * the far side takes.
   */
  async send(kind: DataKind, data: Uint8Array): Promise<void> {
    if (kind !== "reliable") {
      if (!this.#open(kind).send(data)) this.dropped += 1;
      return;
    }
    const before = this.#last.get(kind);
    const sent = this.#deliver(kind, data, before);
    this.#last.set(
      kind,
      sent.catch(() => {}),
    );
    await sent;
  }

  /** Waits until nothing waits in the send buffers, for at most `ms`. */
  async drain(ms: number, clock: Clock): Promise<void> {
    const deadlineUs = clock.nowUs() + ms * 1000;
    for (const channel of this.#channels.values()) channel.setBufferedAmountLowThreshold(0);
    const timer = clock.setTimeout(() => this.#wake(), ms);
    while (!this.#closed && this.#isFull() && clock.nowUs() < deadlineUs) await this.#change();
    clock.clearTimeout(timer);
  }

  /** Lets go of the channels; they are their session's to close. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  async #deliver(kind: DataKind, data: Uint8Array, before: Promise<unknown> | undefined): Promise<void> {
    await before;
    while (!this.#open(kind).send(data)) {
      await this.#change();
    }
  }

  #isFull(): boolean {
    const open = [...this.#channels.values()].filter(({ state }) => state === "open");
    return open.some(({ bufferedAmount }) => bufferedAmount > 0);
  }

  /** Resolves when a buffer has room again or anything else changed. */
  #change(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.add(resolve);
    return promise;
  }

  #open(kind: DataKind): TransportChannel {
    const channel = this.#channels.get(kind);
    if (this.#closed || channel?.state !== "open") {
      throw new TroupeError("CLOSED", `The data channel ${LABELS[kind]} is not open`);
    }
    return channel;
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
  }

  #onOpen(): void {
    if (this.isOpen) this.#listener.open();
  }
}
