import { z } from "zod";
import { type Logger, TroupeError } from "../core/index.ts";
import type { BoundedSocket } from "./BoundedSocket.ts";
import { parseJson } from "./messages.ts";
import { TrackListeners } from "./TrackListeners.ts";

/** Actors and lines that a page sees when it opens; older ones go. */
const MAXIMUM_ACTORS = 500;
const MAXIMUM_LINES = 200;
const MAXIMUM_TRACKS = 500;

const text = z.string().max(4000);
const label = z.string().min(1).max(200);

/** A transition of an actor, as `inspectActors` reports it. */
const actorSchema = z.object({
  type: z.literal("actor").default("actor"),
  id: label,
  machine: label,
  /** `stopped` once the actor is gone. */
  state: z.string().max(1000),
  /** Milliseconds on the clock of the process that it runs in. */
  at: z.number(),
});

/** A line of a conversation; one that is not final is replaced by the next of the same speaker. */
const transcriptSchema = z.object({
  type: z.literal("transcript"),
  who: z.string().max(100),
  text,
  final: z.boolean(),
  at: z.number(),
  channel: label.optional(),
});

/** A level in dB relative to overload: -127 to 0. */
const levelSchema = z.object({
  type: z.literal("level"),
  who: z.string().max(100),
  rms: z.number(),
  peak: z.number().optional(),
  channel: label.optional(),
  /** The shown track that it is of. */
  track: label.optional(),
});

/** A track of a session, of whatever transport; shown until its state is `ended`. */
const trackSchema = z.object({
  type: z.literal("track"),
  track: label,
  /** Names the session, such as its room or channel. */
  session: label,
  /** Who sends it. */
  who: z.string().max(200),
  state: z.string().max(100),
});

/** A piece of a track's audio, for the pages that listen to it alone: 16-bit samples of one channel in base64. */
const audioSchema = z.object({
  type: z.literal("audio"),
  track: label,
  sampleRate: z.int().min(8_000).max(48_000),
  pcm: z.base64().max(64_000),
});

const feedMessageSchema = z.union([transcriptSchema, levelSchema, trackSchema, audioSchema, actorSchema]);

/** What a page asks: to hear a track, or to hear it no more. */
const listenSchema = z.object({
  type: z.literal("listen"),
  source: z.int(),
  track: label,
  on: z.boolean(),
});

export type FeedMessage = z.input<typeof feedMessageSchema>;
type CheckedFeedMessage = z.output<typeof feedMessageSchema>;

/** Takes what bots report of themselves and passes it on to every open page. */
export class Feed {
  /** The numbers of the publishers: actors are unique in their own process only. */
  readonly #publishers = new Map<BoundedSocket | null, number>([[null, 0]]);
  readonly #subscribers = new Set<BoundedSocket>();
  readonly #tracks = new Map<string, CheckedFeedMessage & { type: "track"; source: number }>();
  readonly #listeners = new TrackListeners();
  readonly #actors = new Map<string, CheckedFeedMessage & { type: "actor"; source: number }>();
  #nextSource = 1;
  readonly #lines: CheckedFeedMessage[] = [];
  readonly #log: Logger;
  /** Messages of publishers that could not be read. */
  refused = 0;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** A bot that reports. Its actors go with it. */
  addPublisher(socket: BoundedSocket): void {
    this.#publishers.set(socket, this.#nextSource++);
    socket.events.on("text", (line) => this.#receive(socket, line));
    socket.events.on("closed", () => this.#removePublisher(socket));
  }

  /** A page. It is told at once what is known. */
  addSubscriber(socket: BoundedSocket): void {
    this.#subscribers.add(socket);
    socket.events.on("text", (line) => this.#listen(socket, line));
    socket.events.on("closed", () => {
      this.#subscribers.delete(socket);
      for (const key of this.#listeners.removeAll(socket)) this.#tellPublisher(key, false);
    });
    socket.send({
      type: "snapshot",
      actors: [...this.#actors.values()],
      transcript: this.#lines,
      tracks: [...this.#tracks.values()],
    });
  }

  /** For bots in the stage's own process. */
  publish(message: FeedMessage): void {
    const checked = feedMessageSchema.safeParse(message);
    if (!checked.success)
      throw new TroupeError("INVALID_MESSAGE", "Not a message of the feed", { cause: checked.error });
    this.#take(checked.data, null);
  }

  #receive(socket: BoundedSocket, line: string): void {
    try {
      this.#take(feedMessageSchema.parse(parseJson(line)), socket);
    } catch {
      if (this.refused++ === 0) this.#log.warn("a message of the feed is not understood");
    }
  }

  #take(message: CheckedFeedMessage, owner: BoundedSocket | null): void {
    const told = { ...message, source: this.#publishers.get(owner) ?? 0 };
    if (told.type === "audio") {
      for (const page of this.#listeners.of(`${told.source}/${told.track}`)) page.send(told);
      return;
    }
    if (told.type === "actor") this.#rememberActor(told);
    else if (told.type === "track") this.#rememberTrack(told);
    else if (told.type === "transcript" && told.final) {
      this.#lines.push(told);
      if (this.#lines.length > MAXIMUM_LINES) this.#lines.shift();
    }
    this.#tell(told);
  }

  #rememberActor(message: CheckedFeedMessage & { type: "actor"; source: number }): void {
    const key = `${message.source}/${message.id}`;
    this.#actors.delete(key);
    if (message.state === "stopped") return;
    this.#actors.set(key, message);
    for (const oldest of this.#actors.keys()) {
      if (this.#actors.size <= MAXIMUM_ACTORS) break;
      this.#actors.delete(oldest);
    }
  }

  #rememberTrack(message: CheckedFeedMessage & { type: "track"; source: number }): void {
    const key = `${message.source}/${message.track}`;
    if (message.state === "ended") {
      this.#tracks.delete(key);
      this.#listeners.forget(key);
    } else if (this.#tracks.has(key) || this.#tracks.size < MAXIMUM_TRACKS) this.#tracks.set(key, message);
  }

  #listen(page: BoundedSocket, line: string): void {
    const asked = listenSchema.safeParse(readJson(line));
    if (!asked.success) return;
    const { source, track, on } = asked.data;
    const key = `${source}/${track}`;
    if (on && !this.#tracks.has(key)) return;
    const changed = on ? this.#listeners.add(key, page) : this.#listeners.remove(key, page);
    if (changed) this.#tellPublisher(key, on);
  }

  /** Whether anybody listens to a track: its audio comes while somebody does. */
  #tellPublisher(key: string, on: boolean): void {
    const track = this.#tracks.get(key);
    for (const [socket, source] of this.#publishers) {
      if (track && source === track.source) socket?.send({ type: "listen", track: track.track, on });
    }
  }

  #removePublisher(socket: BoundedSocket): void {
    const source = this.#publishers.get(socket);
    this.#publishers.delete(socket);
    for (const [key, actor] of this.#actors) {
      if (actor.source !== source) continue;
      this.#actors.delete(key);
      this.#tell({ ...actor, state: "stopped" });
    }
    for (const track of [...this.#tracks.values()]) {
      if (track.source !== source) continue;
      this.#rememberTrack({ ...track, state: "ended" });
      this.#tell({ ...track, state: "ended" });
    }
  }

  #tell(message: object): void {
    for (const subscriber of this.#subscribers) subscriber.send(message);
  }
}

/** Undefined for what is no JSON. */
export function readJson(line: string): unknown {
  try {
    return parseJson(line);
  } catch {
    return undefined;
  }
}
