import { cpus } from "node:os";
import { BenchChild } from "./childProcess.ts";

/** What one measurement in the bots' process gives. */
export interface Measurement {
  wallMs: number;
  cpuMs: number;
  codecMs: number;
  clockMs: number;
  skippedTicks: number;
  samplesHeard: number[];
  packets: { received: number; lost: number; concealed: number; samples: number };
  clicksUs: number[][];
  eventLoopDelayMs: { p99: number; maximum: number };
  engine: {
    clockLateMs: { p50: number; p99: number; maximum: number };
    skippedTicks: number;
    batchesDropped: number;
    framesDropped: number;
  };
}

/** How the bots that join encode, and how much of the time they speak. */
export interface PartyOptions {
  complexity: number;
  /** 0 to 1; 1 when left out. */
  speechShare?: number;
  /** They write clicks into a quiet source in place of a voice. */
  clicking?: boolean;
}

/** The three processes of a bench: a stage, the counterparts, and the bots that are measured. */
export class BenchParty {
  readonly stage = new BenchChild("stageProcess");
  readonly counterparts = new BenchChild("counterpartsProcess");
  readonly bots = new BenchChild("botsProcess");
  #signalingUrl = "";

  async open(): Promise<void> {
    ({ signalingUrl: this.#signalingUrl } = await this.stage.request<{ signalingUrl: string }>("start"));
  }

  /** Seats a counterpart and a bot in each channel; gives how long each bot's join took, in ms. */
  async join(
    channels: string[],
    { complexity, speechShare = 1, clicking = false }: PartyOptions,
  ): Promise<number[]> {
    const signalingUrl = this.#signalingUrl;
    await this.counterparts.request(
      "join",
      { signalingUrl, channels, listen: clicking },
      channels.length * 500,
    );
    return this.bots.request<number[]>(
      "join",
      { signalingUrl, channels, complexity, speechShare, clicking },
      channels.length * 500,
    );
  }

  measure(seconds: number, blockMs = 0): Promise<Measurement> {
    return this.bots.request<Measurement>("measure", { seconds, blockMs }, seconds * 1000);
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.bots.request("stop"), this.counterparts.request("stop")]);
    await this.stage.request("stop").catch(() => {});
    this.kill();
  }

  kill(): void {
    for (const child of [this.bots, this.counterparts, this.stage]) child.close();
  }
}

/** What a figure was measured on. */
export function environment(): Record<string, string | number> {
  return {
    processor: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    node: process.versions.node,
    platform: `${process.platform}-${process.arch}`,
  };
}
