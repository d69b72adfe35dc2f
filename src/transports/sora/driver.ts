import type { DialReason, DriverEvent } from "../../actors/index.ts";
import type { ConnectionHost, LocalTrack, StatsEntry, TransportDriver } from "../../connection/index.ts";
import {
  type Clock,
  type Logger,
  logger,
  systemClock,
  TroupeError,
  type TypedEvents,
} from "../../core/index.ts";
import { NativePeerTransport, Session } from "../../webrtc/index.ts";
import { Attempt, type AttemptContext, type CreateSession, type IceServer } from "./Attempt.ts";
import { RPC_LABEL } from "./client.ts";
import type { DataChannel } from "./DataChannel.ts";
import type { SoraErrorCode } from "./errorCode.ts";
import type { SoraConnectionEvents } from "./events.ts";
import type { SoraSettings } from "./options.ts";
import type { RpcCalls, SoraRpcOptions } from "./rpc.ts";

/** How many kinds of ignored messages are told apart in the log. */
const MAXIMUM_IGNORED_KINDS = 32;

/** What tests replace. */
export interface SoraDriverParts {
  createSession?: CreateSession;
  clock?: Clock;
  log?: Logger;
}

function createNativeSession(iceServers: IceServer[]): Session {
  return new Session({
    transport: new NativePeerTransport({ controlling: false, iceServers }),
    role: "answerer",
  });
}

/** The connection actor's hands in Sora: one attempt at a time. */
export class SoraDriver implements TransportDriver {
  readonly #context: AttemptContext;
  readonly #ignored = new Set<string>();
  #attempt: Attempt | undefined;
  /** Since it was joined last. */
  #redials = 0;

  constructor(
    settings: SoraSettings,
    host: ConnectionHost,
    events: Pick<TypedEvents<SoraConnectionEvents>, "emit">,
    parts: SoraDriverParts = {},
  ) {
    this.#context = {
      settings,
      host,
      events,
      createSession: parts.createSession ?? createNativeSession,
      clock: parts.clock ?? systemClock,
      log: parts.log ?? logger,
      trackKeys: new Map(),
      ignored: (what) => this.#ignore(what),
    };
  }

  /** Ours in the channel; `""` before the first offer, and a new one after each reconnect. */
  get connectionId(): string {
    return this.#attempt?.connectionId ?? "";
  }

  /** How the last attempt ended; undefined while it runs. */
  get errorCode(): SoraErrorCode | undefined {
    return this.#attempt?.errorCode;
  }

  start(reason: DialReason, report: (event: DriverEvent) => void, signal: AbortSignal): void {
    this.#attempt?.close();
    this.#redials = reason === "dial" ? 0 : this.#redials + 1;
    const attempt = new Attempt(this.#context, this.#redials, (event) => {
      if (event.type === "joined") this.#redials = 0;
      report(event);
    });
    this.#attempt = attempt;
    signal.addEventListener("abort", () => attempt.close(), { once: true });
    attempt.start();
  }

  /** The user is about to leave. */
  expectEnd(): void {
    this.#attempt?.expectEnd();
  }

  async leave(reason: string): Promise<{ code: number; reason: string }> {
    const attempt = this.#attempt;
    if (!attempt?.isOpen) return { code: 1000, reason: "SELF-CLOSED" };
    const { code, reason: said } = await attempt.leave(reason || "NO-ERROR");
    return { code, reason: said };
  }

  publish(track: LocalTrack): void {
    this.#attempt?.publish(track);
  }

  unpublish(track: LocalTrack): void {
    this.#attempt?.unpublish(track);
  }

  async send(label: string, data: Uint8Array | string): Promise<void> {
    await this.#channel(label).send(data);
  }

  /** True when the message was taken; what becomes of it then is logged only. */
  trySend(label: string, data: Uint8Array | string): boolean {
    const channel = this.#attempt?.channel(label);
    if (!channel || channel.direction === "recvonly" || !channel.canTake(Buffer.byteLength(data)))
      return false;
    channel.send(data).catch((error) => this.#context.log.debug("a message was not sent", { label, error }));
    return true;
  }

  /** @throws TroupeError INVALID_STATE when the server gives no calls, and what {@link RpcCalls} throws. */
  async rpc(method: string, params: unknown, options: SoraRpcOptions): Promise<unknown> {
    return await this.#rpc().call(method, params, options);
  }

  async rpcNotify(method: string, params: unknown): Promise<void> {
    await this.#rpc().notify(method, params);
  }

  /** What the server's last offer says can be called. */
  get rpcMethods(): readonly string[] {
    return this.#attempt?.rpcMethods ?? [];
  }

  getStats(): StatsEntry[] {
    return this.#attempt?.getStats() ?? [];
  }

  close(): void {
    this.#attempt?.close();
  }

  #rpc(): RpcCalls {
    if (!this.#attempt?.channel(RPC_LABEL)?.isOpen) {
      throw new TroupeError("INVALID_STATE", "The data channel of remote procedure calls is not open");
    }
    return this.#attempt.rpc;
  }

  #channel(label: string): DataChannel {
    const channel = this.#attempt?.channel(label);
    if (!channel?.isOpen) {
      throw new TroupeError("INVALID_STATE", `The data channel ${label} is not open`, { field: "label" });
    }
    if (channel.direction === "recvonly") {
      throw new TroupeError("INVALID_STATE", `The data channel ${label} only receives`, { field: "label" });
    }
    return channel;
  }

  #ignore(what: string): void {
    if (this.#ignored.has(what) || this.#ignored.size >= MAXIMUM_IGNORED_KINDS) return;
    this.#ignored.add(what);
    this.#context.log.warn("ignored what the server sent", { what });
  }
}
