import type { Actor, SnapshotFrom } from "xstate";
import {
  type ConnectionEvent,
  connectionMachine,
  type Ending,
  startActor,
  stateName,
  type TrackEntry,
  type TrackEvent,
  type TrackState,
  watchActor,
} from "../actors/index.ts";
import { logger, TroupeError, TypedEvents } from "../core/index.ts";
import {
  type AudioProducer,
  type FrameTransform,
  type OpusParameters,
  requireProducer,
  requireTransform,
} from "../media/index.ts";
import { LocalTrack } from "./LocalTrack.ts";
import { RemoteTrack } from "./RemoteTrack.ts";
import type {
  ConnectionHost,
  ConnectionSetup,
  DataChannelInfo,
  StatsEntry,
  TrackReceiver,
  TrackSender,
  Transport,
  TransportDriver,
} from "./transport.ts";

/** What every connection reports, whatever its transport. */
export type ConnectionEvents = {
  /** The state's path: `connecting.dialing`, `connected(signalling.webSocket, media.flowing)`. */
  state: [state: string];
  /** Joined for the first time. */
  connected: [];
  /** Lost; it dials again by itself. */
  reconnecting: [reason: string];
  reconnected: [];
  /** Over, whoever ended it and however: fires exactly once. `code` is the transport's own, 0 without one. */
  disconnected: [code: number, reason: string];
  track: [track: RemoteTrack];
  trackRemoved: [track: RemoteTrack];
  /** A data channel of the user's is open. */
  dataChannel: [label: string];
  message: [label: string, data: Uint8Array];
};

type Listener<Events, Name extends keyof Events> = (...args: Extract<Events[Name], unknown[]>) => void;

/**
 * Starts a connection and gives it at once; `connected()` waits for it. When `signal` aborts, the connection leaves.
 *
 * @example
 * const connection = connect(sora({ signalingUrls: [url], channelId: "lobby", role: "sendrecv" }));
 * connection.on("track", (track) => new AudioSink(track).on("frame", hear));
 * await connection.connected();
 */
export function connect<C extends Connection<object>>(
  transport: Transport<C>,
  options: { signal?: AbortSignal } = {},
): C {
  const { signal } = options;
  if (signal?.aborted)
    throw new TroupeError("CANCELLED", "The connection was cancelled", { cause: signal.reason });
  const connection = transport.create();
  const leave = () => void connection.disconnect("cancelled");
  signal?.addEventListener("abort", leave, { once: true });
  void connection.disconnected().then(() => signal?.removeEventListener("abort", leave));
  connection.start();
  return connection;
}

/**
 * What every transport offers alike. A transport's own class passes its driver factory to the constructor,
 * adds its options, and emits events of its own (`Extra`) by {@link Connection.emitExtra}.
 */
export abstract class Connection<Extra extends object = object> {
  readonly #setup: ConnectionSetup;
  readonly #events = new TypedEvents<ConnectionEvents>();
  readonly #connected = Promise.withResolvers<void>();
  readonly #over = Promise.withResolvers<void>();
  readonly #remote = new Map<string, RemoteTrack>();
  readonly #local = new Map<string, LocalTrack>();
  readonly #receivers = new Map<string, TrackReceiver>();
  readonly #entries = new Map<string, { entry: TrackEntry; stop: () => void }>();
  readonly #channels = new Map<string, DataChannelInfo>();
  #driver: TransportDriver | undefined;
  #actor: Actor<typeof connectionMachine> | undefined;
  #phase = "idle";
  #state = "idle";
  #published = 0;
  #transform: FrameTransform | null = null;

  protected constructor(setup: ConnectionSetup) {
    this.#setup = setup;
    // Whoever does not ask for the outcome is told by `disconnected`.
    this.#connected.promise.catch(() => {});
  }

  /** The state's path: `connecting.dialing`, `connected(signalling.webSocket, media.flowing)`. */
  get state(): string {
    return this.#state;
  }

  /** What others send, oldest first. */
  get tracks(): RemoteTrack[] {
    return [...this.#remote.values()];
  }

  /** What is published here, oldest first. */
  get localTracks(): LocalTrack[] {
    return [...this.#local.values()];
  }

  /** The open data channels that {@link send} takes. */
  get dataChannels(): DataChannelInfo[] {
    return [...this.#channels.values()];
  }

  /** Calls `listener` at each `name`; gives a function that takes it off. */
  on<Name extends keyof (ConnectionEvents & Extra) & string>(
    name: Name,
    listener: Listener<ConnectionEvents & Extra, Name>,
  ): () => void {
    return this.#events.on(name as "message", listener as never);
  }

  /** Calls `listener` at the next `name` only. */
  once<Name extends keyof (ConnectionEvents & Extra) & string>(
    name: Name,
    listener: Listener<ConnectionEvents & Extra, Name>,
  ): () => void {
    return this.#events.once(name as "message", listener as never);
  }

  off<Name extends keyof (ConnectionEvents & Extra) & string>(
    name: Name,
    listener: Listener<ConnectionEvents & Extra, Name>,
  ): void {
    this.#events.off(name as "message", listener as never);
  }

  /** Begins to dial. For `connect`; a second call does nothing. */
  start(): void {
    if (this.#actor || this.#isOver()) return;
    const { transport, createDriver, reconnect, canResume, deadlines, backoff } = this.#setup;
    this.#driver = createDriver(this.#host());
    this.#actor = startActor(connectionMachine, {
      id: transport,
      input: { driver: this.#driver, reconnect, canResume, deadlines, backoff },
    });
    watchActor<SnapshotFrom<typeof connectionMachine>>(
      this.#actor,
      (snapshot) => this.#follow(snapshot),
      (error) => this.#fail(error),
    );
    this.#actor.send({ type: "connect" });
  }

  /**
   * Resolves once it has joined.
   *
   * @throws TroupeError why it failed, or CLOSED when it ended first.
   */
  connected(): Promise<void> {
    return this.#connected.promise;
  }

  /** Resolves once it is over, however it ended. Never rejects. */
  disconnected(): Promise<void> {
    return this.#over.promise;
  }

  /** Leaves in order and resolves once it is over. Never rejects. */
  disconnect(reason = ""): Promise<void> {
    if (!this.#actor) this.#finish({ code: 0, reason, error: null });
    else this.#send({ type: "disconnect", reason });
    return this.#over.promise;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.disconnect();
  }

  /**
   * Sends what `producer` plays, over reconnects too, until it is unpublished or ends. It may be called before
   * the connection is up.
   *
   * @throws TroupeError INVALID_STATE when the connection is over, INVALID_OPTION when it is no producer.
   */
  publish(producer: AudioProducer, opus: Partial<OpusParameters> = {}): LocalTrack {
    return this.publishWith(producer, opus, {});
  }

  /** For the transport's own class: publishes with what its driver is to know of the track besides. */
  protected publishWith(producer: AudioProducer, opus: Partial<OpusParameters>, options: object): LocalTrack {
    requireProducer(producer, "producer");
    if (!this.#actor || this.#isOver()) {
      throw new TroupeError(
        "INVALID_STATE",
        `Nothing can be published while the connection is ${this.#state}`,
      );
    }
    this.#published += 1;
    const track: LocalTrack = new LocalTrack(
      `local-${this.#published}`,
      producer,
      opus,
      (it) => this.#unpublish(it),
      (muted) => this.#muteLocal(track, muted),
      options,
      () => this.#requireTransformable(),
    );
    track.inheritTransform(this.#transform);
    this.#local.set(track.id, track);
    this.#send({ type: "publish", id: track.id });
    this.#ask("publish", (driver) => driver.publish(track));
    return track;
  }

  /**
   * What the encoded audio frames of this connection pass, both ways, from now on: those of every track that has no
   * other transform, now and later, over reconnects too; null: nothing.
   *
   * @throws TroupeError INVALID_OPTION when it is no transform, CLOSED when it is closed, INVALID_STATE when the
   * connection encrypts frames by itself.
   */
  setTransform(transform: FrameTransform | null): void {
    this.#requireTransformable();
    requireTransform(transform, "transform");
    const before = this.#transform;
    this.#transform = transform;
    for (const track of [...this.#local.values(), ...this.#remote.values()]) {
      if (track.transform === before) track.inheritTransform(transform);
    }
  }

  /**
   * Sends on an open data channel; resolves once its send buffer has taken the message.
   *
   * @throws TroupeError INVALID_STATE when the channel is not open, as while the connection reconnects.
   */
  async send(label: string, data: Uint8Array | string): Promise<void> {
    if (!this.#driver || !this.#channels.has(label)) {
      const message = `The data channel ${JSON.stringify(label)} is not open (connection: ${this.#state})`;
      throw new TroupeError("INVALID_STATE", message, { field: "label" });
    }
    await this.#driver.send(label, data);
  }

  /** WebRTC statistics; empty while there is no transport. */
  getStats(): StatsEntry[] {
    return this.#driver && !this.#isOver() ? this.#driver.getStats() : [];
  }

  /** For the transport's own class: emits one of its own events. */
  protected emitExtra<Name extends keyof Extra & string>(
    name: Name,
    ...args: Extract<Extra[Name], unknown[]>
  ): void {
    this.#events.emit(name as never, ...(args as never));
  }

  /** For the transport's own class: its driver once started. */
  protected get driver(): TransportDriver | undefined {
    return this.#driver;
  }

  #host(): ConnectionHost {
    const connection = this;
    return {
      get localTracks() {
        return connection.localTracks;
      },
      senderReady: (id, sender) => this.#attachSender(id, sender),
      senderGone: (id) => this.#attachSender(id, null),
      receiverReady: (key, receiver) => this.#attachReceiver(key, receiver),
      receiverGone: (key) => this.#attachReceiver(key, null),
      trackMuted: (key, muted) => this.#tell(key, { type: muted ? "muted" : "unmuted" }),
      channelOpen: (channel) => this.#openChannel(channel),
      channelClosed: (label) => this.#channels.delete(label),
      message: (label, data) => this.#events.emit("message", label, data),
    };
  }

  #attachSender(id: string, sender: TrackSender | null): void {
    const track = this.#local.get(id);
    if (!track) return;
    track.attach(sender);
    this.#tell(id, { type: sender ? "attached" : "detached" });
  }

  #attachReceiver(key: string, receiver: TrackReceiver | null): void {
    if (receiver) this.#receivers.set(key, receiver);
    else this.#receivers.delete(key);
    const track = this.#remote.get(key);
    if (!track) return;
    track.attach(receiver);
    this.#tell(key, { type: receiver ? "attached" : "detached" });
  }

  #openChannel(channel: DataChannelInfo): void {
    this.#channels.set(channel.label, channel);
    this.#events.emit("dataChannel", channel.label);
  }

  #unpublish(track: LocalTrack): void {
    track.attach(null);
    this.#ask("unpublish", (driver) => driver.unpublish(track));
    this.#send({ type: "unpublish", id: track.id });
  }

  #requireTransformable(): void {
    if (this.#setup.encodesFrames === false) {
      throw new TroupeError("INVALID_STATE", "This connection carries PCM: it has no encoded frames");
    }
    if (!this.#setup.encryptsFrames) return;
    throw new TroupeError(
      "INVALID_STATE",
      "This connection encrypts its frames by itself: nothing else can change them",
    );
  }

  #muteLocal(track: LocalTrack, muted: boolean): void {
    this.#tell(track.id, { type: muted ? "muted" : "unmuted" });
    this.#ask("mute", (driver) => driver.localTrackMuted?.(track));
  }

  /** Follows the actor: tracks first, so that a listener of `connected` sees those that are there. */
  #follow(snapshot: SnapshotFrom<typeof connectionMachine>): void {
    const before = this.#phase;
    this.#phase = typeof snapshot.value === "string" ? snapshot.value : Object.keys(snapshot.value)[0]!;
    const state = stateName(snapshot.value);
    if (state !== this.#state && isWithoutAttempt(state)) this.#loseMedia();
    this.#followTracks(snapshot.context.tracks);
    this.#changeState(state);
    if (snapshot.status === "done") this.#finish(snapshot.context);
    else if (this.#phase !== before) this.#announce(before, snapshot.context.reason);
  }

  #announce(before: string, reason: string): void {
    if (this.#phase === "reconnecting") this.#events.emit("reconnecting", reason);
    if (this.#phase !== "connected") return;
    if (before === "reconnecting") {
      this.#events.emit("reconnected");
      return;
    }
    this.#connected.resolve();
    this.#events.emit("connected");
  }

  #changeState(state: string): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#events.emit("state", state);
  }

  #followTracks(tracks: Record<string, TrackEntry>): void {
    for (const [key, { entry, stop }] of [...this.#entries]) {
      if (tracks[key]?.ref === entry.ref) continue;
      stop();
      this.#entries.delete(key);
      this.#endTrack(key);
    }
    for (const [key, entry] of Object.entries(tracks)) {
      if (!this.#entries.has(key)) this.#addTrack(key, entry);
    }
  }

  #addTrack(key: string, entry: TrackEntry): void {
    const stop = watchActor<{ value: TrackState }>(entry.ref, ({ value }) => this.#trackState(key, value));
    this.#entries.set(key, { entry, stop });
    if (entry.direction === "outgoing") return;
    const track = new RemoteTrack(
      entry.info,
      (flow) => entry.ref.send({ type: `flow.${flow}` }),
      () => this.#requireTransformable(),
    );
    track.inheritTransform(this.#transform);
    this.#remote.set(key, track);
    const receiver = this.#receivers.get(key);
    if (receiver) this.#attachReceiver(key, receiver);
    this.#events.emit("track", track);
  }

  #trackState(key: string, state: TrackState): void {
    (this.#remote.get(key) ?? this.#local.get(key))?.setState(state);
  }

  #endTrack(key: string): void {
    this.#trackState(key, "ended");
    this.#local.delete(key);
    const remote = this.#remote.get(key);
    this.#remote.delete(key);
    if (remote) this.#events.emit("trackRemoved", remote);
  }

  /** What the last attempt made in the engine is gone. */
  #loseMedia(): void {
    this.#channels.clear();
    this.#receivers.clear();
    for (const track of this.#remote.values()) track.attach(null);
    for (const track of this.#local.values()) track.attach(null);
  }

  #tell(key: string, event: TrackEvent): void {
    this.#entries.get(key)?.entry.ref.send(event);
  }

  #send(event: ConnectionEvent): void {
    if (!this.#isOver()) this.#actor?.send(event);
  }

  #ask(what: string, call: (driver: TransportDriver) => void): void {
    try {
      if (this.#driver && !this.#isOver()) call(this.#driver);
    } catch (error) {
      logger.error("a transport's driver threw", { transport: this.#setup.transport, what, error });
    }
  }

  #closeDriver(): void {
    const driver = this.#driver;
    this.#driver = undefined;
    try {
      driver?.close();
    } catch (error) {
      logger.error("a transport's driver threw", { transport: this.#setup.transport, what: "close", error });
    }
  }

  #isOver(): boolean {
    return this.#phase === "disconnected" || this.#phase === "failed";
  }

  #fail(error: unknown): void {
    this.#changeState("failed");
    this.#finish({ code: 0, reason: "internal error", error: TroupeError.from("INTERNAL", error) });
  }

  #finish({ code, reason, error }: Ending): void {
    this.#closeDriver();
    this.#phase = error ? "failed" : "disconnected";
    this.#loseMedia();
    this.#followTracks({});
    this.#connected.reject(error ?? new TroupeError("CLOSED", reason || "The connection was closed"));
    this.#events.emit("disconnected", code, reason);
    this.#events.removeAllListeners();
    this.#over.resolve();
  }
}

/**
 * The attempt before is over and none has made anything yet: after a loss, and after each redial that failed. While
 * it resumes, what the attempt before made is still there.
 */
function isWithoutAttempt(state: string): boolean {
  return state === "reconnecting.waiting";
}
