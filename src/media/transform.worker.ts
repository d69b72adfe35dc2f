// The thread of a TransformedAudio whose transform is a module: it answers each frame with what it became.
import { parentPort, workerData } from "node:worker_threads";
import type { AudioFrame } from "./AudioFrame.ts";

/** What the thread is started with. */
export interface TransformWorkerData {
  /** Address of a module that exports `createTransform(options)`. */
  module: string;
  options: unknown;
}

/** The thread's answer to a frame: what it became, not checked, or why it became nothing. */
export interface TransformReply {
  pcm?: Int16Array;
  error?: string;
}

type Transform = (frame: AudioFrame) => Int16Array | undefined | Promise<Int16Array | undefined>;

const { module, options } = workerData as TransformWorkerData;
const { createTransform } = (await import(module)) as {
  createTransform: (options: unknown) => Transform | Promise<Transform>;
};
const transform = await createTransform(options);

let last: Promise<void> = Promise.resolve();

parentPort!.on("message", (frame: AudioFrame) => {
  last = last.then(() => answer(frame));
});

async function answer(frame: AudioFrame): Promise<void> {
  try {
    // What can not be cloned fails here.
    parentPort!.postMessage({ pcm: (await transform(frame)) ?? frame.pcm } satisfies TransformReply);
  } catch (error) {
    const reply: TransformReply = { error: error instanceof Error ? error.message : String(error) };
    parentPort!.postMessage(reply);
  }
}
