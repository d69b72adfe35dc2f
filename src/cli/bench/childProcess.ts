import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { TroupeError } from "../../core/index.ts";

/** How long a child may take to answer one request, beyond the work that it is asked for. */
const ANSWER_WITHIN_MS = 60_000;

type Answer = { id: number; result?: unknown; error?: string };

/** A child process that answers requests over IPC, one module per kind; ended by `close()`. */
export class BenchChild {
  readonly #child: ChildProcess;
  readonly #pending = new Map<
    number,
    { resolve: (value: unknown) => void; reject: (error: Error) => void }
  >();
  #nextId = 1;

  /**
   * @param module name of a file beside this one, without its ending
   * @param around a command that becomes the child, such as `unshare --net`, with its arguments
   * @param nodeOptions of Node, beside our own
   */
  constructor(module: string, around: readonly string[] = [], nodeOptions: readonly string[] = []) {
    const ending = import.meta.url.endsWith(".ts") ? "ts" : "js";
    const path = fileURLToPath(new URL(`./${module}.${ending}`, import.meta.url));
    const [command = "", ...rest] = [...around, process.execPath, ...process.execArgv, ...nodeOptions, path];
    this.#child = spawn(command, rest, {
      // Our own output is the figures alone, whatever a child's libraries print.
      stdio: ["ignore", process.stderr.fd, "inherit", "ipc"],
      env: { ...process.env, NODE_ENV: "production" },
    });
    this.#child.on("message", (answer) => this.#answer(answer as Answer));
    this.#child.on("exit", (code) => this.#fail(`the ${module} process ended with ${code}`));
    this.#child.on("error", (error) => this.#fail(error.message));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Asks the child to run its handler `name`; `withinMs` is how long that work takes by itself. */
  async request<T>(name: string, argument: unknown = {}, withinMs = 0): Promise<T> {
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#pending.set(id, { resolve, reject });
    const timer = setTimeout(
      () => reject(new TroupeError("TIMEOUT", `${name} was not answered in time`)),
      withinMs + ANSWER_WITHIN_MS,
    );
    this.#child.send({ id, name, argument });
    try {
      return (await promise) as T;
    } finally {
      clearTimeout(timer);
      this.#pending.delete(id);
    }
  }

  close(): void {
    this.#child.removeAllListeners("exit");
    this.#fail("closed");
    this.#child.kill("SIGKILL");
  }

  #answer({ id, result, error }: Answer): void {
    const request = this.#pending.get(id);
    if (error !== undefined) request?.reject(new TroupeError("INTERNAL", error));
    else request?.resolve(result);
  }

  #fail(why: string): void {
    for (const { reject } of this.#pending.values()) reject(new TroupeError("INTERNAL", why));
  }
}

/** The child's side: answers each request by the handler of its name, and ends with its parent. */
export function serveBench(handlers: Record<string, (argument: never) => Promise<unknown>>): void {
  process.on("message", async ({ id, name, argument }: { id: number; name: string; argument: never }) => {
    try {
      const result = await handlers[name]!(argument);
      process.send?.({ id, result });
    } catch (error) {
      process.send?.({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  });
  process.on("disconnect", () => process.exit(0));
}
