import { type MessagePort, receiveMessageOnPort, workerData } from "node:worker_threads";

// The thread that runs Silero for every stream of the process. It imports its runtime only. PCM comes in by
// shared memory: a counter a stream says how many chunks were ever written to its ring; the bell rings for all.

/** What the owner gives at the start. */
export interface VadWorkerData {
  port: MessagePort;
  /** Int32: see {@link CONTROL}. */
  control: SharedArrayBuffer;
  modelPath: string;
  ringChunks: number;
  chunkSamples: number;
}

/** From the owner. `memory`: an Int32 counter of written chunks, padded to 8 bytes, then the ring of Int16. */
export type VadCommand =
  | { type: "open"; stream: number; memory: SharedArrayBuffer }
  | { type: "reset"; stream: number }
  | { type: "close"; stream: number };

/** To the owner. `results` holds pairs of stream and probability, in order for each stream. */
export type VadReply = { type: "ready" } | { type: "results"; results: Float64Array };

interface Stream {
  id: number;
  written: Int32Array;
  ring: Int16Array;
  read: number;
  state: Float32Array;
  context: Float32Array;
}

const SAMPLE_RATE = 16_000;
/** Silero v5 wants the last samples of the chunk before in front of each chunk. */
const CONTEXT_SAMPLES = 64;
/** The model's memory: two layers of 128 numbers a stream. */
const LAYERS = 2;
const LAYER_SIZE = 128;
const FULL_SCALE = 32_768;
const HEADER_BYTES = 8;

/** Where things are in the control memory. The bell counts what this thread should look at. */
const CONTROL = { bell: 0, quit: 1, busy: 2 } as const;

const { port, control: memory, modelPath, ringChunks, chunkSamples } = workerData as VadWorkerData;
const control = new Int32Array(memory);
const { InferenceSession, Tensor } = (await import("onnxruntime-node")).default;
const session = await InferenceSession.create(modelPath, {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: "sequential",
  logSeverityLevel: 3,
});
const sampleRate = new Tensor("int64", BigInt64Array.of(BigInt(SAMPLE_RATE)), []);
const streams = new Map<number, Stream>();

setIdle();
port.postMessage({ type: "ready" } satisfies VadReply);
while (Atomics.load(control, CONTROL.quit) === 0) {
  const rung = Atomics.load(control, CONTROL.bell);
  takeCommands();
  const due = [...streams.values()].filter((stream) => Atomics.load(stream.written, 0) !== stream.read);
  if (due.length === 0) Atomics.wait(control, CONTROL.bell, rung);
  else await analyzeUndisturbed(due);
}
port.close();

/**
 * The runtime aborts the whole process when its thread is terminated while it runs: `busy` says when not to. The
 * flag is set before the last look at `quit`, and the owner sets `quit` before it looks at the flag.
 */
async function analyzeUndisturbed(due: Stream[]): Promise<void> {
  Atomics.store(control, CONTROL.busy, 1);
  try {
    if (Atomics.load(control, CONTROL.quit) === 0) await analyze(due);
  } finally {
    setIdle();
  }
}

function setIdle(): void {
  Atomics.store(control, CONTROL.busy, 0);
  Atomics.notify(control, CONTROL.busy);
}

function takeCommands(): void {
  for (let entry = receiveMessageOnPort(port); entry; entry = receiveMessageOnPort(port)) {
    const command = entry.message as VadCommand;
    if (command.type === "open") streams.set(command.stream, openStream(command.stream, command.memory));
    else if (command.type === "close") streams.delete(command.stream);
    else resetStream(streams.get(command.stream));
  }
}

function openStream(id: number, memory: SharedArrayBuffer): Stream {
  return {
    id,
    written: new Int32Array(memory, 0, 1),
    ring: new Int16Array(memory, HEADER_BYTES),
    read: 0,
    state: new Float32Array(LAYERS * LAYER_SIZE),
    context: new Float32Array(CONTEXT_SAMPLES),
  };
}

function resetStream(stream: Stream | undefined): void {
  stream?.state.fill(0);
  stream?.context.fill(0);
}

/** One chunk of each of `due` in one run of the model. */
async function analyze(due: Stream[]): Promise<void> {
  const count = due.length;
  const width = CONTEXT_SAMPLES + chunkSamples;
  const input = new Float32Array(count * width);
  const state = new Float32Array(LAYERS * count * LAYER_SIZE);
  due.forEach((stream, row) => {
    readChunk(stream, input.subarray(row * width, (row + 1) * width));
    for (let layer = 0; layer < LAYERS; layer++)
      state.set(
        stream.state.subarray(layer * LAYER_SIZE, (layer + 1) * LAYER_SIZE),
        (layer * count + row) * LAYER_SIZE,
      );
  });
  const { output, stateN } = await session.run({
    input: new Tensor("float32", input, [count, width]),
    state: new Tensor("float32", state, [LAYERS, count, LAYER_SIZE]),
    sr: sampleRate,
  });
  const probabilities = output!.data as Float32Array;
  const next = stateN!.data as Float32Array;
  const results = new Float64Array(2 * count);
  due.forEach((stream, row) => {
    for (let layer = 0; layer < LAYERS; layer++) {
      const from = (layer * count + row) * LAYER_SIZE;
      stream.state.set(next.subarray(from, from + LAYER_SIZE), layer * LAYER_SIZE);
    }
    results[2 * row] = stream.id;
    results[2 * row + 1] = probabilities[row]!;
  });
  port.postMessage({ type: "results", results } satisfies VadReply);
}

/** Puts context and chunk into `row`, and keeps the new context. */
function readChunk(stream: Stream, row: Float32Array): void {
  const from = (stream.read % ringChunks) * chunkSamples;
  row.set(stream.context);
  for (let at = 0; at < chunkSamples; at++) row[CONTEXT_SAMPLES + at] = stream.ring[from + at]! / FULL_SCALE;
  stream.context.set(row.subarray(chunkSamples));
  stream.read = (stream.read + 1) | 0;
}
