import { describe, expect, it } from "vitest";
import { createFrame } from "./AudioFrame.ts";
import { TransformThread } from "./TransformThread.ts";

const frame = (value: number) => createFrame(new Int16Array(4).fill(value), { sampleRate: 8_000 });

/** A thread that runs `transform`, the text of a function, and what came out until there were `wanted` frames. */
function start(transform: string, wanted: number) {
  const out: [how: "transformed" | "passed", value: number][] = [];
  const errors: string[] = [];
  const done = Promise.withResolvers<void>();
  const note = (how: "transformed" | "passed") => (pcm: Int16Array) => {
    out.push([how, pcm[0]!]);
    if (out.length === wanted) done.resolve();
  };
  const module = new URL(
    `data:text/javascript,${encodeURIComponent(`export const createTransform = () => ${transform}`)}`,
  );
  const thread = new TransformThread(module, undefined, {
    transformed: note("transformed"),
    passed: note("passed"),
    error: ({ message }) => errors.push(message),
  });
  return { thread, out, errors, done: done.promise };
}

describe("TransformThread", () => {
  it("passes a frame unchanged, in its place, when the answer is not one", async () => {
    const answers = `["text", new Int16Array(3), () => 1, new Float32Array(4), null]`;
    const { thread, out, errors, done } = start(`({ pcm }) => ${answers}[pcm[0]]`, 5);
    for (let value = 0; value < 5; value++) thread.push(frame(value));
    await done;
    thread.close();
    expect(out).toEqual([
      ["passed", 0],
      ["passed", 1],
      ["passed", 2],
      ["passed", 3],
      ["transformed", 4],
    ]);
    expect(errors).toHaveLength(4);
  });

  it("passes the oldest when too many wait, and all that wait when the thread ends, in their order", async () => {
    const { thread, out, errors, done } = start("() => new Promise(() => setImmediate(process.exit))", 80);
    for (let value = 0; value < 80; value++) thread.push(frame(value));
    expect(out).toEqual(Array.from({ length: 80 - 50 }, (_, value) => ["passed", value]));
    await done;
    expect(out).toEqual(Array.from({ length: 80 }, (_, value) => ["passed", value]));
    expect(errors).toEqual(["The transform's thread has ended"]);
    expect(thread.push(frame(0))).toBe(false);
  });
});
