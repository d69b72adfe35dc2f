import { randomId } from "../core/index.ts";
import { type AudioProducer, AudioSink, LevelMeter } from "../media/index.ts";
import type { FeedPublisher } from "./FeedPublisher.ts";

/** How often a track's level is told, in ms. */
const LEVEL_MS = 100;
/** What a listening page gets: enough for speech, at 48 kB/s. */
const LISTENING = { sampleRate: 24_000, channels: 1, frameMs: 100, detachedMs: 3_600_000 };

/** A track as it is shown here: a RemoteTrack of any transport. */
export interface ShownTrack extends AudioProducer {
  /** Unique in its session. */
  readonly key: string;
  /** Who sends it. */
  readonly senderId: string;
  readonly kind: string;
  readonly state: string;
  on(name: "state", listener: (state: string) => void): () => void;
}

/** A session as it is shown here: a connection of any transport. */
export interface ShownSession {
  readonly tracks: readonly ShownTrack[];
  on(name: "track" | "trackRemoved", listener: (track: ShownTrack) => void): () => void;
  disconnected(): Promise<void>;
}

/**
 * Shows the audio tracks of a session on the stage's page: who sends, how loud it is, and, to a page that asks for
 * it, what it sounds like. Ends with the session, or by `close`. A track that is shown is decoded for its level.
 *
 * @example
 * const feed = new FeedPublisher(stage.feedUrl);
 * const view = new SessionView(connection, feed, "lobby");
 */
export class SessionView {
  readonly #feed: FeedPublisher;
  readonly #name: string;
  readonly #prefix = randomId();
  readonly #shown = new Map<string, { track: ShownTrack; listen: (on: boolean) => void; end: () => void }>();
  readonly #offs: (() => void)[];

  /** `name` names the session on the page: the room or the channel. */
  constructor(session: ShownSession, feed: FeedPublisher, name: string) {
    this.#feed = feed;
    this.#name = name;
    this.#offs = [
      session.on("track", (track) => this.#add(track)),
      session.on("trackRemoved", (track) => this.#remove(track)),
      feed.events.on("listen", (id, on) => this.#shown.get(id)?.listen(on)),
    ];
    for (const track of session.tracks) this.#add(track);
    void session.disconnected().then(() => this.close());
  }

  close(): void {
    for (const off of this.#offs.splice(0)) off();
    for (const { track } of [...this.#shown.values()]) this.#remove(track);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #add(track: ShownTrack): void {
    const id = this.#idOf(track);
    if (track.kind !== "audio" || track.state === "ended" || this.#shown.has(id)) return;
    const tell = (state: string) =>
      this.#feed.publish({ type: "track", track: id, session: this.#name, who: track.senderId, state });
    tell(track.state);
    const offState = track.on("state", (state) => {
      if (state !== "ended") tell(state);
    });
    const meter = new LevelMeter(track, { intervalMs: LEVEL_MS });
    meter.on("level", ({ rms, peak }) =>
      this.#feed.publish({ type: "level", track: id, who: track.senderId, rms, peak }),
    );
    let sink: AudioSink | undefined;
    const listen = (on: boolean) => {
      sink?.close();
      sink = on ? this.#openSink(track, id) : undefined;
    };
    const end = () => {
      offState();
      meter.close();
      listen(false);
      tell("ended");
    };
    this.#shown.set(id, { track, listen, end });
  }

  #remove(track: ShownTrack): void {
    const id = this.#idOf(track);
    const shown = this.#shown.get(id);
    this.#shown.delete(id);
    shown?.end();
  }

  #openSink(track: ShownTrack, id: string): AudioSink {
    const sink = new AudioSink(track, LISTENING);
    sink.on("frame", ({ pcm, sampleRate }) => {
      const bytes = Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength);
      this.#feed.publish({ type: "audio", track: id, sampleRate, pcm: bytes.toString("base64") });
    });
    return sink;
  }

  /** The feed may carry several sessions, whose tracks may have the same keys. */
  #idOf({ key }: ShownTrack): string {
    return `${this.#prefix}/${key}`.slice(0, 200);
  }
}
