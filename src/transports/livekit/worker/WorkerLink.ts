import {
  AvailabilityResponse,
  type JobStatus,
  MigrateJobRequest,
  RegisterWorkerRequest,
  ServerMessage,
  UpdateJobStatus,
  UpdateWorkerStatus,
  WorkerMessage,
  WorkerPing,
  type WorkerStatus,
} from "@livekit/protocol";
import { SignJWT } from "jose";
import { logger, TroupeError, TypedEvents } from "../../../core/index.ts";
import { SignalSocket, type SocketEnding } from "../signal/SignalSocket.ts";
import { withoutToken } from "../signal/withoutToken.ts";

/** The version of the worker protocol that we speak. */
const PROTOCOL = 1;
/** How long a token is valid that is used at once. */
const TOKEN_LIFETIME = "10m";

/** For the WebSocket; the machine waits as long. */
const HANDSHAKE_MS = 10_000;

export type WorkerLinkEvents = {
  open: [];
  message: [message: NonNullable<ServerMessage["message"]>];
  /** Over, however; fires once. `permanent`: the server refuses the key or does not know the place, and never took it before. */
  lost: [error: TroupeError, permanent: boolean];
};

export interface WorkerLinkOptions {
  url: string;
  apiKey: string;
  apiSecret: string;
  /** Whether the server took this worker before: a refusal then passes, as a server that restarts gives one. */
  wasRegistered: boolean;
}

/** One WebSocket to a server's `/agent`, and the messages on it. */
export class WorkerLink {
  readonly events = new TypedEvents<WorkerLinkEvents>();
  readonly #options: WorkerLinkOptions;
  #socket: SignalSocket | undefined;
  #isClosed = false;

  /** Dials at once. */
  constructor(options: WorkerLinkOptions) {
    this.#options = options;
    this.#dial().catch((error) => this.#lose(TroupeError.from("INTERNAL", error), true));
  }

  register(request: ConstructorParameters<typeof RegisterWorkerRequest>[0]): void {
    this.#send({ case: "register", value: new RegisterWorkerRequest(request) });
  }

  answer(response: ConstructorParameters<typeof AvailabilityResponse>[0]): void {
    this.#send({ case: "availability", value: new AvailabilityResponse(response) });
  }

  updateJob(jobId: string, status: JobStatus, error = ""): void {
    this.#send({ case: "updateJob", value: new UpdateJobStatus({ jobId, status, error }) });
  }

  updateWorker(status: WorkerStatus, load: number, jobCount: number): void {
    this.#send({ case: "updateWorker", value: new UpdateWorkerStatus({ status, load, jobCount }) });
  }

  migrateJobs(jobIds: string[]): void {
    this.#send({ case: "migrateJob", value: new MigrateJobRequest({ jobIds }) });
  }

  ping(): void {
    this.#send({ case: "ping", value: new WorkerPing({ timestamp: BigInt(Date.now()) }) });
  }

  /** Closes in order; nothing is reported any more. */
  close(): void {
    this.#isClosed = true;
    this.events.removeAllListeners();
    this.#socket?.close();
  }

  async #dial(): Promise<void> {
    const { url, apiKey, apiSecret, wasRegistered } = this.#options;
    const token = await new SignJWT({ video: { agent: true } })
      .setProtectedHeader({ alg: "HS256", typ: "JWT" })
      .setIssuer(apiKey)
      .setNotBefore("0s")
      .setExpirationTime(TOKEN_LIFETIME)
      .sign(new TextEncoder().encode(apiSecret));
    if (this.#isClosed) return;
    this.#socket = new SignalSocket(agentUrl(url), token, HANDSHAKE_MS);
    this.#socket.events.on("open", () => this.events.emit("open"));
    this.#socket.events.on("message", (data, binary) => this.#receive(data, binary));
    this.#socket.events.on("closed", (ending) =>
      this.#lose(errorOf(ending, token), !wasRegistered && isRefused(ending)),
    );
  }

  #send(message: WorkerMessage["message"]): void {
    this.#socket?.send(new WorkerMessage({ message }).toBinary());
  }

  #receive(data: Buffer, binary: boolean): void {
    let message: ServerMessage;
    try {
      message = binary ? ServerMessage.fromBinary(data) : ServerMessage.fromJsonString(data.toString());
    } catch (error) {
      logger.debug("a message to the worker could not be read", { error });
      return;
    }
    this.events.emit("message", message.message);
  }

  #lose(error: TroupeError, permanent: boolean): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.events.emit("lost", error, permanent);
    this.events.removeAllListeners();
  }
}

function agentUrl(server: string): string {
  const url = new URL(server);
  url.protocol = url.protocol.replace("http", "ws");
  url.pathname = `${url.pathname.replace(/\/$/, "")}/agent`;
  url.searchParams.set("protocol", String(PROTOCOL));
  return url.href;
}

function errorOf({ refusal, error, code, reason }: SocketEnding, token: string): TroupeError {
  if (refusal) {
    const denied = refusal.status === 401 || refusal.status === 403;
    const message = `The server does not take the worker: ${withoutToken(refusal.text, token)} (HTTP ${refusal.status})`;
    return new TroupeError(denied ? "ACCESS_DENIED" : "SIGNALLING_FAILED", message);
  }
  const why = error?.message || reason || `closed with ${code}`;
  return new TroupeError("SIGNALLING_FAILED", `The server was lost: ${why}`, { cause: error });
}

function isRefused({ refusal }: SocketEnding): boolean {
  return refusal !== undefined && [401, 403, 404].includes(refusal.status);
}
