import { Worker } from "node:worker_threads";
import { TroupeError } from "../core/index.ts";
import type { AudioFrame } from "./AudioFrame.ts";
import type { TransformReply, TransformWorkerData } from "./transform.worker.ts";

/** Runs a transform in a thread of its own; answers come in the order of the frames. */
export class TransformThread {
  readonly #worker: Worker;
  readonly #onPcm: (pcm: Int16Array) => void;
  readonly #onError: (error: TroupeError) => void;
  #waiting = 0;
  #ended = false;

  constructor(
    module: URL,
    options: unknown,
    listeners: { pcm: (pcm: Int16Array) => void; error: (error: TroupeError) => void },
  ) {
    this.#onPcm = listeners.pcm;
    this.#onError = listeners.error;
    const workerData: TransformWorkerData = { module: module.href, options };
    this.#worker = new Worker(workerUrl(), { workerData });
    this.#worker.on("message", (reply: TransformReply) => this.#take(reply));
    this.#worker.on("error", (error) =>
      this.#fail(TroupeError.from("INTERNAL", error, "The transform failed")),
    );
    this.#worker.on("exit", () =>
      this.#fail(new TroupeError("INTERNAL", "The transform's thread has ended")),
    );
    // Audio alone does not keep the process alive.
    this.#worker.unref();
  }

  /** Frames that have not been answered. */
  get waiting(): number {
    return this.#waiting;
  }

  /** False once the thread has ended. */
  push(frame: AudioFrame): boolean {
    if (this.#ended) return false;
    this.#waiting += 1;
    this.#worker.postMessage(frame, [frame.pcm.buffer as ArrayBuffer]);
    return true;
  }

  close(): void {
    this.#ended = true;
    this.#worker.removeAllListeners();
    void this.#worker.terminate();
  }

  #take(reply: TransformReply): void {
    this.#waiting -= 1;
    if (reply.error !== undefined) this.#onError(new TroupeError("INTERNAL", reply.error));
    this.#onPcm(reply.pcm);
  }

  #fail(error: TroupeError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#waiting = 0;
    this.#onError(error);
  }
}

function workerUrl(): URL {
  const ending = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return new URL(`./transform.worker.${ending}`, import.meta.url);
}
