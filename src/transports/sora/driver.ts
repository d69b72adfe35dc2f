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
import { NativePeerTransport, Session, transportOptionsOf } from "../../webrtc/index.ts";
import { Attempt, type AttemptContext, type CreateSession, type IceServer } from "./Attempt.ts";
import { RPC_LABEL } from "./client.ts";
import type { SoraErrorCode } from "./errorCode.ts";
import type { SoraConnectionEvents } from "./events.ts";
import { Outbox } from "./Outbox.ts";
import type { SoraSettings } from "./options.ts";
import type { RpcCalls, SoraRpcOptions } from "./rpc.ts";

/** How many kinds of ignored messages are told apart in the log. */
const MAXIMUM_IGNORED_KINDS = 32;

/** How many changes of the machine's network one connect outlives. */
const MAXIMUM_NETWORK_CHANGES = 3;

/** What tests replace. */
export interface SoraDriverParts {
  createSession?: CreateSession;
  clock?: Clock;
  log?: Logger;
}

function createNativeSession(iceServers: IceServer[], { jitterBuffer, network }: SoraSettings): Session {
  return new Session({
    transport: new NativePeerTransport({ ...transportOptionsOf(network), controlling: false, iceServers }),
    role: "answerer",
    jitterBuffer,
  });
}

/** The connection actor's hands in Sora: one attempt at a time. */
export class SoraDriver implements TransportDriver {
  readonly #context: AttemptContext;
  readonly #ignored = new Set<string>();
  readonly #outboxes = new Map<string, Outbox>();
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
      createSession: parts.createSession ?? ((iceServers) => createNativeSession(iceServers, settings)),
      clock: parts.clock ?? systemClock,
      log: parts.log ?? logger,
      trackKeys: new Map(),
      channelOpened: (channel) => {
        this.#outbox(channel.label).attach(channel);
        host.channelOpen({ label: channel.label, direction: channel.direction });
      },
      channelClosed: (label) => {
        this.#outboxes.get(label)?.detach();
        host.channelClosed(label);
      },
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
    for (const outbox of this.#outboxes.values()) outbox.detach();
    this.#redials = reason === "dial" ? 0 : this.#redials + 1;
    // The connection actor redials by itself.
    this.#run(reason === "dial" ? MAXIMUM_NETWORK_CHANGES : 0, report, signal);
  }

  /** One attempt, and others in its place while it is ended by changes of the machine's network before it has joined. */
  #run(changes: number, report: (event: DriverEvent) => void, signal: AbortSignal): void {
    let isJoined = false;
    const attempt = new Attempt(this.#context, this.#redials, (event) => {
      if (event.type === "joined") {
        isJoined = true;
        this.#redials = 0;
      }
      if (isJoined || changes === 0 || !isLoss(event) || !attempt.endedByNetwork) {
        report(event);
        return;
      }
      attempt.abandon();
      if (!signal.aborted) this.#run(changes - 1, report, signal);
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
    this.#requireSendable(label);
    await this.#outbox(label).send(data);
  }

  /** True when the message was taken; what becomes of it then is logged only. */
  trySend(label: string, data: Uint8Array | string): boolean {
    const channel = this.#attempt?.channel(label);
    if (!channel?.isOpen || channel.direction === "recvonly") return false;
    const outbox = this.#outbox(label);
    if (!outbox.canTake(Buffer.byteLength(data))) return false;
    outbox.send(data).catch((error) => this.#context.log.debug("a message was not sent", { label, error }));
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
    for (const outbox of this.#outboxes.values()) outbox.close();
  }

  #rpc(): RpcCalls {
    if (!this.#attempt?.channel(RPC_LABEL)?.isOpen) {
      throw new TroupeError("INVALID_STATE", "The data channel of remote procedure calls is not open");
    }
    return this.#attempt.rpc;
  }

  #outbox(label: string): Outbox {
    const { clock, settings } = this.#context;
    const outbox = this.#outboxes.get(label) ?? new Outbox(label, clock, settings.timeouts.reconnectMs);
    this.#outboxes.set(label, outbox);
    return outbox;
  }

  #requireSendable(label: string): void {
    const channel = this.#attempt?.channel(label);
    if (!channel?.isOpen) {
      throw new TroupeError("INVALID_STATE", `The data channel ${label} is not open`, { field: "label" });
    }
    if (channel.direction === "recvonly") {
      throw new TroupeError("INVALID_STATE", `The data channel ${label} only receives`, { field: "label" });
    }
  }

  #ignore(what: string): void {
    if (this.#ignored.has(what) || this.#ignored.size >= MAXIMUM_IGNORED_KINDS) return;
    this.#ignored.add(what);
    this.#context.log.warn("ignored what the server sent", { what });
  }
}

function isLoss({ type }: DriverEvent): boolean {
  return type === "attempt.failed" || type === "signalling.lost" || type === "transport.lost";
}
