import {
  type AvailabilityRequest,
  type JobAssignment,
  JobStatus,
  ParticipantPermission,
  type RegisterWorkerResponse,
  type ServerMessage,
  WorkerStatus,
} from "@livekit/protocol";
import {
  type JobOutcome,
  type LinkEvent,
  startActor,
  stateName,
  type WorkerDriver,
  type WorkerEvent,
  watchActor,
  workerMachine,
} from "../../actors/index.ts";
import { logger, parseOptions, TroupeError, TypedEvents } from "../../core/index.ts";
import { CpuLoad } from "./worker/CpuLoad.ts";
import { jobTypeOf, type WorkerJob, workerJobOf } from "./worker/job.ts";
import {
  type JobAnswer,
  type LiveKitWorkerOptions,
  type WorkerSettings,
  workerOptionsSchema,
} from "./worker/options.ts";
import { WorkerJobRunner } from "./worker/WorkerJobRunner.ts";
import { WorkerLink } from "./worker/WorkerLink.ts";

export { JobRun } from "./worker/JobRun.ts";
export type { JobKind, WorkerJob } from "./worker/job.ts";
export type { JobAnswer, LiveKitWorkerOptions, WorkerLoad } from "./worker/options.ts";

export type LiveKitWorkerEvents = {
  /** The state's path: `waiting`, `linked.registered(...)`. */
  state: [state: string];
  /** The server took it, for the first time or again. */
  registered: [workerId: string];
  /** The server was lost; it is dialled again by itself. */
  lost: [error: TroupeError];
  jobStarted: [job: WorkerJob];
  jobEnded: [job: WorkerJob, outcome: "succeeded" | "failed", error: unknown];
  /** Over, however; fires once. With an error when the server refuses the worker for good. */
  closed: [error: TroupeError | undefined];
};

/** Ends of jobs that the server was not told of yet. */
const MAXIMUM_UNREPORTED = 1024;

/**
 * A worker to which a LiveKit server dispatches jobs, each to join a room.
 *
 * @example
 * const worker = new LiveKitWorker({ url, apiKey, apiSecret, agentName: "clerk", onJob: serve }).start();
 * async function serve(run: JobRun) {
 *   const connection = run.connect();
 *   await connection.connected();
 *   await connection.disconnected();
 * }
 */
export class LiveKitWorker {
  readonly #settings: WorkerSettings;
  readonly #events = new TypedEvents<LiveKitWorkerEvents>();
  readonly #jobs = new Map<string, WorkerJobRunner>();
  readonly #registered = Promise.withResolvers<string>();
  readonly #over = Promise.withResolvers<void>();
  readonly #cpu: CpuLoad | undefined;
  #actor: ReturnType<typeof startWorker> | undefined;
  #link: WorkerLink | undefined;
  #workerId = "";
  #state = "idle";
  #isDraining = false;
  #error: TroupeError | undefined;
  #unreported: { jobId: string; status: JobStatus; error: string }[] = [];

  /** @throws TroupeError INVALID_OPTION */
  constructor(options: LiveKitWorkerOptions) {
    this.#settings = parseOptions(workerOptionsSchema, options, "worker");
    if (this.#settings.load === "cpu") this.#cpu = new CpuLoad();
    // Whoever does not ask is told by the events.
    this.#registered.promise.catch(() => {});
  }

  get state(): string {
    return this.#state;
  }

  /** As the server calls it; empty before it took it. */
  get workerId(): string {
    return this.#workerId;
  }

  /** Jobs that run. */
  get jobs(): WorkerJob[] {
    return [...this.#jobs.values()].filter(({ isRunning }) => isRunning).map(({ job }) => job);
  }

  /** How busy it is, 0 to 1. */
  get load(): number {
    const { load } = this.#settings;
    if (load === "cpu") return this.#cpu!.read();
    if (typeof load === "object") return Math.min(1, this.#jobs.size / load.jobs);
    try {
      const told = load();
      return told >= 0 && told <= 1 ? told : 1;
    } catch (error) {
      logger.warn("a worker's load function threw: it takes no jobs", { error });
      return 1;
    }
  }

  on<Name extends keyof LiveKitWorkerEvents>(
    name: Name,
    listener: (...args: LiveKitWorkerEvents[Name]) => void,
  ): () => void {
    return this.#events.on(name, listener as never);
  }

  /** Begins to dial; a second call does nothing. */
  start(): this {
    if (this.#actor || this.#isDraining) return this;
    this.#actor = startWorker(this.#driver(), this.#settings.drainMs);
    watchActor(
      this.#actor,
      () => this.#follow(),
      (error) => this.#finish(TroupeError.from("INTERNAL", error)),
    );
    return this;
  }

  /**
   * Resolves with the worker's id once the server took it.
   *
   * @throws TroupeError ACCESS_DENIED when the server refuses it, CLOSED when it is closed first.
   */
  registered(): Promise<string> {
    return this.#registered.promise;
  }

  /** Takes no more jobs, lets those that run come to their end, and closes. Never rejects. */
  drain(): Promise<void> {
    this.#isDraining = true;
    if (this.#actor) this.#tell({ type: "drain" });
    else this.#finish(undefined);
    return this.#over.promise;
  }

  /** Tells all jobs to end, and closes when they have. Never rejects. */
  close(): Promise<void> {
    this.#endJobs();
    return this.drain();
  }

  /** Resolves once it is over and its jobs have ended. Never rejects. */
  closed(): Promise<void> {
    return this.#over.promise;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #driver(): WorkerDriver {
    return {
      dial: (report) => this.#dial(report),
      register: () => this.#register(),
      ping: () => this.#link?.ping(),
      reportLoad: () => this.#reportLoad(),
      endJobs: () => this.#endJobs(),
      timedOut: () =>
        this.#events.emit("lost", new TroupeError("TIMEOUT", "The server did not answer the worker in time")),
    };
  }

  #dial(report: (event: LinkEvent) => void): () => void {
    const { url, apiKey, apiSecret } = this.#settings;
    const link = new WorkerLink({ url, apiKey, apiSecret, wasRegistered: this.#workerId !== "" });
    this.#link = link;
    link.events.on("open", () => report({ type: "opened" }));
    link.events.on("message", (message) => this.#receive(message, report));
    link.events.on("lost", (error, permanent) => {
      report({ type: "lost", permanent, error });
      this.#events.emit("lost", error);
    });
    return () => {
      link.close();
      if (this.#link === link) this.#link = undefined;
    };
  }

  #register(): void {
    const { agentName, namespace, version, kind, permissions } = this.#settings;
    this.#link?.register({
      type: jobTypeOf(kind),
      agentName,
      namespace,
      version,
      allowedPermissions: permissions && new ParticipantPermission(permissions),
    });
  }

  #receive(message: ServerMessage["message"], report: (event: LinkEvent) => void): void {
    switch (message.case) {
      case "register":
        report({ type: "registered" });
        this.#onRegistered(message.value);
        break;
      case "pong":
        report({ type: "ponged" });
        break;
      case "availability":
        this.#onAvailability(message.value);
        break;
      case "assignment":
        this.#onAssignment(message.value);
        break;
      case "termination":
        this.#jobs.get(message.value.jobId)?.end();
        break;
    }
  }

  #onRegistered({ workerId }: RegisterWorkerResponse): void {
    this.#workerId = workerId;
    // Jobs outlive the link: the server is told which it will find here, and how others ended meanwhile.
    const running = this.jobs.map(({ id }) => id);
    if (running.length > 0) this.#link?.migrateJobs(running);
    for (const { jobId, status, error } of this.#unreported) this.#link?.updateJob(jobId, status, error);
    this.#unreported = [];
    this.#registered.resolve(workerId);
    this.#events.emit("registered", workerId);
  }

  #onAvailability({ job: message }: AvailabilityRequest): void {
    if (!message?.id) return;
    const job = workerJobOf(message);
    if (this.#isFull() || this.#jobs.has(job.id)) {
      this.#link?.answer({ jobId: job.id, available: false });
      return;
    }
    const runner = new WorkerJobRunner(job, this.#settings, {
      answered: (answer) => this.#answer(job, answer),
      started: () => this.#onStarted(job),
      over: (outcome, error) => this.#onOver(job, outcome, error),
    });
    this.#jobs.set(job.id, runner);
    this.#countJobs();
  }

  #answer(job: WorkerJob, answer: Exclude<JobAnswer, boolean> | undefined): void {
    const available = answer !== undefined;
    const participantIdentity = `agent-${job.id}`;
    this.#link?.answer({ participantIdentity, ...answer, jobId: job.id, available });
  }

  #onAssignment({ job, url, token }: JobAssignment): void {
    if (!job) return;
    const runner = this.#jobs.get(job.id);
    if (runner) runner.assigned(url || this.#settings.url, token);
    else this.#reportJob(job.id, JobStatus.JS_FAILED, "the worker has given the job up");
  }

  #onStarted(job: WorkerJob): void {
    this.#link?.updateJob(job.id, JobStatus.JS_RUNNING);
    this.#events.emit("jobStarted", job);
  }

  #onOver(job: WorkerJob, outcome: JobOutcome, error: unknown): void {
    this.#jobs.delete(job.id);
    if (outcome === "succeeded" || outcome === "failed") {
      const failed = outcome === "failed";
      const why = error instanceof Error ? error.message : String(error);
      this.#reportJob(job.id, failed ? JobStatus.JS_FAILED : JobStatus.JS_SUCCESS, failed ? why : "");
      if (failed) logger.warn("a job failed", { job: job.id, error });
      this.#events.emit("jobEnded", job, outcome, error);
    }
    this.#countJobs();
  }

  #reportJob(jobId: string, status: JobStatus, error: string): void {
    if (this.#link && this.#state.startsWith("linked.registered")) {
      this.#link.updateJob(jobId, status, error);
    } else if (this.#unreported.length < MAXIMUM_UNREPORTED) this.#unreported.push({ jobId, status, error });
  }

  #reportLoad(): void {
    const status = this.#isFull() ? WorkerStatus.WS_FULL : WorkerStatus.WS_AVAILABLE;
    this.#link?.updateWorker(status, this.load, this.#jobs.size);
  }

  #isFull(): boolean {
    return (
      this.#isDraining ||
      this.#jobs.size >= this.#settings.maximumJobs ||
      this.load >= this.#settings.fullLoad
    );
  }

  #countJobs(): void {
    this.#tell({ type: "jobs", count: this.#jobs.size });
    if (this.#state.startsWith("linked.registered")) this.#reportLoad();
    if (this.#isOver()) this.#settle();
  }

  #endJobs(): void {
    for (const runner of [...this.#jobs.values()]) runner.end();
  }

  #tell(event: WorkerEvent): void {
    if (!this.#isOver()) this.#actor?.send(event);
  }

  #follow(): void {
    const { status, value, output } = this.#actor!.getSnapshot();
    const state = stateName(value);
    if (state !== this.#state) {
      this.#state = state;
      this.#events.emit("state", state);
    }
    if (status !== "done") return;
    const { error } = output!;
    this.#finish(state === "failed" ? TroupeError.from("SIGNALLING_FAILED", error) : undefined);
  }

  #isOver(): boolean {
    return this.#state === "closed" || this.#state === "failed";
  }

  #finish(error: TroupeError | undefined): void {
    this.#state = error ? "failed" : "closed";
    this.#registered.reject(error ?? new TroupeError("CLOSED", "The worker was closed"));
    this.#error = error;
    this.#settle();
  }

  /** Over for good: no job is left either. */
  #settle(): void {
    if (this.#jobs.size > 0) return;
    this.#events.emit("closed", this.#error);
    this.#events.removeAllListeners();
    this.#over.resolve();
  }
}

function startWorker(driver: WorkerDriver, drainMs: number) {
  return startActor(workerMachine, { id: "livekit-worker", input: { driver, deadlines: { drainMs } } });
}
