import { type DataChannelReceiveState, Encryption_Type, UpdateSubscription } from "@livekit/protocol";
import { Connection, type LocalTrack } from "../../connection/index.ts";
import type { AudioProducer } from "../../media/index.ts";
import type { RoomListener } from "./Attempt.ts";
import { disconnectReasonOf, type LiveKitDisconnectReason } from "./disconnectReason.ts";
import { LiveKitDriver, type LiveKitDriverParts } from "./driver.ts";
import { type AudioPublishOptions, type LiveKitSettings, parsePublishOptions } from "./options.ts";

/** What a {@link LiveKitConnection} reports beyond what every connection does. */
export type LiveKitConnectionEvents = Record<never, never>;

/**
 * A connection to a LiveKit room.
 *
 * @example
 * const connection = connect(livekit({ url: "ws://127.0.0.1:7880", token }));
 * await connection.connected();
 */
export class LiveKitConnection extends Connection<LiveKitConnectionEvents> {
  readonly #settings: LiveKitSettings;
  readonly #parts: { driver?: LiveKitDriver };
  #disconnectReason: LiveKitDisconnectReason | undefined;

  /** For `livekit()`. */
  constructor(settings: LiveKitSettings, driverParts: LiveKitDriverParts = {}) {
    const parts: { driver?: LiveKitDriver; room?: RoomListener } = {};
    super({
      transport: "livekit",
      createDriver: (host) => {
        parts.driver = new LiveKitDriver(settings, host, parts.room!, driverParts);
        return parts.driver;
      },
      reconnect: settings.reconnect,
      canResume: true,
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
    this.#parts = parts;
    parts.room = this.#listener();
    this.once("disconnected", (code) => {
      this.#disconnectReason = disconnectReasonOf(code);
    });
  }

  /** Why it ended; undefined before. */
  get disconnectReason(): LiveKitDisconnectReason | undefined {
    return this.#disconnectReason;
  }

  /** The newest access token: the server renews it before it expires. */
  get token(): string {
    return this.#parts.driver?.token ?? this.#settings.token;
  }

  override start(): void {
    super.start();
    if (this.#settings.audioSource && this.localTracks.length === 0) this.publish(this.#settings.audioSource);
  }

  /**
   * Sends what `producer` plays, over reconnects too, until it is unpublished or ends.
   *
   * @throws TroupeError INVALID_OPTION, or INVALID_STATE when the connection is over.
   */
  override publish(producer: AudioProducer, options: AudioPublishOptions = {}): LocalTrack {
    const settings = parsePublishOptions(options);
    const opus = {
      dtx: settings.dtx,
      channels: settings.stereo ? (2 as const) : (1 as const),
      ...(settings.bitRate && { bitRate: settings.bitRate }),
    };
    return this.publishWith(producer, opus, settings);
  }

  #listener(): RoomListener {
    return {
      joined: () => {},
      resumed: () => {},
      response: () => {},
      mediaArrived: () => {},
      mediaGone: () => {},
      senderReady: () => {},
      trackPublished: () => {},
      data: () => {},
      dataOpen: () => {},
      syncState: () => ({
        subscription: new UpdateSubscription({ subscribe: !this.#settings.autoSubscribe }),
        trackSidsDisabled: [],
        receiveStates: [] as DataChannelReceiveState[],
      }),
      encryption: () => Encryption_Type.NONE,
    };
  }
}
