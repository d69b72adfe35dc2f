import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import type { TransportParameters } from "../../src/native/index.ts";

const ROOT = join(import.meta.dirname, "../..");
const BUILD = join(ROOT, "build/addon");
const ANSWER_WITHIN_MS = 60_000;

/** What was sent by layer and kind of damage. */
export type HostileCounts = Record<string, Record<string, number>>;

export interface HostileRound {
  seed: number;
  forMs: number;
  setup: "active" | "passive";
  damagesHandshake: boolean;
}

/** The hostile peer of test/native/hostilePeer.cpp, which is built first. */
export class HostileProcess {
  readonly #child: ChildProcess;
  readonly #lines: Interface;
  readonly #waiting: { resolve: (line: string) => void; reject: (error: Error) => void }[] = [];

  constructor() {
    build();
    this.#child = spawn(join(BUILD, "hostile_peer"), { stdio: ["pipe", "pipe", "inherit"] });
    this.#lines = createInterface({ input: this.#child.stdout! });
    this.#lines.on("line", (line) => this.#waiting.shift()?.resolve(line));
    this.#child.on("exit", (code, signal) => this.#fail(`the hostile peer ended with ${code ?? signal}`));
    this.#child.on("error", (error) => this.#fail(error.message));
  }

  /** Its answer to `offer`; it attacks from now on. */
  async begin(round: HostileRound, offer: TransportParameters): Promise<TransportParameters> {
    const { seed, forMs, setup, damagesHandshake } = round;
    const fields = [seed, forMs, setup, damagesHandshake ? 1 : 0, offer.iceUfrag, offer.icePwd];
    this.#child.stdin?.write(`${[...fields, offer.fingerprint.value, ...offer.candidates].join("\t")}\n`);
    const [iceUfrag = "", icePwd = "", value = "", ...candidates] = (await this.#line(0)).split("\t");
    const fingerprint = { algorithm: "sha-256", value };
    return { iceUfrag, icePwd, setup, fingerprint, candidates, maxMessageSize: 262_144, sctpPort: 5000 };
  }

  /** When the round is over: what was sent in all rounds. */
  async end(forMs: number): Promise<HostileCounts> {
    return JSON.parse(await this.#line(forMs)) as HostileCounts;
  }

  close(): void {
    this.#child.removeAllListeners("exit");
    this.#lines.close();
    this.#child.kill("SIGKILL");
  }

  async #line(withinMs: number): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    this.#waiting.push({ resolve, reject });
    const timer = setTimeout(
      () => reject(new Error("the hostile peer says nothing")),
      withinMs + ANSWER_WITHIN_MS,
    );
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  }

  #fail(why: string): void {
    for (const { reject } of this.#waiting.splice(0)) reject(new Error(why));
  }
}

function build(): void {
  const run = (program: string, ...args: string[]) => {
    const { status } = spawnSync(program, args, { cwd: ROOT, stdio: ["ignore", process.stderr, "inherit"] });
    if (status !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${status}`);
  };
  if (!existsSync(join(BUILD, "CMakeCache.txt"))) run("bash", "scripts/build-native.sh");
  run("cmake", "-S", ".", "-B", BUILD, "-DTROUPE_TESTS=ON");
  run("cmake", "--build", BUILD, "--target", "hostile_peer");
}
