import { WebSocket } from "ws";
import { type Clock, randomId, systemClock, TroupeError, TypedEvents } from "../../core/index.ts";
import { type AudioProducer, AudioSink, AudioSource } from "../../media/index.ts";
import { IncomingAudio, MAXIMUM_WAITING_MS } from "../../transports/audio-connector/IncomingAudio.ts";
import type { ClearForm } from "../../transports/audio-connector/index.ts";
import { FarPlayout, type FarPlayoutReport } from "./FarPlayout.ts";
import { FarUplink } from "./FarUplink.ts";

const HANDSHAKE_MS = 6_000;
const CLOSE_WAIT_MS = 2_000;
const MAXIMUM_MESSAGE_BYTES = 1024 * 1024;
/** For {@link AudioConnectorCallerOptions.heardDelayMs}. */
const HEARD_DELAY_MS = 40;

/** Each known form of the message that clears the buffer. */
const CLEAR_FORMS: { form: ClearForm; isMeant: (message: Record<string, unknown>) => boolean }[] = [
  { form: "action", isMeant: ({ action }) => action === "clear" },
  { form: "event", isMeant: ({ event }) => event === "websocket:cleared" },
  { form: "clearAudio", isMeant: ({ event }) => event === "clearAudio" },
];

/** How the far side calls. */
export interface AudioConnectorCallerOptions {
  /** `ws:` or `wss:`, with the path token if there is one. */
  url: string;
  /** Hz; 16000 when left out. */
  sampleRate?: 8_000 | 16_000 | 24_000;
  /** Whether it sends its audio as JSON with base64; it plays both. Binary when left out. */
  audioTransport?: "binary" | "json";
  /** Random ones when left out. */
  sessionId?: string;
  connectionId?: string;
  conferenceId?: string;
  /** The `headers` of the connect request: they go along with the upgrade and in the first message. */
  headers?: Record<string, string>;
  /** How much faster than ours its clock goes, in parts per million; 0 when left out. */
  driftPpm?: number;
  /** Puts a space in front of its JSON, as some bridges do. */
  leadingSpace?: boolean;
  /** Which messages clear its buffer; every known form when left out. */
  clears?: readonly ClearForm[];
  /** Sends no audio before the first that it is told to say: no silence either. */
  quiet?: boolean;
  /** How late a played frame may come to who listens to `heard`, in ms; 40 when left out. */
  heardDelayMs?: number;
  /** Certificates to trust beside the usual ones. */
  ca?: string | Buffer;
  /** Gives the call up while it is dialled, and ends it afterwards. */
  signal?: AbortSignal;
  clock?: Clock;
}

/** What a caller reports. */
export type AudioConnectorCallerEvents = {
  /** What is played in these 20 ms of its clock; null for nothing. */
  played: [pcm: Buffer | null];
  /** A message of audio as it came, before it is cut to a frame. */
  audio: [data: Buffer];
  /** Any other message. */
  message: [text: string];
  /** It was told to drop what it holds. */
  cleared: [form: ClearForm];
  closed: [code: number, reason: string];
};

/**
 * The far side of an Audio Connector call, for tests and laptops: calls a server as Vonage does, plays what it is sent
 * on a clock of its own, and counts where that ran dry or over.
 *
 * @example
 * await using caller = await AudioConnectorCaller.dial({ url: server.address, driftPpm: 200 });
 * caller.say(question);
 * console.log(caller.report.underruns);
 */
export class AudioConnectorCaller extends TypedEvents<AudioConnectorCallerEvents> {
  readonly sampleRate: number;
  readonly connectionId: string;
  readonly #options: AudioConnectorCallerOptions;
  readonly #socket: WebSocket;
  readonly #playout: FarPlayout;
  readonly #uplink: FarUplink;
  readonly #over = Promise.withResolvers<{ code: number; reason: string }>();
  #isPaused = false;
  #heard: AudioSource | undefined;
  #incoming: IncomingAudio | undefined;
  #microphone: AudioSink | undefined;

  private constructor(options: AudioConnectorCallerOptions, socket: WebSocket, connectionId: string) {
    super();
    const { sampleRate = 16_000, clock = systemClock, driftPpm = 0 } = options;
    this.#options = options;
    this.#socket = socket;
    this.sampleRate = sampleRate;
    this.connectionId = connectionId;
    const frameBytes = (sampleRate * 40) / 1_000;
    this.#uplink = new FarUplink(frameBytes, options.quiet ?? false);
    this.#playout = new FarPlayout({ frameBytes, driftPpm, clock, tick: (pcm) => this.#tick(pcm) });
    socket.on("message", (data, isBinary) => this.#receive(data as Buffer, isBinary));
    socket.on("error", () => {});
    socket.on("close", (code, reason) => this.#end(code, reason.toString("utf8")));
  }

  /**
   * Calls; resolves once the WebSocket is open and the first message is sent.
   *
   * @throws TroupeError SIGNALLING_FAILED with the HTTP status when it is turned away; CANCELLED by `signal`.
   */
  static async dial(options: AudioConnectorCallerOptions): Promise<AudioConnectorCaller> {
    const { signal } = options;
    const cancelled = () => new TroupeError("CANCELLED", "The call was given up", { cause: signal?.reason });
    if (signal?.aborted) throw cancelled();
    const connectionId = options.connectionId ?? randomId();
    const socket = new WebSocket(options.url, {
      handshakeTimeout: HANDSHAKE_MS,
      maxPayload: MAXIMUM_MESSAGE_BYTES,
      perMessageDeflate: false,
      followRedirects: false,
      ca: options.ca,
      headers: {
        "x-opentok-ws-sessionid": options.sessionId ?? randomId(),
        "x-opentok-ws-connectionid": connectionId,
        "x-opentok-ws-conferenceid": options.conferenceId ?? randomId(),
        ...options.headers,
      },
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.once("open", () => {
      // What comes along with the answer waits until somebody can listen.
      socket.pause();
      resolve();
    });
    socket.once("error", reject);
    const cut = () => socket.terminate();
    signal?.addEventListener("abort", cut, { once: true });
    socket.once("close", () => signal?.removeEventListener("abort", cut));
    await promise.catch((error) => {
      if (signal?.aborted) throw cancelled();
      throw TroupeError.from("SIGNALLING_FAILED", error, "The call was not taken");
    });
    const caller = new AudioConnectorCaller(options, socket, connectionId);
    caller.sendMessage({
      "content-type": `audio/l16;rate=${caller.sampleRate}`,
      event: "websocket:connected",
      ...options.headers,
    });
    setImmediate(() => {
      if (!caller.#isPaused) socket.resume();
    });
    return caller;
  }

  /** Of what it was sent: sizes, underruns, overruns. */
  get report(): Readonly<FarPlayoutReport> {
    return this.#playout.report;
  }

  /** Whether the WebSocket is open. */
  get open(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  /** What it plays, for sinks, recorders and ears. */
  get heard(): AudioProducer {
    if (!this.#heard) {
      const delayMs = this.#options.heardDelayMs ?? HEARD_DELAY_MS;
      const capacityMs = MAXIMUM_WAITING_MS + delayMs;
      this.#heard = new AudioSource({ sampleRate: this.sampleRate, capacityMs });
      const clock = systemClock;
      this.#incoming = new IncomingAudio(this.#heard.producer!, {
        sampleRate: this.sampleRate,
        delayMs,
        clock,
      });
    }
    return this.#heard;
  }

  /** Frames of 20 ms that it was told to say and had no room for. */
  get droppedFrames(): number {
    return this.#uplink.droppedFrames;
  }

  /**
   * Sends s16le mono audio at its own rate, behind what it still has to send; silence goes out in between. Five minutes
   * wait at most: what is more is dropped, and counted in {@link AudioConnectorCaller.droppedFrames}.
   */
  say(pcm: Int16Array): void {
    this.#uplink.push(Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength));
  }

  /** Sends what `producer` plays, from now on. */
  speak(producer: AudioProducer): void {
    this.#microphone?.close();
    this.#microphone = new AudioSink(producer, { sampleRate: this.sampleRate, frameMs: 20 });
    this.#microphone.on("frame", ({ pcm }) => this.say(pcm));
  }

  /** Resolves once all that was said has been sent. */
  said(): Promise<void> {
    return this.#uplink.drained();
  }

  /** A message of JSON. */
  sendMessage(message: object): void {
    this.sendText(`${this.#options.leadingSpace ? " " : ""}${JSON.stringify(message)}`);
  }

  /** Any text message, malformed ones too. */
  sendText(text: string): void {
    if (this.open) this.#socket.send(text);
  }

  /** Any message of bytes, malformed audio too. */
  sendBytes(data: Uint8Array): void {
    if (this.open) this.#socket.send(data);
  }

  /** Stops reading, as a process that hangs. */
  pause(): void {
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#socket.resume();
  }

  sendDtmf(digit: string, durationMs = 200, form: "event" | "bare" = "event"): void {
    const event = form === "event" ? { event: "websocket:dtmf" } : {};
    this.sendMessage({ ...event, digit, duration: durationMs });
  }

  sendMediaUpdate(active: boolean): void {
    this.sendMessage({ event: "websocket:media:update", active });
  }

  /** Ends the call in order. */
  async hangUp(): Promise<void> {
    this.sendMessage({ event: "websocket:disconnected" });
    await this.close();
  }

  /** Cuts the WebSocket, as a network that broke. */
  drop(): void {
    this.#socket.terminate();
  }

  /** Closes the WebSocket, if it is open, and frees everything. */
  async close(): Promise<void> {
    if (this.open) this.#socket.close(1000);
    const cut = setTimeout(() => this.#socket.terminate(), CLOSE_WAIT_MS);
    await this.#over.promise;
    clearTimeout(cut);
  }

  /** Resolves once the WebSocket is closed, however. */
  closed(): Promise<{ code: number; reason: string }> {
    return this.#over.promise;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #receive(data: Buffer, isBinary: boolean): void {
    if (isBinary) {
      this.#play(data);
      return;
    }
    const text = data.toString("utf8");
    const message = parse(text);
    if (typeof message?.audio === "string") this.#play(Buffer.from(message.audio, "base64"));
    else this.#obey(message, text);
  }

  #play(data: Buffer): void {
    this.#playout.push(data);
    this.emit("audio", data);
  }

  #obey(message: Record<string, unknown> | undefined, text: string): void {
    const { clears } = this.#options;
    const clear = message && CLEAR_FORMS.find(({ isMeant }) => isMeant(message));
    if (clear && (clears?.includes(clear.form) ?? true)) {
      this.#playout.clear();
      this.emit("cleared", clear.form);
      this.sendMessage({ event: "websocket:cleared" });
    } else if (message?.action === "notify") {
      const { payload } = message;
      this.#playout.notify(() => this.sendMessage({ event: "websocket:notify", payload }));
    }
    this.emit("message", text);
  }

  #tick(pcm: Buffer | null): void {
    this.emit("played", pcm);
    if (pcm) this.#incoming?.push(pcm);
    for (const frame of this.#uplink.take(this.#microphone?.state === "flowing")) this.#sendFrame(frame);
  }

  #sendFrame(frame: Buffer): void {
    if (this.#options.audioTransport === "json")
      this.sendText(JSON.stringify({ audio: frame.toString("base64") }));
    else this.sendBytes(frame);
  }

  #end(code: number, reason: string): void {
    this.#playout.stop();
    this.#uplink.stop();
    this.#microphone?.close();
    this.#heard?.close();
    this.#over.resolve({ code, reason });
    this.emit("closed", code, reason);
    this.removeAllListeners();
  }
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
