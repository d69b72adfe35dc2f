import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { TransportOptions } from "../../../../src/native/index.ts";

const ANSWER_MS = 60_000;

/** The path that an end takes, by the types of its two candidates. */
export interface PathSeen {
  localType: string;
  localAddress: string;
  remoteType: string;
}

/** A session of ours in another process, and so in another network namespace; `host.ts` is what runs there. */
export class RemoteEnd {
  onCandidate: (candidate: string, mid: string) => void = () => {};
  onNetwork: (isPathLost: boolean) => void = () => {};
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, PromiseWithResolvers<unknown>>();
  #nextId = 1;
  #ended: string | undefined;

  constructor([command = "", ...rest]: string[]) {
    this.#child = spawn(command, rest, { stdio: ["ignore", process.stderr.fd, "inherit", "ipc"] });
    this.#child.on("message", (message) => this.#receive(message as Message));
    this.#child.on("exit", (code, signal) => this.#fail(`the end's process ended with ${code ?? signal}`));
    this.#child.on("error", (error) => this.#fail(error.message));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  ready(): Promise<void> {
    return this.#ask("ready");
  }

  untilAddress(address: string): Promise<void> {
    return this.#ask("untilAddress", address);
  }

  open(role: "offerer" | "answerer", options: Partial<TransportOptions>): Promise<void> {
    return this.#ask("open", { role, options });
  }

  offer(restarts: boolean): Promise<string> {
    return this.#ask("offer", restarts);
  }

  answer(offer: string): Promise<string> {
    return this.#ask("answer", offer);
  }

  acceptAnswer(answer: string): Promise<void> {
    return this.#ask("acceptAnswer", answer);
  }

  addCandidate(candidate: string, mid: string): Promise<void> {
    return this.#ask("addCandidate", [candidate, mid]);
  }

  connected(): Promise<void> {
    return this.#ask("connected");
  }

  hearsTone(): Promise<void> {
    return this.#ask("hearsTone");
  }

  path(): Promise<PathSeen> {
    return this.#ask("path");
  }

  closeSession(): Promise<void> {
    return this.#ask("closeSession");
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.removeAllListeners("exit");
    const ended = once(this.#child, "exit");
    this.#child.disconnect();
    await ended;
  }

  async #ask<Result>(name: string, argument: unknown = null): Promise<Result> {
    if (this.#ended) throw new Error(this.#ended);
    const id = this.#nextId++;
    const answer = Promise.withResolvers<unknown>();
    this.#pending.set(id, answer);
    const timer = setTimeout(() => answer.reject(new Error(`${name} was not answered`)), ANSWER_MS);
    this.#child.send({ id, name, argument });
    try {
      return (await answer.promise) as Result;
    } finally {
      clearTimeout(timer);
      this.#pending.delete(id);
    }
  }

  #receive(message: Message): void {
    if ("candidate" in message) this.onCandidate(message.candidate, message.mid);
    else if ("isPathLost" in message) this.onNetwork(message.isPathLost);
    else if (message.error !== undefined) this.#pending.get(message.id)?.reject(new Error(message.error));
    else this.#pending.get(message.id)?.resolve(message.result);
  }

  #fail(why: string): void {
    this.#ended = why;
    for (const { reject } of this.#pending.values()) reject(new Error(why));
  }
}

export type Message =
  | { candidate: string; mid: string }
  | { isPathLost: boolean }
  | { id: number; result?: unknown; error?: string };
