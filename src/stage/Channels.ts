import type { Logger } from "../core/index.ts";
import { Channel, type ChannelListener } from "./Channel.ts";
import type { StageLimits } from "./limits.ts";
import type { Member } from "./Member.ts";

/** Every channel that has a member. */
export class Channels {
  readonly #channels = new Map<string, Channel>();
  readonly #limits: StageLimits;
  readonly #log: Logger;
  readonly #onEvent: ChannelListener | undefined;
  readonly #recordingFolder: string | undefined;
  readonly #ending = new Set<Promise<void>>();

  /** @param recordingFolder where every channel is recorded; none is when left out. */
  constructor(limits: StageLimits, log: Logger, onEvent?: ChannelListener, recordingFolder?: string) {
    this.#limits = limits;
    this.#log = log;
    this.#recordingFolder = recordingFolder;
    this.#onEvent = onEvent;
  }

  get size(): number {
    return this.#channels.size;
  }

  /** How many members there are in all. */
  get connections(): number {
    let count = 0;
    for (const channel of this.#channels.values()) count += channel.size;
    return count;
  }

  get(channelId: string): Channel | undefined {
    return this.#channels.get(channelId);
  }

  /** Every member, or those of one channel. */
  members(channelId?: string): Member[] {
    const channels = channelId === undefined ? this.#channels.values() : [this.#channels.get(channelId)];
    return [...channels].flatMap((channel) => [...(channel?.members ?? [])]);
  }

  /** The channel for a newcomer, or why there is no room. */
  open(channelId: string): Channel | "TOO-MANY-CONNECTIONS" | "TOO-MANY-CHANNELS" | "CHANNEL-FULL" {
    if (this.connections >= this.#limits.connections) return "TOO-MANY-CONNECTIONS";
    const known = this.#channels.get(channelId);
    if (known) return known.size < this.#limits.connectionsPerChannel ? known : "CHANNEL-FULL";
    if (this.#channels.size >= this.#limits.channels) return "TOO-MANY-CHANNELS";
    const channel = new Channel(channelId, this.#log, () => this.release(channel), this.#onEvent);
    this.#channels.set(channelId, channel);
    if (this.#recordingFolder !== undefined) {
      channel
        .record(this.#recordingFolder)
        .catch((error) => this.#log.error("a channel is not recorded", { channelId, error }));
    }
    return channel;
  }

  /** Forgets a channel that nobody is in. */
  release(channel: Channel): void {
    if (channel.size > 0 || this.#channels.get(channel.id) !== channel) return;
    this.#channels.delete(channel.id);
    // What could not be written is in the log.
    const ended = channel
      .stopRecording()
      .then(
        () => {},
        () => {},
      )
      .finally(() => this.#ending.delete(ended));
    this.#ending.add(ended);
  }

  /** Resolves when every recording of the channels that ended is written. */
  async recorded(): Promise<void> {
    await Promise.all(this.#ending);
  }

  close(reason: string): void {
    for (const channel of [...this.#channels.values()]) channel.close(reason);
  }
}
