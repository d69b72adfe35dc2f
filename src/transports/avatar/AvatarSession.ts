import type { Actor, SnapshotFrom } from "xstate";
import { type ActorClock, avatarMachine, startActor, stateName, watchActor } from "../../actors/index.ts";
import { type BackoffOptions, TroupeError, TypedEvents } from "../../core/index.ts";
import type { AudioFrame } from "../../media/index.ts";
import { AvatarSessionDriver } from "./driver.ts";
import { AvatarError } from "./errors.ts";
import { type AvatarConfig, type AvatarOptions, parseAvatarOptions } from "./options.ts";
import { Utterances } from "./Utterances.ts";
import type { AvatarFrame, AvatarLink } from "./wire/AvatarLink.ts";

/** What an {@link AvatarSession} reports. */
export type AvatarSessionEvents = {
  /** It is ready, for the first time or again: `connectionId` is the service's. */
  connected: [connectionId: string];
  /** Animation; never of a request that was interrupted, and none with an egress. */
  frame: [frame: AvatarFrame];
  /** With `oggOpusEncoder`: a request's audio as it was sent, when it was sent to its end. */
  encodedAudio: [requestId: string, audio: Uint8Array];
  /** Something went wrong; the session goes on or comes back, else `closed` follows. */
  error: [error: AvatarError];
  /** It was lost and is dialled again. What is sent meanwhile is refused. */
  reconnecting: [error: AvatarError];
  /** Over, once: null after {@link AvatarSession.close}. */
  closed: [error: AvatarError | null];
  /** `idle`, `authorizing`, `linked.dialing`, `linked.ready(speech.quiet, token.fresh)`, `reconnecting`, ... */
  state: [state: string];
};

/** Replaced in tests. */
export interface AvatarSessionParts {
  clock?: ActorClock | undefined;
  nowMs?: () => number;
  backoff?: BackoffOptions;
  random?: () => number;
}

/**
 * A session with an avatar service: audio goes in, frames of a speaking face come out.
 *
 * @example
 * const session = new AvatarSession({ avatarId, apiKey, appId, consoleUrl, ingressUrl });
 * session.on("frame", ({ raw, last }) => renderer.show(raw, last));
 * await session.start();
 * await session.sendAudio(pcm, { end: true });
 * await session.close();
 */
export class AvatarSession extends TypedEvents<AvatarSessionEvents> {
  /** Checked, with the defaults filled in. Secrets in it are read by name alone: nothing prints them. */
  readonly config: AvatarConfig;
  readonly #actor: Actor<typeof avatarMachine>;
  readonly #ended = Promise.withResolvers<AvatarError | null>();
  #state = "idle";
  #link: AvatarLink | undefined;
  #utterances: Utterances | undefined;
  #started: PromiseWithResolvers<string> | undefined;
  /** What `error` told of last. */
  #lastError: AvatarError | undefined;

  /** @throws TroupeError INVALID_OPTION */
  constructor(options: AvatarOptions, { clock, nowMs = Date.now, backoff, random }: AvatarSessionParts = {}) {
    super();
    this.config = parseAvatarOptions(options);
    const { reconnect, maximumRedials, timeouts } = this.config;
    const driver = new AvatarSessionDriver(
      this.config,
      {
        linked: (link) => this.#linked(link),
        unlinked: () => this.#unlinked(),
        interrupt: async () => this.#utterances?.interrupt(),
      },
      nowMs,
    );
    const deadlines = {
      authorizeMs: timeouts.authorizeMs,
      dialMs: timeouts.dialMs,
      handshakeMs: timeouts.handshakeMs,
      interruptMs: timeouts.sendMs,
      closeMs: timeouts.closeMs,
    };
    this.#actor = startActor(avatarMachine, {
      id: "avatar",
      input: {
        driver,
        reconnect,
        maximumRedials,
        deadlines,
        ...(backoff && { backoff }),
        ...(random && { random }),
      },
      clock,
    });
    watchActor<SnapshotFrom<typeof avatarMachine>>(
      this.#actor,
      (snapshot) => this.#follow(snapshot),
      (error) => this.#end(asAvatarError(error)),
    );
  }

  get state(): string {
    return this.#state;
  }

  /** Whether audio can be sent. */
  get ready(): boolean {
    return this.#utterances !== undefined && this.#state.startsWith("linked.ready");
  }

  /** The service's id of the connection; undefined while there is none. */
  get connectionId(): string | undefined {
    return this.#link?.connectionId;
  }

  /** The id of the utterance that was begun last on this connection. */
  get lastRequestId(): string | undefined {
    return this.#utterances?.lastId;
  }

  /** Whether the face goes into a room by itself: then no frames come here. */
  get hasEgress(): boolean {
    return this.config.liveKitEgress !== undefined || this.config.agoraEgress !== undefined;
  }

  /**
   * Gets a session token, connects, and agrees on the audio. Gives the service's id of the connection; called again, the
   * same.
   *
   * @throws SessionTokenError, AvatarError: nothing is left open then. TroupeError CLOSED after `close`.
   */
  start(): Promise<string> {
    if (!this.#started) {
      this.#started = Promise.withResolvers<string>();
      this.#started.promise.catch(() => {});
      if (this.#actor.getSnapshot().status === "active") this.#actor.send({ type: "start" });
      else this.#started.reject(new TroupeError("CLOSED", "The avatar session is closed"));
    }
    return this.#started.promise;
  }

  /**
   * Sends audio of an utterance, and with `end` its last; resolves with the utterance's request id when it is on its way, or
   * was interrupted before.
   * The next call after an end begins another utterance. PCM is mono, 16-bit, at `config.sampleRate`; with `ogg_opus` and
   * no encoder it is Ogg Opus, one logical stream an utterance.
   *
   * @throws AvatarError in phase websocket_send, TroupeError INVALID_AUDIO.
   */
  async sendAudio(
    audio: Int16Array | Uint8Array | AudioFrame,
    { end = false }: { end?: boolean } = {},
  ): Promise<string> {
    const bytes = this.#check(audio);
    if (!this.ready || !this.#utterances)
      throw new AvatarError("connectionClosed", "websocket_send", "The avatar session is not connected", {
        code: this.#state === "closed" || this.#state === "failed" ? "CLOSED" : "INVALID_STATE",
      });
    return this.#utterances.send(bytes, end);
  }

  /**
   * Stops what the face says: of the last utterance nothing more is sent, shown or, with an egress, heard, even after
   * its end was sent. The next audio begins another utterance. Gives the id of what was interrupted.
   *
   * @throws TroupeError INVALID_STATE when nothing was said yet on this connection, or there is none.
   */
  interrupt(): string {
    const requestId = this.ready ? this.#utterances?.lastId : undefined;
    if (requestId === undefined)
      throw new TroupeError("INVALID_STATE", "There is no utterance to interrupt on this connection");
    this.#actor.send({ type: "interrupt" });
    return requestId;
  }

  /** Says good-bye and frees everything. Resolves when it is over. */
  async close(): Promise<void> {
    if (this.#actor.getSnapshot().status === "active") this.#actor.send({ type: "close" });
    await this.#ended.promise;
  }

  /** Resolves when it is over, with the error that `closed` has. */
  closed(): Promise<AvatarError | null> {
    return this.#ended.promise;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #linked(link: AvatarLink): void {
    this.#link = link;
    this.#utterances = new Utterances(this.config, link, {
      started: () => this.#actor.send({ type: "utterance.started" }),
      ended: () => this.#actor.send({ type: "utterance.ended" }),
      encoded: (requestId, audio) => this.emit("encodedAudio", requestId, audio),
      wantsEncoded: () => this.listenerCount("encodedAudio") > 0,
    });
    link.events.on("frame", (frame) => {
      if (!this.#utterances?.isInterrupted(frame.requestId)) this.emit("frame", frame);
    });
    link.events.on("error", (error) => {
      this.#lastError = error;
      this.emit("error", error);
    });
  }

  #unlinked(): void {
    this.#link = undefined;
    this.#utterances = undefined;
  }

  #check(audio: Int16Array | Uint8Array | AudioFrame): Int16Array | Uint8Array {
    const { audioFormat, oggOpusEncoder, sampleRate } = this.config;
    const takesPcm = audioFormat === "pcm_s16le" || oggOpusEncoder !== undefined;
    if (audio instanceof Uint8Array) {
      if (!takesPcm || audio.byteLength % 2 === 0) return audio;
      throw TroupeError.expected("INVALID_AUDIO", "audio", "whole 16-bit samples", audio.byteLength);
    }
    if (!takesPcm) throw TroupeError.expected("INVALID_AUDIO", "audio", "Ogg Opus in a Uint8Array", audio);
    if (audio instanceof Int16Array) return audio;
    if (typeof audio !== "object" || audio === null || !(audio.pcm instanceof Int16Array))
      throw TroupeError.expected("INVALID_AUDIO", "audio", "a frame, an Int16Array or a Uint8Array", audio);
    if (audio.sampleRate !== sampleRate || audio.channels !== 1)
      throw TroupeError.expected(
        "INVALID_AUDIO",
        "audio",
        `mono at ${sampleRate} Hz`,
        `${audio.channels} channels at ${audio.sampleRate} Hz`,
      );
    return audio.pcm;
  }

  #follow({ value, status, context, output }: SnapshotFrom<typeof avatarMachine>): void {
    const state = stateName(value);
    if (state === this.#state) return;
    const was = this.#state;
    this.#state = state;
    this.emit("state", state);
    if (state.startsWith("linked.ready") && !was.startsWith("linked.ready")) {
      const connectionId = this.connectionId ?? "";
      this.#started?.resolve(connectionId);
      this.emit("connected", connectionId);
    } else if (state === "reconnecting" && was.startsWith("linked.ready"))
      this.emit("reconnecting", asAvatarError(context.error));
    if (status === "done") this.#end(output?.error ? asAvatarError(output.error) : null);
  }

  #end(error: AvatarError | null): void {
    this.#unlinked();
    this.#started?.reject(error ?? new TroupeError("CANCELLED", "The avatar session was closed"));
    if (error && error !== this.#lastError) this.emit("error", error);
    this.emit("closed", error);
    this.#ended.resolve(error);
    this.removeAllListeners();
  }
}

function asAvatarError(error: unknown): AvatarError {
  if (error instanceof AvatarError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new AvatarError("unknown", "websocket_runtime", message, { cause: error });
}
