import { SimulateScenario } from "@livekit/protocol";
import { Connection, type LocalTrack, type RemoteTrack } from "../../connection/index.ts";
import { type Clock, systemClock, TroupeError } from "../../core/index.ts";
import type { AudioProducer } from "../../media/index.ts";
import type { DataHub } from "./data/index.ts";
import { disconnectReasonOf, type LiveKitDisconnectReason } from "./disconnectReason.ts";
import { LiveKitDriver, type LiveKitDriverParts } from "./driver.ts";
import type { EncryptionManager } from "./e2ee/index.ts";
import { PublishTrackError, UnpublishTrackError } from "./errors.ts";
import { DATA_EVENTS, type LiveKitConnectionEvents, ROOM_EVENTS } from "./events.ts";
import type { RtcStats } from "./media/MediaPath.ts";
import { type AudioPublishOptions, type LiveKitSettings, parsePublishOptions } from "./options.ts";
import { RoomGlue } from "./RoomGlue.ts";
import type {
  AnyParticipant,
  LocalParticipant,
  LocalTrackPublication,
  RemoteParticipant,
  RoomConnectionState,
} from "./room/index.ts";

/**
 * What the server can be made to do to us, for tests of what follows. livekit-server 1.13.5 does nothing at
 * `leaveRequestFullReconnect`, which is LiveKit Cloud's.
 */
export type Scenario =
  | "nodeFailure"
  | "migration"
  | "serverLeave"
  | "disconnectSignalOnResume"
  | "disconnectSignalOnResumeNoMessages"
  | "leaveRequestFullReconnect";

/**
 * A connection to a LiveKit room, and the room itself: who is in it, what they publish and what they say.
 *
 * @example
 * const room = connect(livekit({ url: "ws://127.0.0.1:7880", token }));
 * room.on("trackSubscribed", (track, publication, participant) => new AudioSink(track).on("frame", hear));
 * await room.connected();
 * await room.publishTrack(source, { name: "voice", source: "microphone" });
 */
export class LiveKitConnection extends Connection<LiveKitConnectionEvents> {
  readonly #settings: LiveKitSettings;
  readonly #parts: { driver?: LiveKitDriver };
  readonly #room: RoomGlue;
  readonly #clock: Clock;
  #disconnectReason: LiveKitDisconnectReason | undefined;

  /** For `livekit()`. */
  constructor(settings: LiveKitSettings, driverParts: LiveKitDriverParts = {}) {
    const parts: { driver?: LiveKitDriver; room?: RoomGlue } = {};
    super({
      transport: "livekit",
      createDriver: (host) => {
        parts.driver = new LiveKitDriver(settings, host, parts.room!, driverParts);
        return parts.driver;
      },
      reconnect: settings.reconnect,
      canResume: true,
      encryptsFrames: settings.encryption !== undefined || settings.e2ee !== undefined,
      deadlines: {
        dialMs: (settings.joinRetries + 1) * (settings.timeouts.connectMs + 2_000),
        negotiateMs: settings.timeouts.negotiateMs,
        secureMs: settings.timeouts.joinMs,
        attemptMs: settings.timeouts.resumeMs,
        reconnectMs: settings.timeouts.reconnectMs,
        // The driver restarts ICE first; this is what catches a driver that hangs.
        stallMs: settings.timeouts.mediaMs + 10_000,
      },
    });
    this.#settings = settings;
    this.#clock = driverParts.clock ?? systemClock;
    this.#parts = parts;
    const connection = this;
    this.#room = new RoomGlue({
      get driver() {
        return parts.driver;
      },
      get tracks() {
        return connection.tracks;
      },
      autoSubscribe: settings.autoSubscribe,
      encryption: settings.encryption,
      e2ee: settings.e2ee,
      dataLimits: settings.dataLimits,
      clock: driverParts.clock,
    });
    parts.room = this.#room;
    this.#follow();
  }

  // The room

  /**
   * The server's id of the room, once it has one.
   *
   * @throws TroupeError CLOSED when the connection ended before.
   */
  getSid(): Promise<string> {
    return this.#room.model.getSid();
  }

  get name(): string {
    return this.#room.model.name;
  }

  get metadata(): string {
    return this.#room.model.metadata;
  }

  /** Everybody in the room; the server tells it every few seconds. */
  get numParticipants(): number {
    return this.#room.model.numParticipants;
  }

  /** Those who publish something; the server tells it every few seconds. */
  get numPublishers(): number {
    return this.#room.model.numPublishers;
  }

  /** 0 when there is no limit. */
  get maxParticipants(): number {
    return this.#room.model.maxParticipants;
  }

  get isRecording(): boolean {
    return this.#room.model.isRecording;
  }

  /** Null before the server told it. */
  get creationTime(): Date | null {
    return this.#room.model.creationTime;
  }

  /** How long the room stays when nobody comes, in ms. */
  get emptyTimeoutMs(): number {
    return this.#room.model.emptyTimeoutMs;
  }

  /** How long the room stays after the last one left, in ms. */
  get departureTimeoutMs(): number {
    return this.#room.model.departureTimeoutMs;
  }

  /** In LiveKit's terms; `state` has the whole path. */
  get connectionState(): RoomConnectionState {
    return this.#room.model.connectionState;
  }

  /** True while it reconnects too. */
  get isConnected(): boolean {
    return this.#room.model.isConnected;
  }

  /** Why it ended; undefined before. */
  get disconnectReason(): LiveKitDisconnectReason | undefined {
    return this.#disconnectReason;
  }

  /** The newest access token: the server renews it before it expires. */
  get token(): string {
    return this.#parts.driver?.token ?? this.#settings.token;
  }

  /** @throws TroupeError INVALID_STATE before the room was joined. */
  get localParticipant(): LocalParticipant {
    return this.#room.model.localParticipant;
  }

  /** By identity. */
  get remoteParticipants(): ReadonlyMap<string, RemoteParticipant> {
    return this.#room.model.remoteParticipants;
  }

  /** Everybody who speaks now, the loudest first. */
  get activeSpeakers(): AnyParticipant[] {
    return this.#room.model.activeSpeakers;
  }

  /** Packets, text and byte streams, remote procedure calls, transcriptions, digits and chat. */
  get data(): DataHub {
    return this.#room.data;
  }

  /** End-to-end encryption: keys, cryptors and whether it is on. */
  get encryption(): EncryptionManager {
    return this.#room.encryption;
  }

  // Tracks

  override start(): void {
    super.start();
    if (this.#settings.audioSource && this.localTracks.length === 0) this.publish(this.#settings.audioSource);
  }

  /**
   * Sends what `producer` plays, over reconnects too, until it is unpublished or ends. It may be called before the
   * connection is up; {@link LiveKitConnection.publishTrack} waits for the server's word.
   *
   * @throws TroupeError INVALID_OPTION, or INVALID_STATE when the connection is over.
   */
  override publish(producer: AudioProducer, options: AudioPublishOptions = {}): LocalTrack {
    const settings = parsePublishOptions(options);
    const opus = {
      dtx: settings.dtx,
      channels: settings.stereo ? (2 as const) : (1 as const),
      ...(settings.bitRate && { bitRate: settings.bitRate }),
      ...(settings.complexity !== undefined && { complexity: settings.complexity }),
      ...(settings.expectedLossPercent !== undefined && {
        expectedLossPercent: settings.expectedLossPercent,
      }),
    };
    return this.publishWith(producer, opus, settings);
  }

  /**
   * Publishes and waits until the server has taken the track in.
   *
   * @throws PublishTrackError when the server refuses it, when the connection ends first, or TIMEOUT when no answer
   * came in time (`timeouts.publishMs`): then it is taken back.
   */
  async publishTrack(
    producer: AudioProducer,
    options: AudioPublishOptions = {},
  ): Promise<LocalTrackPublication> {
    const track = this.publish(producer, options);
    const off = track.once("ended", () =>
      this.#room.publishFailed(
        track,
        new PublishTrackError("CLOSED", "The track ended before it was published"),
      ),
    );
    const { publishMs } = this.#settings.timeouts;
    const timer = this.#clock.setTimeout(() => {
      const error = new PublishTrackError("TIMEOUT", `The server did not answer within ${publishMs} ms`);
      this.#room.publishFailed(track, error);
      track.unpublish();
    }, publishMs);
    try {
      return await this.#room.published(track);
    } finally {
      this.#clock.clearTimeout(timer);
      off();
    }
  }

  /**
   * Takes a track back; its source stays open.
   *
   * @throws UnpublishTrackError when nothing of ours is published under this sid.
   */
  unpublishTrack(trackSid: string): void {
    const publication = this.#room.model.isJoined && this.localParticipant.trackPublications.get(trackSid);
    if (!publication) {
      throw new UnpublishTrackError("INVALID_OPTION", `No track of ours has the sid ${trackSid}`, {
        field: "trackSid",
      });
    }
    publication.unpublish();
  }

  /** @throws TroupeError INVALID_STATE when there is no connection. */
  getRtcStats(): RtcStats {
    const stats = this.#parts.driver?.getRtcStats();
    if (!stats?.publisherStats.length) throw new TroupeError("INVALID_STATE", "The room is not connected");
    return stats;
  }

  /** Leaves in order. Handlers of calls end first. */
  override disconnect(reason = ""): Promise<void> {
    this.#room.data.close();
    return super.disconnect(reason);
  }

  /** Asks the server to do to us what networks and data centres do; for tests. */
  simulateScenario(scenario: Scenario): void {
    const value = new SimulateScenario({ scenario: { case: scenario, value: true } });
    this.#parts.driver?.signal({ case: "simulate", value });
  }

  #follow(): void {
    const { model, data, encryption } = this.#room;
    encryption.events.on("stateChanged", (identity, state) => {
      const participant = model.participantWithIdentity(identity);
      if (participant) this.emitExtra("encryptionStateChanged", participant, state);
    });
    for (const name of ROOM_EVENTS) model.on(name, (...args) => this.emitExtra(name, ...(args as never)));
    for (const name of DATA_EVENTS)
      data.events.on(name, (...args) => this.emitExtra(name, ...(args as never)));
    this.on("state", (state) => {
      const roomState = roomStateOf(state);
      if (roomState) model.setConnectionState(roomState);
    });
    this.on("track", (track: RemoteTrack) => this.#room.trackMade(track));
    this.on("disconnected", (code) => {
      this.#disconnectReason = disconnectReasonOf(code);
      data.close();
      encryption.close();
    });
  }
}

function roomStateOf(state: string): RoomConnectionState | undefined {
  if (state.startsWith("connected")) return "connected";
  if (state.startsWith("reconnecting")) return "reconnecting";
  return state === "disconnected" || state === "failed" ? "disconnected" : undefined;
}
