import { z } from "zod";
import type { JobRun } from "./JobRun.ts";
import type { WorkerJob } from "./job.ts";

/** What a worker says to a job: whether it takes it, and as whom. */
export type JobAnswer =
  | boolean
  | {
      /** `agent-` and the job's id when left out. */
      participantIdentity?: string;
      participantName?: string;
      participantMetadata?: string;
      participantAttributes?: Record<string, string>;
    };

/** How busy the worker is: by the processors, by how many jobs are its full load, or by a function's 0 to 1. */
export type WorkerLoad = "cpu" | { jobs: number } | (() => number);

const milliseconds = z.int("milliseconds above 0").min(1, "milliseconds above 0");
const text = z.string("text").max(1024, "at most 1024 characters");
const aFunction = <Type>() => z.custom<Type>((value) => typeof value === "function", "a function");

const permissions = z.strictObject({
  canSubscribe: z.boolean("true or false").default(true),
  canPublish: z.boolean("true or false").default(true),
  canPublishData: z.boolean("true or false").default(true),
  canUpdateMetadata: z.boolean("true or false").default(true),
  hidden: z.boolean("true or false").default(false),
});

export const workerOptionsSchema = z.strictObject({
  /** The server: ws, wss, http or https. */
  url: z
    .string("a server's address")
    .refine((value) => /^(wss?|https?):\/\//.test(value) && URL.canParse(value), "a ws or http address"),
  apiKey: z.string("an API key").min(1, "an API key"),
  apiSecret: z.string("an API secret").min(1, "an API secret"),
  /** Whom dispatches ask for. Without one it takes the jobs that every room leads to. */
  agentName: text.default(""),
  namespace: text.optional(),
  /** Told to the server. */
  version: text.default("troupe"),
  kind: z.enum(["room", "publisher", "participant"]).default("room"),
  load: z
    .union([
      z.literal("cpu"),
      z.strictObject({ jobs: z.int("a number of jobs").min(1, "at least 1") }),
      aFunction<() => number>(),
    ])
    .default("cpu"),
  /** From this load on it takes no job. The server spares workers from 0.7 on by itself. */
  fullLoad: z.number("0 to 1").min(0, "0 to 1").max(1, "0 to 1").default(0.7),
  /** Jobs that it has at a time at most. */
  maximumJobs: z.int("a number of jobs").min(1, "at least 1").default(1000),
  /** What its participants may do; all but being hidden when left out. */
  permissions: permissions.optional(),
  /** Decides on a job within 9 s. Takes it when left out. */
  onRequest: aFunction<(job: WorkerJob) => JobAnswer | Promise<JobAnswer>>().optional(),
  /** Does a job. It lasts until the promise settles; what it throws makes the job fail. */
  onJob: aFunction<(run: JobRun) => void | Promise<void>>(),
  /** How long a job may take to end when it is told to, ms. */
  endMs: milliseconds.default(30_000),
  /** How long jobs may go on after `drain`, ms. */
  drainMs: milliseconds.default(1_800_000),
});

export type LiveKitWorkerOptions = z.input<typeof workerOptionsSchema>;
export type WorkerSettings = z.output<typeof workerOptionsSchema>;
