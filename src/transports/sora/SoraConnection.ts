import { Connection, type LocalTrack } from "../../connection/index.ts";
import { type BackoffOptions, DEFAULT_BACKOFF, TroupeError, type TypedEvents } from "../../core/index.ts";
import type { AudioProducer, OpusParameters } from "../../media/index.ts";
import { SoraDriver, type SoraDriverParts } from "./driver.ts";
import type { SoraErrorCode } from "./errorCode.ts";
import type { SoraConnectionEvents } from "./events.ts";
import type { SoraSettings } from "./options.ts";
import type { SoraRpcOptions } from "./rpc.ts";

/** A network that is back should be noticed soon: a redial is cheap, and a bot that waits is silent. */
const BACKOFF: BackoffOptions = { ...DEFAULT_BACKOFF, maximumMs: 1_500 };

/**
 * A connection to a Sora channel.
 *
 * @example
 * connection.on("notify", ({ event_type }) => console.log(event_type));
 * connection.on("message", (label, data) => console.log(label, data.toString()));
 */
export class SoraConnection extends Connection<SoraConnectionEvents> {
  readonly #settings: SoraSettings;
  readonly #parts: { driver?: SoraDriver };
  #leaving = false;

  /** For `sora()`. */
  constructor(settings: SoraSettings, driverParts: SoraDriverParts = {}) {
    const parts: { driver?: SoraDriver; emit: SoraConnectionEmit } = { emit: () => {} };
    super({
      transport: "sora",
      createDriver: (host) => {
        parts.driver = new SoraDriver(
          settings,
          host,
          { emit: (name, ...args) => parts.emit(name, ...args) },
          driverParts,
        );
        return parts.driver;
      },
      reconnect: settings.reconnect,
      backoff: BACKOFF,
      deadlines: {
        dialMs: settings.timeouts.dialMs,
        negotiateMs: settings.timeouts.negotiateMs,
        secureMs: settings.timeouts.joinMs,
        reconnectMs: settings.timeouts.reconnectMs,
      },
    });
    parts.emit = (name, ...args) => this.emitExtra(name, ...args);
    this.#settings = settings;
    this.#parts = parts;
    if (settings.audioTransform) this.setTransform(settings.audioTransform);
  }

  get channelId(): string {
    return this.#settings.channelId;
  }

  get role(): SoraSettings["role"] {
    return this.#settings.role;
  }

  /** Ours in the channel: `""` before the offer, another one after each reconnect. */
  get connectionId(): string {
    return this.#parts.driver?.connectionId ?? "";
  }

  /** How it ended, in the terms of Sora's SDKs; set when `disconnected` fires, undefined before. */
  get errorCode(): SoraErrorCode | undefined {
    if (!this.#isOver()) return undefined;
    return this.#parts.driver?.errorCode ?? (this.#leaving ? "CLOSE_SUCCEEDED" : "INTERNAL_ERROR");
  }

  override start(): void {
    super.start();
    if (this.#settings.audioSource && this.localTracks.length === 0 && !this.#isOver()) {
      this.publish(this.#settings.audioSource);
    }
  }

  /**
   * Sends what `producer` plays. A Sora connection sends one audio track: mix what is to be heard together.
   *
   * @throws TroupeError INVALID_STATE when one is published already, or the role does not send.
   */
  override publish(producer: AudioProducer, opus: Partial<OpusParameters> = {}): LocalTrack {
    if (this.#settings.role === "recvonly" || this.#settings.audio === false) {
      throw new TroupeError("INVALID_STATE", "This connection does not send audio: see role and audio");
    }
    if (this.localTracks.length > 0) {
      throw new TroupeError(
        "INVALID_STATE",
        "A Sora connection sends one track: use an AudioMixer for several",
      );
    }
    return super.publish(producer, opus);
  }

  override disconnect(reason = ""): Promise<void> {
    this.#leaving = true;
    this.#parts.driver?.expectEnd();
    return super.disconnect(reason);
  }

  /** `send` in the manner of Sora's SDKs: false at once when the message cannot be sent, no waiting. */
  sendDataChannel(label: string, data: Uint8Array | string): boolean {
    return !this.#isOver() && (this.#parts.driver?.trySend(label, data) ?? false);
  }

  /** What the server's offer says can be called with {@link SoraConnection.rpc}. */
  get rpcMethods(): readonly string[] {
    return this.#parts.driver?.rpcMethods ?? [];
  }

  /**
   * Calls a method of the server over the data channel `rpc` (JSON-RPC 2.0) and gives its result.
   *
   * @throws SoraRpcError when the server answers with an error.
   * @throws TroupeError INVALID_STATE when the server gives no calls or the channel is not open yet, TIMEOUT,
   * CANCELLED, CLOSED, QUEUE_FULL.
   * @example
   * await connection.rpc("2025.2.0/RequestSimulcastRid", { receiver_connection_id: id, rid: "r0" });
   */
  async rpc(method: string, params?: object, options: SoraRpcOptions = {}): Promise<unknown> {
    return await this.#open().rpc(method, params, options);
  }

  /** A call without an answer: a notification of JSON-RPC. @throws TroupeError INVALID_STATE, CLOSED, QUEUE_FULL */
  async rpcNotify(method: string, params?: object): Promise<void> {
    await this.#open().rpcNotify(method, params);
  }

  #open(): SoraDriver {
    if (this.#parts.driver && !this.#isOver()) return this.#parts.driver;
    throw new TroupeError("INVALID_STATE", "The connection is not open");
  }

  #isOver(): boolean {
    return this.state === "disconnected" || this.state === "failed";
  }
}

type SoraConnectionEmit = TypedEvents<SoraConnectionEvents>["emit"];
