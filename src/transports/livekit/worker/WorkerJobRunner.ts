import {
  type JobDriver,
  type JobOutcome,
  jobMachine,
  startActor,
  watchActor,
} from "../../../actors/index.ts";
import { logger, TroupeError } from "../../../core/index.ts";
import { JobRun } from "./JobRun.ts";
import type { WorkerJob } from "./job.ts";
import type { JobAnswer, WorkerSettings } from "./options.ts";

/** What a runner tells its worker. */
export interface JobRunnerListener {
  /** The answer to the server; `undefined` refuses. Called once. */
  answered(answer: Exclude<JobAnswer, boolean> | undefined): void;
  started(): void;
  over(outcome: JobOutcome, error: unknown): void;
}

/** One job of a worker, from the server's question to its end. */
export class WorkerJobRunner implements JobDriver {
  readonly job: WorkerJob;
  readonly #settings: WorkerSettings;
  readonly #listener: JobRunnerListener;
  readonly #controller = new AbortController();
  readonly #actor;
  #assignment: { url: string; token: string } | undefined;
  #isAnswered = false;

  constructor(job: WorkerJob, settings: WorkerSettings, listener: JobRunnerListener) {
    this.job = job;
    this.#settings = settings;
    this.#listener = listener;
    const deadlines = { endMs: settings.endMs };
    this.#actor = startActor(jobMachine, { id: `job:${job.id}`, input: { driver: this, deadlines } });
    watchActor(
      this.#actor,
      () => this.#follow(),
      (error) => this.#finish("failed", error),
    );
  }

  /** Whether it was assigned and has not ended. */
  get isRunning(): boolean {
    return this.#assignment !== undefined;
  }

  /** The server gave it to this worker. */
  assigned(url: string, token: string): void {
    this.#assignment ??= { url, token };
    this.#actor.send({ type: "assigned" });
  }

  end(): void {
    this.#actor.send({ type: "end" });
  }

  async decide(): Promise<boolean> {
    const answer = (await this.#settings.onRequest?.(this.job)) ?? true;
    // The server got a refusal meanwhile.
    if (answer === false || this.#isAnswered) return false;
    this.#answer(answer === true ? {} : answer);
    return true;
  }

  async run(): Promise<void> {
    const { url, token } = this.#assignment!;
    const run = new JobRun(this.job, url, token, this.#controller.signal);
    this.#listener.started();
    try {
      await this.#settings.onJob(run);
    } finally {
      await run.leave();
    }
  }

  tellToEnd(): void {
    this.#controller.abort(new TroupeError("CANCELLED", "The job is to end"));
  }

  #follow(): void {
    const { status, output } = this.#actor.getSnapshot();
    if (status === "done") this.#finish(output!.outcome, output!.error);
  }

  #finish(outcome: JobOutcome, error: unknown): void {
    this.tellToEnd();
    if (outcome === "refused" && error) {
      logger.warn("the decision on a job failed", { job: this.job.id, error });
    }
    this.#answer(undefined);
    this.#listener.over(outcome, error);
  }

  #answer(answer: Exclude<JobAnswer, boolean> | undefined): void {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    this.#listener.answered(answer);
  }
}
