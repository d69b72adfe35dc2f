import { connect } from "../../../connection/index.ts";
import { LiveKitConnection } from "../LiveKitConnection.ts";
import { type LiveKitOptions, parseLiveKitOptions } from "../options.ts";
import type { WorkerJob } from "./job.ts";

/** A job that was assigned: what it is, where its room is, and when it is to end. */
export class JobRun {
  readonly job: WorkerJob;
  /** The server of the room. */
  readonly url: string;
  /** Lets the worker's participant into the room. */
  readonly token: string;
  /** Aborts when the job is to end: by the server, or because the worker closes. */
  readonly signal: AbortSignal;
  readonly #connections = new Set<LiveKitConnection>();

  /** For the worker. */
  constructor(job: WorkerJob, url: string, token: string, signal: AbortSignal) {
    this.job = job;
    this.url = url;
    this.token = token;
    this.signal = signal;
  }

  /**
   * Joins the job's room. The connection leaves when the job is to end, and at the latest when it ended.
   *
   * @throws TroupeError INVALID_OPTION, CANCELLED when the job is to end already.
   */
  connect(options: Omit<LiveKitOptions, "url" | "token"> = {}): LiveKitConnection {
    const { url, token, signal } = this;
    const settings = parseLiveKitOptions({ ...options, url, token });
    const connection = connect(
      { name: "livekit", create: () => new LiveKitConnection(settings) },
      { signal },
    );
    this.#connections.add(connection);
    void connection.disconnected().then(() => this.#connections.delete(connection));
    return connection;
  }

  /** Leaves the rooms that are still joined. For the worker. */
  async leave(): Promise<void> {
    await Promise.all([...this.#connections].map((connection) => connection.disconnect("job ended")));
  }
}
