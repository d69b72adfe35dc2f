import type { WebSocket } from "ws";
import { type Clock, type Logger, RateLimit, randomId } from "../../core/index.ts";
import type { AvatarErrorReason } from "../../transports/avatar/index.ts";
import {
  AudioFormat,
  type ClientAudioInput,
  type ClientConfigureSession,
  EgressType,
} from "../../transports/avatar/wire/avatar_pb.ts";
import {
  type AvatarData,
  decodeMessage,
  encodeAnimation,
  encodeConfirmation,
  encodeError,
} from "../../transports/avatar/wire/messages.ts";
import { type AvatarFault, type Faults, serverErrorOf } from "./faults.ts";
import type { AvatarLimits } from "./limits.ts";
import { OggDuration } from "./oggDuration.ts";
import { Performance, type PerformedRequest } from "./Performance.ts";
import { type JoinRoom, RoomEgress } from "./RoomEgress.ts";

const PCM_RATES = [8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000];
const OPUS_RATES = [8_000, 12_000, 16_000, 24_000, 48_000];
/** Requests that are remembered of one session. */
const MAXIMUM_REQUESTS = 1_000;
const CLOSE_WAIT_MS = 2_000;
const NORMAL = 1000;
const PROTOCOL_ERROR = 1002;
const POLICY = 1008;
const INTERNAL = 1011;

export interface ServedSessionOptions {
  limits: AvatarLimits;
  faults: Faults;
  frameMs: number;
  latencyMs: number;
  joinRoom: JoinRoom | undefined;
  clock?: Clock | undefined;
  log: Logger;
  onClosed: (session: ServedSession) => void;
}

/** One client of the avatar service, from its WebSocket to its end. */
export class ServedSession {
  readonly connectionId = randomId();
  /** What the client agreed on; undefined before. */
  configuration: ClientConfigureSession | undefined;
  /** What it said, oldest first; the last thousand. */
  readonly requests: PerformedRequest[] = [];
  readonly #socket: WebSocket;
  readonly #options: ServedSessionOptions;
  readonly #rate: RateLimit;
  readonly #performance: Performance;
  readonly #durations = new Map<string, OggDuration>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  #egress: RoomEgress | undefined;
  #isConfirmed = false;
  #isOver = false;

  constructor(socket: WebSocket, options: ServedSessionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#rate = new RateLimit(options.limits.messagesPerSecond);
    const { frameMs, latencyMs, clock } = options;
    const onFrame = (request: PerformedRequest, last: boolean) => this.#show(request, last);
    this.#performance = new Performance({ frameMs, latencyMs, clock, onFrame });
    socket.on("message", (data, isBinary) => this.#receive(data as Buffer, isBinary));
    socket.on("error", (error) => options.log.debug("an avatar's client failed", { error }));
    socket.on("close", () => this.#end());
    this.#after("handshake", options.limits.handshakeMs, () => this.#close(POLICY, "HANDSHAKE-TIMEOUT"));
    this.#after("session", options.limits.sessionMs, () => this.fail("sessionDurationExceeded"));
  }

  /** Tells the client of an error and closes. */
  fail(reason: AvatarErrorReason, reqId = "", text = ""): void {
    const { code, message } = serverErrorOf(reason);
    if (reason === "connectionFailed") this.#socket.terminate();
    else if (reason !== "connectionClosed")
      this.#send(encodeError({ connectionId: this.connectionId, reqId, code, message: text || message }));
    this.#close(reason === "protocolError" ? PROTOCOL_ERROR : INTERNAL, reason);
  }

  close(): void {
    this.#close(NORMAL, "SHUTDOWN");
  }

  #receive(data: Buffer, isBinary: boolean): void {
    if (this.#isOver) return;
    if (!this.#rate.take()) {
      this.#close(POLICY, "RATE-LIMIT");
      return;
    }
    let message: AvatarData | null;
    try {
      message = isBinary ? decodeMessage(data) : null;
    } catch (error) {
      this.#options.log.info("an avatar's client sent what cannot be read", { error });
      this.fail("protocolError", "", "failed to unmarshal initial message");
      return;
    }
    if (!this.configuration) this.#configure(message);
    else if (!this.#isConfirmed) this.fail("protocolError");
    else if (message?.case === "clientAudioInput") this.#hear(message.value);
    else if (message?.case === "clientInterrupt") this.#interrupt(message.value.reqId);
    else this.fail("protocolError");
  }

  #configure(message: AvatarData | null): void {
    this.#cancel("handshake");
    if (message?.case !== "clientConfigureSession") {
      this.fail("protocolError", "", "expected ClientConfigureSession message");
      return;
    }
    this.configuration = message.value;
    const fault = this.#options.faults.take("websocket_handshake");
    if (fault) this.#strike(fault);
    else
      this.#agree(message.value).catch((error) => {
        this.#options.log.warn("an avatar cannot join its room", { error });
        this.fail("egressUnavailable");
      });
  }

  async #agree(configuration: ClientConfigureSession): Promise<void> {
    const { audioFormat, sampleRate, egressType, livekitEgress, agoraEgress } = configuration;
    const rates = audioFormat === AudioFormat.OGG_OPUS ? OPUS_RATES : PCM_RATES;
    if (!rates.includes(sampleRate)) {
      this.fail("unsupportedSampleRate");
      return;
    }
    if (egressType === EgressType.LIVEKIT) {
      const refusal = this.#refusalOf(configuration);
      if (refusal) {
        this.fail(refusal.reason, "", refusal.text);
        return;
      }
      const egress = await RoomEgress.open(livekitEgress!, sampleRate, this.#options.joinRoom!);
      if (this.#isOver) {
        await egress.close();
        return;
      }
      this.#egress = egress;
    } else if (egressType === EgressType.AGORA && !agoraEgress?.channelName) {
      this.fail("invalidEgressConfig", "", "agora_egress.channel_name is required");
      return;
    }
    this.#isConfirmed = true;
    this.#send(encodeConfirmation(this.connectionId));
    this.#expectAudio();
    const fault = this.#options.faults.take("websocket_runtime");
    if (fault) this.#strike(fault);
  }

  /** What keeps this service from showing the face in a LiveKit room. */
  #refusalOf({ livekitEgress, agoraEgress, audioFormat }: ClientConfigureSession) {
    const refuse = (reason: AvatarErrorReason, text: string) => ({ reason, text });
    if (agoraEgress) return refuse("invalidEgressConfig", "livekit_egress and agora_egress are both set");
    if (!livekitEgress?.url || !livekitEgress.roomName || !livekitEgress.publisherId)
      return refuse("invalidEgressConfig", "livekit_egress lacks url, room_name or publisher_id");
    if (!livekitEgress.apiToken && !(livekitEgress.apiKey && livekitEgress.apiSecret))
      return refuse(
        "invalidEgressConfig",
        "livekit_egress: provide api_token or both api_key and api_secret",
      );
    if (!this.#options.joinRoom)
      return refuse("egressUnavailable", "egress client is not configured on server");
    if (audioFormat === AudioFormat.OGG_OPUS)
      return refuse("egressUnavailable", "failed to create egress connection: this emulator decodes no Opus");
    return null;
  }

  #strike(fault: AvatarFault["reason"]): void {
    if (fault !== "silence") this.fail(fault);
  }

  #hear({ reqId, end, audio }: ClientAudioInput): void {
    this.#expectAudio();
    if (reqId === "") {
      this.fail("invalidRequest", reqId);
      return;
    }
    const request = this.#requestOf(reqId);
    if (request.ended || request.interrupted) return;
    request.audioBytes += audio.length;
    if (!this.#measure(request, audio)) {
      this.fail("invalidRequest", reqId, "the audio is not of the format agreed on");
      return;
    }
    if (end) request.ended = true;
    if (this.#egress && audio.length > 1) this.#egress.say(reqId, samplesOf(audio));
    if (this.#performance.waitingMs > this.#options.limits.waitingAudioMs)
      this.fail("invalidRequest", reqId, "too much audio waits");
    else this.#performance.wake();
  }

  #requestOf(reqId: string): PerformedRequest {
    const known = this.requests.findLast(({ id }) => id === reqId);
    if (known) return known;
    const request = {
      id: reqId,
      audioMs: 0,
      audioBytes: 0,
      ended: false,
      interrupted: false,
      frames: 0,
      done: false,
    };
    this.requests.push(request);
    if (this.requests.length > MAXIMUM_REQUESTS) this.requests.shift();
    this.#performance.add(request);
    return request;
  }

  /** Adds to how long a request is; false when that cannot be told. */
  #measure(request: PerformedRequest, audio: Uint8Array): boolean {
    const { audioFormat, sampleRate } = this.configuration!;
    if (audioFormat === AudioFormat.PCM_S16LE) {
      request.audioMs = (request.audioBytes / 2 / sampleRate) * 1000;
      return true;
    }
    const duration = this.#durations.get(request.id) ?? new OggDuration();
    this.#durations.set(request.id, duration);
    const isRead = duration.push(audio);
    request.audioMs = duration.ms;
    if (duration.ended) this.#durations.delete(request.id);
    return isRead;
  }

  #interrupt(reqId: string): void {
    const request = this.requests.findLast(({ id }) => id === reqId);
    if (!request || request.done) return;
    this.#performance.interrupt(request);
    this.#durations.delete(reqId);
    this.#egress?.interrupt(reqId);
  }

  #show(request: PerformedRequest, last: boolean): void {
    const frame = encodeAnimation(this.connectionId, request.id, last);
    if (this.#egress) this.#egress.show(frame);
    // With an egress frames do not come back.
    else if (this.configuration?.egressType === EgressType.NONE) this.#send(frame);
  }

  #send(message: Uint8Array): void {
    if (this.#isOver) return;
    if (this.#socket.bufferedAmount > this.#options.limits.bufferedBytes) {
      this.#options.log.warn("an avatar's client does not read; it is cut");
      this.#socket.terminate();
    } else this.#socket.send(message, () => {});
  }

  #expectAudio(): void {
    const { livekitEgress } = this.configuration!;
    const ms = (livekitEgress?.idleTimeout ?? 0) * 1000 || this.#options.limits.idleMs;
    this.#after("idle", ms, () => this.fail("idleTimeout"));
  }

  #close(code: number, reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#socket.close(code, reason);
    this.#after("close", CLOSE_WAIT_MS, () => this.#socket.terminate());
    this.#release();
  }

  #end(): void {
    this.#isOver = true;
    for (const name of [...this.#timers.keys()]) this.#cancel(name);
    this.#release();
    this.#options.onClosed(this);
  }

  #release(): void {
    this.#performance.close();
    this.#durations.clear();
    const egress = this.#egress;
    this.#egress = undefined;
    egress?.close().catch((error) => this.#options.log.debug("an avatar's room failed", { error }));
  }

  #after(name: string, ms: number, act: () => void): void {
    this.#cancel(name);
    this.#timers.set(name, setTimeout(act, ms));
  }

  #cancel(name: string): void {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }
}

/** A part of a sample at the end is left out. */
function samplesOf(audio: Uint8Array): Int16Array {
  return new Int16Array(new Uint8Array(audio.subarray(0, audio.length & ~1)).buffer);
}
