import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { ChannelKind, Counterpart, CounterpartOptions, Implementation } from "./Counterpart.ts";

const ANSWER_MS = 20_000;

/** Pion's WebRTC in Go, by the program in `pion/`. @param program path of what `go build` made of it */
export function pionImplementation(program: string): Implementation {
  return {
    name: "Pion",
    // Its SCTP sends packets of 1228 bytes before DTLS is around them.
    lacks: ["256 KiB", "small packets"],
    create: async (options) => new Pion(program, options),
    close: async () => {},
  };
}

type Line =
  | { id: number; result: unknown; error?: string }
  | { event: "candidate"; candidate: string; mid: string };

class Pion implements Counterpart {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #pending = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #ended: Promise<void>;
  #nextId = 1;

  constructor(program: string, { setup, iceTcp, transportFeedback, onCandidate }: CounterpartOptions) {
    const words = [setup, iceTcp && "tcp", transportFeedback && "feedback"].filter((word) => !!word);
    this.#process = spawn(program, words as string[]);
    this.#process.stderr.pipe(process.stderr);
    this.#ended = new Promise((resolve) => this.#process.once("exit", () => resolve()));
    createInterface(this.#process.stdout).on("line", (text) => {
      const line = JSON.parse(text) as Line;
      if ("event" in line) onCandidate(line.candidate, line.mid);
      else if (line.error !== undefined) this.#pending.get(line.id)?.reject(new Error(line.error));
      else this.#pending.get(line.id)?.resolve(line.result);
    });
  }

  answer(offer: string): Promise<string> {
    return this.#ask("answer", { sdp: offer });
  }

  offer(options: { iceRestart?: boolean } = {}): Promise<string> {
    return this.#ask("offer", options);
  }

  acceptAnswer(answer: string): Promise<void> {
    return this.#ask("acceptAnswer", { sdp: answer });
  }

  addCandidate(candidate: string, mid: string): Promise<void> {
    return this.#ask("addCandidate", { candidate, mid });
  }

  open(label: string, kind: ChannelKind = {}): Promise<void> {
    return this.#ask("open", { label, kind });
  }

  closeChannel(label: string): Promise<void> {
    return this.#ask("closeChannel", { label });
  }

  state(): Promise<string> {
    return this.#ask("state");
  }

  openLabels(): Promise<string[]> {
    return this.#ask("openLabels");
  }

  feedback(): Promise<{ packets: number; lost: number }> {
    return this.#ask("feedback");
  }

  endAudio(): Promise<void> {
    return this.#ask("endAudio");
  }

  goodbyes(): Promise<number> {
    return this.#ask("goodbyes");
  }

  async close(): Promise<void> {
    await this.#ask("close");
    this.#process.stdin.end();
    await this.#ended;
  }

  async #ask<T>(name: string, argument: object = {}): Promise<T> {
    const id = this.#nextId++;
    const answer = Promise.withResolvers<unknown>();
    this.#pending.set(id, answer);
    const timer = setTimeout(() => answer.reject(new Error(`Pion did not answer ${name}`)), ANSWER_MS);
    this.#process.stdin.write(`${JSON.stringify({ id, name, ...argument })}\n`);
    try {
      return (await answer.promise) as T;
    } finally {
      clearTimeout(timer);
      this.#pending.delete(id);
    }
  }
}
