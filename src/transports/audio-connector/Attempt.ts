import type { DriverEvent } from "../../actors/index.ts";
import type { ConnectionHost, LocalTrack, StatsEntry } from "../../connection/index.ts";
import { type Clock, TroupeError, type TypedEvents } from "../../core/index.ts";
import type { Engine, EngineFrame, EngineSink, EngineSource } from "../../native/index.ts";
import { type CallListener, type CallSocket, CloseCode } from "./CallSocket.ts";
import type { AudioConnectorEvents } from "./events.ts";
import { IncomingAudio, MAXIMUM_WAITING_MS } from "./IncomingAudio.ts";
import { OutgoingAudio } from "./OutgoingAudio.ts";
import type { CallSettings } from "./options.ts";
import { type CallSampleRate, CLEAR_MESSAGES, type FarMessage, FRAME_MS, parseFarMessage } from "./wire.ts";

/** The one channel of a call: text messages that are nothing else. */
export const MESSAGE_LABEL = "message";
/** Close codes of an end in order; 1005 is a close without a code. */
const ORDERLY_CODES = new Set([1000, 1005]);
const MAXIMUM_HELD_MESSAGES = 256;

/** One WebSocket with a far side that has begun. */
export interface CallLink {
  socket: CallSocket;
  sampleRate: CallSampleRate;
  /** The message that it began with, when that was more than the start. */
  first: { text: string } | { audio: Buffer } | undefined;
  /** Whether the far side was seen to send its audio as JSON. */
  isJson: boolean;
}

/** What attempts share with their driver. */
export interface AttemptContext {
  /** Of the call; the key of its one remote track. */
  id: string;
  settings: CallSettings;
  host: ConnectionHost;
  events: Pick<TypedEvents<AudioConnectorEvents>, "emit">;
  clock: Clock;
  engine: () => Pick<Engine, "createSink" | "createSource">;
  /** Whether messages wait for the user's `onConnect`. */
  holds: () => boolean;
}

/** A call over one WebSocket: media in the engine for as long as it lasts. */
export class Attempt implements CallListener {
  readonly outgoing: OutgoingAudio;
  readonly #context: AttemptContext;
  readonly #link: CallLink;
  readonly #report: (event: DriverEvent) => void;
  readonly #source: EngineSource;
  readonly #incoming: IncomingAudio;
  readonly #over = Promise.withResolvers<{ code: number; reason: string }>();
  readonly #held: string[] = [];
  #sink: { sink: EngineSink; trackId: string } | undefined;
  #isJson: boolean;
  #isHungUp = false;
  #isStarted = false;
  #closed = false;

  constructor(context: AttemptContext, link: CallLink, report: (event: DriverEvent) => void) {
    const { settings, clock } = context;
    this.#context = context;
    this.#link = link;
    this.#report = report;
    this.#isJson = settings.audioTransport === "json" || (settings.audioTransport === "auto" && link.isJson);
    const { sampleRate } = link;
    this.#source = context
      .engine()
      .createSource({ sampleRate, channels: 1, capacityMs: MAXIMUM_WAITING_MS + settings.receiveDelayMs });
    this.#incoming = new IncomingAudio(this.#source, { sampleRate, delayMs: settings.receiveDelayMs, clock });
    this.outgoing = new OutgoingAudio({
      sampleRate,
      leadMs: settings.leadMs,
      activeSeconds: settings.activeSeconds,
      clock,
      farAheadUs: () => this.#incoming.farClock.aheadUs,
      send: (pcm) => this.#sendAudio(pcm),
    });
  }

  get sampleRate(): number {
    return this.#link.sampleRate;
  }

  start(): void {
    const { host, id } = this.#context;
    const key = `${id}:audio`;
    this.#isStarted = true;
    this.#report({ type: "signalling.open" });
    this.#report({ type: "negotiated" });
    this.#report({ type: "transport.connected" });
    this.#report({ type: "track.added", track: { key, kind: "audio", senderId: id } });
    host.receiverReady(key, this.#source);
    for (const track of host.localTracks) this.publish(track);
    host.channelOpen({ label: MESSAGE_LABEL, direction: "sendrecv" });
    this.#report({ type: "joined" });
    const { first, socket } = this.#link;
    if (first && "text" in first) this.text(first.text);
    else if (first) this.audio(first.audio);
    socket.listen(this);
  }

  /** What is published before the start is carried from there on. */
  publish(track: LocalTrack): void {
    if (!this.#isStarted) return;
    const sink = this.#context
      .engine()
      .createSink({ sampleRate: this.#link.sampleRate, channels: 1, frameMs: FRAME_MS });
    sink.events.on("frame", (frame) => this.#sendFrame(frame));
    this.#sink = { sink, trackId: track.id };
    this.#context.host.senderReady(track.id, {
      get closed() {
        return sink.closed;
      },
      setProducer: (producer) => sink.bind(producer),
    });
  }

  unpublish(track: LocalTrack): void {
    if (this.#sink?.trackId !== track.id) return;
    this.#context.host.senderGone(track.id);
    this.#closeSink();
  }

  /** @throws TroupeError CLOSED; QUEUE_FULL when the far side does not read. */
  sendText(text: string): void {
    if (this.#link.socket.sendText(text)) return;
    if (!this.#link.socket.open) throw new TroupeError("CLOSED", "The call is over");
    throw new TroupeError("QUEUE_FULL", "The far side does not read what it is sent");
  }

  /** Drops what is queued here, and has the far side drop what it holds. */
  flush(): void {
    this.outgoing.flush();
    this.#link.socket.sendText(CLEAR_MESSAGES[this.#context.settings.clear]);
  }

  /** The messages that waited, and from now on each as it comes. */
  release(): void {
    for (const text of this.#held.splice(0)) this.text(text);
  }

  async leave(reason: string): Promise<{ code: number; reason: string }> {
    this.#isHungUp = true;
    this.#link.socket.close(CloseCode.normal, reason);
    return await this.#over.promise;
  }

  getStats(): StatsEntry[] {
    const { clock } = this.#context;
    const { socket, sampleRate } = this.#link;
    return [
      {
        id: this.#context.id,
        type: "audio-connector",
        timestamp: Date.now(),
        sampleRate,
        sent: { ...this.outgoing.counts },
        received: { ...this.#incoming.counts },
        farBufferMs: this.outgoing.farBufferMs,
        queuedMs: this.outgoing.queuedMs,
        waitingMs: this.#source.queuedUs / 1_000,
        bufferedBytes: socket.bufferedBytes,
        monotonicUs: clock.nowUs(),
      },
    ];
  }

  /** Frees what it has in the engine, and cuts the socket if it is still there. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.outgoing.close();
    this.#closeSink();
    this.#source.close();
    this.#link.socket.terminate();
  }

  audio(data: Buffer): void {
    if (!this.#closed) this.#incoming.push(data);
  }

  text(text: string): void {
    if (this.#closed) return;
    const message = parseFarMessage(text);
    if (message.type === "audio") this.#jsonAudio(message.pcm);
    else if (message.type === "disconnected") this.#isHungUp = true;
    else if (!this.#context.holds()) this.#tell(message, text);
    else if (this.#held.length < MAXIMUM_HELD_MESSAGES) this.#held.push(text);
  }

  failed(error: Error): void {
    if (!this.#closed) this.#context.events.emit("error", error);
  }

  closed(code: number, reason: string): void {
    this.#over.resolve({ code, reason });
    if (this.#closed) return;
    const isOrderly = this.#isHungUp || ORDERLY_CODES.has(code);
    const said = reason || (isOrderly ? "the far side hung up" : "the WebSocket broke");
    this.#report({ type: isOrderly ? "remote.closed" : "signalling.lost", code, reason: said });
  }

  #tell(message: FarMessage, text: string): void {
    const { events, host, id } = this.#context;
    if (message.type === "dtmf") events.emit("dtmf", message.digit, message.durationMs);
    else if (message.type === "cleared") events.emit("cleared");
    else if (message.type === "notify") events.emit("notify", message.payload);
    else if (message.type === "mediaUpdate") {
      host.trackMuted(`${id}:audio`, !message.active);
      events.emit("mediaUpdate", message.active);
    } else host.message(MESSAGE_LABEL, Buffer.from(text));
  }

  #jsonAudio(pcm: Buffer): void {
    if (this.#context.settings.audioTransport === "auto") this.#isJson = true;
    this.#incoming.push(pcm);
  }

  #sendFrame({ pcm, timestampUs }: EngineFrame): void {
    this.outgoing.live(pcm, timestampUs);
  }

  #sendAudio(pcm: Uint8Array): boolean {
    if (!this.#isJson) return this.#link.socket.sendBinary(pcm);
    const base64 = Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength).toString("base64");
    return this.#link.socket.sendText(`{"audio":"${base64}"}`);
  }

  #closeSink(): void {
    this.#sink?.sink.events.removeAllListeners();
    this.#sink?.sink.close();
    this.#sink = undefined;
  }
}
