import { Connection, type LocalTrack } from "../../connection/index.ts";
import { type BackoffOptions, TroupeError, type TypedEvents } from "../../core/index.ts";
import type { AudioProducer } from "../../media/index.ts";
import { type CallLink, MESSAGE_LABEL } from "./Attempt.ts";
import { CallDriver, type CallDriverParts } from "./driver.ts";
import type { AudioConnectorEvents, AudioConnectorInfo } from "./events.ts";
import type { SendAudioOptions } from "./OutgoingAudio.ts";
import type { CallSettings } from "./options.ts";

/** Nothing is dialled: the wait for the call to come back begins at once. */
const NO_BACKOFF: BackoffOptions = { firstMs: 0, maximumMs: 0, factor: 1, jitter: 0 };
/** The machine's own deadlines are the backstop of the driver's. */
const BACKSTOP_MS = 2_000;

/** The callbacks of Vonage's own server SDK; events say the same and more. */
export interface AudioConnectorHandlers {
  /** A text message that is nothing of the protocol's own. */
  onMessage?: (text: string) => void;
  onDisconnect?: () => void;
  onError?: (error: Error) => void;
}

/**
 * A call of Vonage's Audio Connector, made by an {@link AudioConnectorServer}: one remote track, one local track, text
 * messages, telephone keys.
 *
 * @example
 * call.publish(mouth.source);
 * call.on("track", (track) => new Ears(track, { recognizer }));
 * call.on("dtmf", (digit) => console.log(digit));
 */
export class AudioConnectorConnection extends Connection<AudioConnectorEvents> {
  readonly #info: AudioConnectorInfo;
  readonly #parts: { driver?: CallDriver };

  /** For the server. */
  constructor(
    info: AudioConnectorInfo,
    { settings, link, ...driverParts }: { settings: CallSettings; link: CallLink } & CallDriverParts,
  ) {
    const parts: { driver?: CallDriver; emit: TypedEvents<AudioConnectorEvents>["emit"] } = {
      emit: () => {},
    };
    const awayMs = settings.graceMs + BACKSTOP_MS;
    super({
      transport: "audio-connector",
      createDriver: (host) => {
        const events = { emit: ((name, ...args) => parts.emit(name, ...args)) as typeof parts.emit };
        parts.driver = new CallDriver({ id: info.id, settings, link, host }, events, driverParts);
        return parts.driver;
      },
      encodesFrames: false,
      reconnect: settings.graceMs > 0,
      backoff: NO_BACKOFF,
      deadlines: { attemptMs: awayMs, reconnectMs: awayMs, trackMs: awayMs },
    });
    parts.emit = (name, ...args) => this.emitExtra(name, ...args);
    this.#info = info;
    this.#parts = parts;
  }

  /** Who calls: ids, path and headers of the request. */
  info(): AudioConnectorInfo {
    return this.#info;
  }

  /** Hz of both directions. */
  get sampleRate(): number {
    return this.#parts.driver?.attempt?.sampleRate ?? this.#info.sampleRate;
  }

  /**
   * Sends what `producer` plays, in frames of 20 ms at the rate of the call. A call carries one track: mix what is to
   * be heard together.
   *
   * @throws TroupeError INVALID_STATE when one is published already, or `sendAudio` still sends.
   */
  override publish(producer: AudioProducer): LocalTrack {
    if (this.localTracks.length > 0)
      throw new TroupeError("INVALID_STATE", "A call carries one track: use an AudioMixer for several");
    if ((this.#parts.driver?.attempt?.outgoing.queuedMs ?? 0) > 0)
      throw new TroupeError("INVALID_STATE", "sendAudio still sends: flush, or wait for it");
    return super.publish(producer);
  }

  /**
   * Sends a buffer of s16le mono audio at the rate of the call, ahead of time as far as the active window allows.
   *
   * @returns `sent` once all of it was handed to the network, `flushed` when it was dropped before.
   * @throws TroupeError INVALID_STATE while a track is published or the call is away; INVALID_OPTION, INVALID_AUDIO,
   * QUEUE_FULL when more than five minutes wait.
   * @example
   * await call.sendAudio(await readFile("greeting.raw"), { padLastFrame: true });
   */
  async sendAudio(pcm: Uint8Array | Int16Array, options: SendAudioOptions = {}): Promise<"sent" | "flushed"> {
    if (this.localTracks.length > 0)
      throw new TroupeError("INVALID_STATE", "A track is published: write to its source, or unpublish it");
    const attempt = this.#present();
    if (options.flushBuffer) attempt.flush();
    return await attempt.outgoing.buffer(pcm, options);
  }

  /**
   * Sends a text message: a JSON text, or a value that is made one.
   *
   * @throws TroupeError INVALID_OPTION for a text that is no JSON, INVALID_STATE while the call is away.
   */
  async sendJson(message: unknown): Promise<void> {
    await this.send(MESSAGE_LABEL, typeof message === "string" ? requireJson(message) : stringify(message));
  }

  /** Has the far side send `notify` with this payload once it has played what it holds now. */
  async sendNotify(payload: unknown): Promise<void> {
    await this.sendJson({ action: "notify", payload });
  }

  /**
   * Drops what `sendAudio` has queued and what the far side has not played, at once: for interruptions. What a
   * published source still holds is the source's to clear. While the call is away there is nothing to drop.
   */
  flush(): void {
    this.#parts.driver?.attempt?.flush();
  }

  /** How much of `sendAudio` the far side is given ahead. @throws TroupeError INVALID_OPTION, INVALID_STATE */
  setBufferTiming({ activeSeconds }: { activeSeconds: number }): void {
    this.#present().outgoing.setBufferTiming(activeSeconds);
  }

  /** Audio that the far side holds and has not played, by our clock, in ms. */
  get farBufferMs(): number {
    return this.#parts.driver?.attempt?.outgoing.farBufferMs ?? 0;
  }

  /** Resolves once `sendAudio` has sent all and the far side has played it, by our clock; at once when the call ends. */
  async drained(): Promise<void> {
    await this.#parts.driver?.attempt?.outgoing.drained();
  }

  /** Takes the place of what it set before. */
  setHandler({ onMessage, onDisconnect, onError }: AudioConnectorHandlers): void {
    for (const off of this.#handlerOffs.splice(0)) off();
    if (onMessage) {
      const tell = (_: string, data: Uint8Array) => onMessage(Buffer.from(data).toString("utf8"));
      this.#handlerOffs.push(this.on("message", tell));
    }
    if (onDisconnect) this.#handlerOffs.push(this.on("disconnected", () => onDisconnect()));
    if (onError) this.#handlerOffs.push(this.on("error", onError));
  }

  readonly #handlerOffs: (() => void)[] = [];

  /** For the server: the driver. */
  get callDriver(): CallDriver | undefined {
    return this.#parts.driver;
  }

  #present() {
    const attempt = this.#parts.driver?.attempt;
    if (attempt) return attempt;
    throw new TroupeError("INVALID_STATE", `The call is ${this.state}`);
  }
}

function requireJson(text: string): string {
  try {
    JSON.parse(text);
    return text;
  } catch (cause) {
    const received = `a text of ${text.length} characters`;
    throw new TroupeError("INVALID_OPTION", `Expected JSON for message but received ${received}`, {
      field: "message",
      expected: "JSON",
      received,
      cause,
    });
  }
}

function stringify(value: unknown): string {
  const text: string | undefined = JSON.stringify(value);
  if (text === undefined)
    throw TroupeError.expected("INVALID_OPTION", "message", "a value that JSON can hold", value);
  return text;
}
