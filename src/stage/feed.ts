import { z } from "zod";
import { type Logger, TroupeError } from "../core/index.ts";
import type { BoundedSocket } from "./BoundedSocket.ts";
import { parseJson } from "./messages.ts";

/** Actors and lines that a page sees when it opens; older ones go. */
const MAXIMUM_ACTORS = 500;
const MAXIMUM_LINES = 200;

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
});

const feedMessageSchema = z.union([transcriptSchema, levelSchema, actorSchema]);

export type FeedMessage = z.input<typeof feedMessageSchema>;
type CheckedFeedMessage = z.output<typeof feedMessageSchema>;

/** Takes what bots report of themselves and passes it on to every open page. */
export class Feed {
  /** The numbers of the publishers: actors are unique in their own process only. */
  readonly #publishers = new Map<BoundedSocket | null, number>([[null, 0]]);
  readonly #subscribers = new Set<BoundedSocket>();
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
    socket.events.on("closed", () => this.#subscribers.delete(socket));
    socket.send({
      type: "snapshot",
      actors: [...this.#actors.values()],
      transcript: this.#lines,
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
    if (told.type === "actor") this.#rememberActor(told);
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

  #removePublisher(socket: BoundedSocket): void {
    const source = this.#publishers.get(socket);
    this.#publishers.delete(socket);
    for (const [key, actor] of this.#actors) {
      if (actor.source !== source) continue;
      this.#actors.delete(key);
      this.#tell({ ...actor, state: "stopped" });
    }
  }

  #tell(message: object): void {
    for (const subscriber of this.#subscribers) subscriber.send(message);
  }
}
