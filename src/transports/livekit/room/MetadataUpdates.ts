import { type RequestResponse, RequestResponse_Reason, UpdateParticipantMetadata } from "@livekit/protocol";
import { z } from "zod";
import { type Clock, parseOptions, TroupeError, type TroupeErrorCode } from "../../../core/index.ts";
import type { LocalParticipant, ParticipantUpdate } from "./LocalParticipant.ts";
import type { RoomSignal } from "./RoomSignal.ts";

/** How long the server has to take a change, in ms. */
const DEADLINE_MS = 5_000;
/** Changes that may wait at the same time; more are refused. */
const MAXIMUM_PENDING = 100;

const schema = z.object({
  metadata: z.string("a text").optional(),
  name: z.string("a text").optional(),
  attributes: z.record(z.string(), z.string("a text"), "an object of texts").optional(),
});

interface Pending {
  change: ParticipantUpdate;
  /** The server said yes; the change itself is still to come. */
  isAccepted: boolean;
  resolve(): void;
  reject(error: TroupeError): void;
}

/**
 * Changes of our own metadata, name and attributes: asks the server, and ends each with the server's refusal, with
 * the change itself, or with its deadline. A server that is old refuses aloud and accepts in silence.
 */
export class MetadataUpdates {
  readonly #signal: RoomSignal;
  readonly #clock: Clock;
  readonly #pending = new Map<number, Pending>();
  #lastRequestId = 0;

  constructor(signal: RoomSignal, clock: Clock) {
    this.#signal = signal;
    this.#clock = clock;
  }

  /** See {@link LocalParticipant.setMetadata}. */
  async request(local: LocalParticipant, change: ParticipantUpdate, signal?: AbortSignal): Promise<void> {
    parseOptions(schema, change, "participant");
    if (signal?.aborted) throw cancelled(signal);
    if (local.permissions?.canUpdateOwnMetadata === false) {
      throw new TroupeError("ACCESS_DENIED", "The token does not grant canUpdateOwnMetadata");
    }
    if (this.#pending.size >= MAXIMUM_PENDING) {
      throw new TroupeError("QUEUE_FULL", `${MAXIMUM_PENDING} changes wait for the server already`);
    }
    const requestId = ++this.#lastRequestId;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const pending: Pending = { change, isAccepted: false, resolve, reject };
    const timer = this.#clock.setTimeout(() => this.#expire(pending), DEADLINE_MS);
    const onAbort = () => reject(cancelled(signal));
    signal?.addEventListener("abort", onAbort, { once: true });
    this.#pending.set(requestId, pending);
    try {
      this.#signal.send({ case: "updateMetadata", value: messageOf(requestId, local, change) });
      await promise;
    } finally {
      this.#pending.delete(requestId);
      this.#clock.clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /** The server's answer to a request. */
  answered({ requestId, reason, message }: RequestResponse, local: LocalParticipant): void {
    const pending = this.#pending.get(requestId);
    if (!pending || reason === RequestResponse_Reason.QUEUED) return;
    if (reason !== RequestResponse_Reason.OK) {
      pending.reject(new TroupeError(codeOf(reason), message || "The server refused the change"));
    } else if (isDone(local, pending.change)) pending.resolve();
    else pending.isAccepted = true;
  }

  /** The server told what we are now. */
  updated(local: LocalParticipant): void {
    for (const pending of this.#pending.values()) if (isDone(local, pending.change)) pending.resolve();
  }

  /** What waits is over. */
  close(error: TroupeError): void {
    for (const pending of this.#pending.values()) pending.reject(error);
  }

  #expire(pending: Pending): void {
    if (pending.isAccepted) pending.resolve();
    else pending.reject(new TroupeError("TIMEOUT", `The server did not answer within ${DEADLINE_MS} ms`));
  }
}

/** The server leaves out what is empty, and older ones take all fields: the current values go along. */
function messageOf(requestId: number, local: LocalParticipant, change: ParticipantUpdate) {
  return new UpdateParticipantMetadata({
    requestId,
    metadata: change.metadata ?? local.metadata,
    name: change.name ?? local.name,
    attributes: change.attributes ?? {},
  });
}

function isDone(local: LocalParticipant, { metadata, name, attributes = {} }: ParticipantUpdate): boolean {
  if (metadata && metadata !== local.metadata) return false;
  if (name && name !== local.name) return false;
  return Object.entries(attributes).every(([key, value]) => (local.attributes[key] ?? "") === value);
}

function codeOf(reason: RequestResponse_Reason): TroupeErrorCode {
  if (reason === RequestResponse_Reason.NOT_ALLOWED) return "ACCESS_DENIED";
  if (reason === RequestResponse_Reason.LIMIT_EXCEEDED) return "INVALID_OPTION";
  return "SIGNALLING_FAILED";
}

function cancelled(signal: AbortSignal | undefined): TroupeError {
  return new TroupeError("CANCELLED", "The change was cancelled", { cause: signal?.reason });
}
