/** What the link to the server reports. */
export type LinkEvent =
  /** The WebSocket is open. */
  | { type: "opened" }
  /** The server took the registration. */
  | { type: "registered" }
  | { type: "ponged" }
  /** The WebSocket closed or never opened. `permanent`: dialling again cannot help. */
  | { type: "lost"; permanent: boolean; error: unknown };

/** What the worker machine directs. None of it throws. */
export interface WorkerDriver {
  /** Dials, and reports until it is lost; what it gives hangs up. */
  dial(report: (event: LinkEvent) => void): () => void;
  register(): void;
  ping(): void;
  /** Tells the server the load, and whether jobs are taken. */
  reportLoad(): void;
  /** Every job that runs is to end. */
  endJobs(): void;
  /** Nobody answered the dial, the registration or a ping in time: the link is given up. */
  timedOut(): void;
}

/** What the job machine directs. */
export interface JobDriver {
  /** Whether to take the job; the answer to the server goes out before it resolves. */
  decide(): Promise<boolean>;
  /** Does the job. */
  run(): Promise<void>;
  /** What runs is to come to its end. */
  tellToEnd(): void;
}
