import { Worker } from "node:worker_threads";
import { TroupeError } from "../core/index.ts";
import { type AudioFrame, copyFrame } from "./AudioFrame.ts";
import type { TransformReply, TransformWorkerData } from "./transform.worker.ts";

/** Frames that wait for a slow thread at most; beyond, the oldest passes unchanged. */
const MAXIMUM_WAITING = 50;

/** What comes out of a {@link TransformThread}: each frame once, in the order in which they went in. */
export interface TransformListeners {
  transformed: (pcm: Int16Array) => void;
  /** A frame as it was, since the transform failed or was too slow. */
  passed: (pcm: Int16Array) => void;
  error: (error: TroupeError) => void;
}

/** Runs a transform in a thread of its own. */
export class TransformThread {
  readonly #worker: Worker;
  readonly #listeners: TransformListeners;
  /** As they were, oldest first; those that the thread did not get only wait for their turn. */
  readonly #waiting: { pcm: Int16Array; isPosted: boolean }[] = [];
  /** Frames that the thread has not answered. */
  #unanswered = 0;
  /** How many of the next answers belong to frames that have passed already. */
  #stale = 0;
  #ended = false;

  constructor(module: URL, options: unknown, listeners: TransformListeners) {
    this.#listeners = listeners;
    const workerData: TransformWorkerData = { module: module.href, options };
    this.#worker = new Worker(workerUrl(), { workerData });
    this.#worker.on("message", (reply: TransformReply) => this.#take(reply));
    this.#worker.on("messageerror", (error) =>
      this.#fail(TroupeError.from("INTERNAL", error, "The transform's answer can not be read")),
    );
    this.#worker.on("error", (error) =>
      this.#fail(TroupeError.from("INTERNAL", error, "The transform failed")),
    );
    this.#worker.on("exit", () =>
      this.#fail(new TroupeError("INTERNAL", "The transform's thread has ended")),
    );
    // Audio alone does not keep the process alive.
    this.#worker.unref();
  }

  /** Takes a copy of the frame; false once the thread has ended. */
  push(frame: AudioFrame): boolean {
    if (this.#ended) return false;
    if (this.#waiting.length >= MAXIMUM_WAITING) this.#passOldest();
    this.#waiting.push({ pcm: frame.pcm.slice(), isPosted: this.#post(frame) });
    this.#passUnposted();
    return true;
  }

  close(): void {
    this.#ended = true;
    this.#worker.removeAllListeners();
    void this.#worker.terminate();
  }

  #post(frame: AudioFrame): boolean {
    if (this.#unanswered >= MAXIMUM_WAITING) return false;
    const copy = copyFrame(frame);
    try {
      this.#worker.postMessage(copy, [copy.pcm.buffer as ArrayBuffer]);
    } catch (error) {
      this.#listeners.error(TroupeError.from("INTERNAL", error, "The frame can not go to the transform"));
      return false;
    }
    this.#unanswered += 1;
    return true;
  }

  #take(reply: TransformReply): void {
    if (this.#unanswered === 0) return;
    this.#unanswered -= 1;
    if (this.#stale > 0) {
      this.#stale -= 1;
      return;
    }
    const { pcm } = this.#waiting.shift()!;
    const error = faultOf(reply, pcm.length);
    if (error) {
      this.#listeners.error(error);
      this.#listeners.passed(pcm);
    } else this.#listeners.transformed(reply.pcm!);
    this.#passUnposted();
  }

  #passOldest(): void {
    const oldest = this.#waiting.shift()!;
    if (oldest.isPosted) this.#stale += 1;
    this.#listeners.passed(oldest.pcm);
  }

  #passUnposted(): void {
    while (this.#waiting[0]?.isPosted === false) this.#passOldest();
  }

  #fail(error: TroupeError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#listeners.error(error);
    for (const { pcm } of this.#waiting.splice(0)) this.#listeners.passed(pcm);
  }
}

function faultOf(reply: TransformReply | null | undefined, length: number): TroupeError | undefined {
  if (typeof reply?.error === "string") return new TroupeError("INTERNAL", reply.error);
  return transformFault(reply?.pcm, length);
}

/** What is wrong with what a transform gave for a frame of `length` samples, all channels. */
export function transformFault(pcm: unknown, length: number): TroupeError | undefined {
  if (pcm instanceof Int16Array && pcm.length === length) return undefined;
  const received = pcm instanceof Int16Array ? `${pcm.length} samples` : pcm;
  return TroupeError.expected("INVALID_AUDIO", "transform", `an Int16Array of ${length} samples`, received);
}

function workerUrl(): URL {
  const ending = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return new URL(`./transform.worker.${ending}`, import.meta.url);
}
