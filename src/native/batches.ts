import { logger, type TypedEvents } from "../core/index.ts";
import { type CryptorState, RECORD_STRIDE, RecordKind } from "./binding.ts";
import type { EngineForwarder, EnginePeer, EngineSender, EngineSink } from "./engine.ts";
import { cryptorState, type EngineFrameCryptor, type EngineFrameRelay } from "./frameTransforms.ts";
import type { EngineMixer, EngineReceiver, EngineSource, Level } from "./producers.ts";

const NO_BYTES: Uint8Array = new Uint8Array();

const WARNING_INTERVAL_MS = 1_000;

/** Hands each record of a batch to the object that its handle names. A record of a closed handle is let go. */
export class Batches {
  readonly peers = new Map<number, EnginePeer["events"]>();
  readonly receivers = new Map<number, EngineReceiver["events"]>();
  readonly sources = new Map<number, EngineSource["events"]>();
  readonly mixers = new Map<number, EngineMixer["events"]>();
  readonly senders = new Map<number, EngineSender["events"]>();
  readonly levels = new Map<number, TypedEvents<{ level: [level: Level] }>>();
  readonly forwarders = new Map<number, EngineForwarder["events"]>();
  readonly cryptors = new Map<number, EngineFrameCryptor["events"]>();
  readonly relays = new Map<number, EngineFrameRelay["events"]>();
  readonly sinks = new Map<number, EngineSink>();

  #lostBatches = 0;
  #lostFrames = 0;
  #quietUntil = 0;

  /** True from when the engine has stopped: no handle of it is left. */
  ended = false;

  /** The engine's callback: once a tick at the most, never from two threads. */
  readonly deliver = (records: Float64Array, pcm: Int16Array, texts: string[], bytes = NO_BYTES): void => {
    for (let at = 0; at < records.length; at += RECORD_STRIDE) {
      const kind = records[at]!;
      const handle = records[at + 1]!;
      const a = records[at + 2]!;
      const b = records[at + 3]!;
      if (kind === RecordKind.frame) this.#frame(handle, pcm, a, b, records[at + 4]!, records[at + 5]!);
      else if (kind === RecordKind.cryptorState)
        this.#cryptor(handle, cryptorState(a), b, records[at + 4]!, records[at + 5]!);
      else if (kind === RecordKind.encodedFrame)
        this.relays.get(handle)?.emit("frame", a, bytes.subarray(b, b + records[at + 4]!));
      else this.#event(kind, handle, a, b, records[at + 4]!, texts);
    }
  };

  #frame(
    handle: number,
    pcm: Int16Array,
    offset: number,
    samples: number,
    us: number,
    concealed: number,
  ): void {
    const sink = this.sinks.get(handle);
    if (!sink) return;
    const { sampleRate, channels } = sink.options;
    sink.events.emit("frame", {
      pcm: pcm.subarray(offset, offset + samples * channels),
      sampleRate,
      channels,
      samplesPerChannel: samples,
      timestampUs: us,
      concealed: concealed !== 0,
    });
  }

  /** Once a second at the most: listeners that are slower than the clock lose something with every batch. */
  #warnOfLoss(batches: number, frames: number): void {
    this.#lostBatches += batches;
    this.#lostFrames += frames;
    const now = performance.now();
    if (now < this.#quietUntil) return;
    this.#quietUntil = now + WARNING_INTERVAL_MS;
    logger.warn("the event loop stalled, or listeners are slower than the clock: audio was lost", {
      batches: this.#lostBatches,
      frames: this.#lostFrames,
    });
    this.#lostBatches = 0;
    this.#lostFrames = 0;
  }

  #cryptor(handle: number, state: CryptorState, keyIndex: number, c: number, d: number): void {
    const events = this.cryptors.get(handle);
    events?.emit("state", state, keyIndex);
    if (state === "keyRatcheted") events?.emit("ratcheted", keyIndex, c, d);
    else if (c !== 0) events?.emit("wanted", keyIndex);
  }

  #sourceState(handle: number, state: "idle" | "playing" | "drained", queuedUs: number): void {
    const events = this.sources.get(handle);
    events?.emit("state", state, queuedUs);
    if (state !== "drained") events?.emit("flow", state === "playing" ? "flowing" : "stalled");
  }

  #event(kind: number, handle: number, a: number, b: number, c: number, texts: string[]): void {
    switch (kind) {
      case RecordKind.level:
        this.levels.get(handle)?.emit("level", { rms: a, peak: b });
        break;
      case RecordKind.sourceState:
        this.#sourceState(handle, (["idle", "playing", "drained"] as const)[b] ?? "idle", a);
        break;
      case RecordKind.mark:
        this.sources.get(handle)?.emit("mark", a, b === 0 ? "reached" : "cleared");
        break;
      case RecordKind.receiverFlow:
        this.receivers.get(handle)?.emit("flow", a === 0 ? "stalled" : "flowing");
        break;
      case RecordKind.unknownSsrc:
        this.peers.get(handle)?.emit("unknownSsrc", a, b, c < 0 ? undefined : texts[c]);
        break;
      case RecordKind.mixerInput:
        this.mixers.get(handle)?.emit("input", a, b === 0 ? "starved" : "flowing");
        break;
      case RecordKind.senderLoss:
        this.senders.get(handle)?.emit("loss", a);
        break;
      case RecordKind.dominantSpeaker:
        this.mixers.get(handle)?.emit("speaker", a);
        break;
      case RecordKind.layerSwitched:
        this.forwarders.get(handle)?.emit("layer", texts[c] ?? "");
        break;
      case RecordKind.bye:
        this.peers.get(handle)?.emit("bye", a);
        break;
      case RecordKind.dropped:
        this.#warnOfLoss(a, b);
        for (const source of [...this.sources.values()]) source.emit("lost");
        break;
    }
  }
}
