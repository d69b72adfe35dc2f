import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { TroupeError } from "../../../core/index.ts";
import type { StatsEntry } from "../../../index.ts";
import { within } from "../../../testing/index.ts";
import { packageRoot } from "../../packageRoot.ts";
import { BenchChild } from "../childProcess.ts";

/** A receiver in a process of its own. */
export interface Listener {
  /** Joins and resolves when the server has said so. */
  join(signalingUrl: string, channelId: string): Promise<void>;
  stats(): Promise<StatsEntry[]>;
  /** Writes `path`.pcm and `path`.times; see {@link readHeard}. */
  take(path: string): Promise<void>;
  close(): Promise<void>;
}

/** Our own receiver. */
export class TroupeListener implements Listener {
  readonly #child = new BenchChild("quality/listenerProcess");

  join(signalingUrl: string, channelId: string): Promise<void> {
    return this.#child.request("join", { signalingUrl, channelId });
  }

  stats(): Promise<StatsEntry[]> {
    return this.#child.request("stats");
  }

  take(path: string): Promise<void> {
    return this.#child.request("take", { path });
  }

  async close(): Promise<void> {
    await this.#child.request("stop").catch(() => {});
    this.#child.close();
  }
}

const ANSWER_MS = 30_000;
const MAXIMUM_LINES = 1_000;

/** libwebrtc's receiver, by Sora's Python SDK. */
export class PythonListener implements Listener {
  readonly #python: string;
  readonly #answers: Record<string, unknown>[] = [];
  #child: ChildProcessWithoutNullStreams | undefined;
  #errors = "";
  #arrived = Promise.withResolvers<void>();

  /** @param python an interpreter that has sora_sdk and numpy */
  constructor(python: string) {
    this.#python = python;
  }

  async join(signalingUrl: string, channelId: string): Promise<void> {
    const script = fileURLToPath(new URL("scripts/quality/receiver.py", packageRoot()));
    const child = spawn(this.#python, [
      "-u",
      script,
      JSON.stringify({ urls: [signalingUrl], channel: channelId }),
    ]);
    this.#child = child;
    child.stdin.on("error", () => {});
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#errors = (this.#errors + text).slice(-2_000);
    });
    child.on("error", (error) => this.#push({ ended: error.message }));
    child.on("close", (code) => this.#push({ ended: `it ended with ${code}: ${this.#errors}` }));
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (line.startsWith("{")) this.#push(JSON.parse(line));
    });
    await this.#answer("joined");
    await this.#answer("track");
  }

  async stats(): Promise<StatsEntry[]> {
    this.#child?.stdin.write("stats\n");
    return (await this.#answer("stats")) as StatsEntry[];
  }

  async take(path: string): Promise<void> {
    this.#child?.stdin.write(`take ${path}\n`);
    await this.#answer("taken");
  }

  async close(): Promise<void> {
    if (this.#child && this.#child.exitCode === null) {
      const ended = once(this.#child, "close");
      this.#child.kill("SIGKILL");
      await ended;
    }
  }

  #push(answer: Record<string, unknown>): void {
    if (this.#answers.length < MAXIMUM_LINES) this.#answers.push(answer);
    this.#arrived.resolve();
    this.#arrived = Promise.withResolvers();
  }

  /** The next answer that has a field of this name. */
  #answer(field: string): Promise<unknown> {
    return within(`the Python listener's answer (${field})`, ANSWER_MS, undefined, async () => {
      for (;;) {
        const index = this.#answers.findIndex(
          (answer) => field in answer || "ended" in answer || "disconnected" in answer,
        );
        const answer = this.#answers[index];
        if (answer && field in answer) return this.#answers.splice(index, 1)[0]![field];
        if (answer) throw new TroupeError("INTERNAL", `The Python listener: ${Object.values(answer)}`);
        await this.#arrived.promise;
      }
    });
  }
}
