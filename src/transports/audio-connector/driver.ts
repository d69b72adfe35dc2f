import type { DialReason, DriverEvent } from "../../actors/index.ts";
import type { ConnectionHost, LocalTrack, StatsEntry, TransportDriver } from "../../connection/index.ts";
import { type Clock, systemClock, TroupeError, type TypedEvents } from "../../core/index.ts";
import { Engine } from "../../native/index.ts";
import { Attempt, type AttemptContext, type CallLink, MESSAGE_LABEL } from "./Attempt.ts";
import { CloseCode } from "./CallSocket.ts";
import type { AudioConnectorEvents } from "./events.ts";
import type { CallSettings } from "./options.ts";

/** What tests replace. */
export interface CallDriverParts {
  clock?: Clock;
  engine?: AttemptContext["engine"];
}

/**
 * The connection actor's hands in a call. It cannot dial: an attempt is a WebSocket that the far side opened, and a
 * redial is the wait for the same call to come back.
 */
export class CallDriver implements TransportDriver {
  readonly #context: AttemptContext;
  readonly #clock: Clock;
  #attempt: Attempt | undefined;
  #next: CallLink | undefined;
  #waiting: { report: (event: DriverEvent) => void; signal: AbortSignal; timer: unknown } | undefined;
  #holds = true;

  constructor(
    options: { id: string; settings: CallSettings; link: CallLink; host: ConnectionHost },
    events: Pick<TypedEvents<AudioConnectorEvents>, "emit">,
    parts: CallDriverParts = {},
  ) {
    const { id, settings, link, host } = options;
    this.#clock = parts.clock ?? systemClock;
    this.#next = link;
    this.#context = {
      id,
      settings,
      host,
      events,
      clock: this.#clock,
      engine: parts.engine ?? (() => Engine.shared()),
      holds: () => this.#holds,
    };
  }

  /** The running attempt; undefined while the call is away. */
  get attempt(): Attempt | undefined {
    return this.#attempt;
  }

  start(_reason: DialReason, report: (event: DriverEvent) => void, signal: AbortSignal): void {
    const link = this.#next;
    this.#next = undefined;
    if (link) this.#attach(link, report, signal);
    else this.#wait(report, signal);
  }

  /** The same call has come back on another socket. */
  return(link: CallLink): void {
    const waiting = this.#waiting;
    if (!waiting) {
      this.#next?.socket.terminate();
      this.#next = link;
      // The old socket is dead, though nobody has noticed yet.
      this.#attempt?.closed(CloseCode.abnormal, "the call came back on another WebSocket");
      return;
    }
    this.#stopWaiting();
    this.#attach(link, waiting.report, waiting.signal);
  }

  /** Messages have waited until now. */
  release(): void {
    this.#holds = false;
    this.#attempt?.release();
  }

  async leave(reason: string): Promise<{ code: number; reason: string }> {
    return (await this.#attempt?.leave(reason)) ?? { code: CloseCode.normal, reason };
  }

  publish(track: LocalTrack): void {
    this.#attempt?.publish(track);
  }

  unpublish(track: LocalTrack): void {
    this.#attempt?.unpublish(track);
  }

  async send(label: string, data: Uint8Array | string): Promise<void> {
    const attempt = this.#attempt;
    if (!attempt || label !== MESSAGE_LABEL) {
      throw new TroupeError("INVALID_STATE", `There is no channel ${JSON.stringify(label)}`, {
        field: "label",
      });
    }
    attempt.sendText(typeof data === "string" ? data : Buffer.from(data).toString("utf8"));
  }

  getStats(): StatsEntry[] {
    return this.#attempt?.getStats() ?? [];
  }

  close(): void {
    this.#stopWaiting();
    this.#next?.socket.terminate();
    this.#attempt?.close();
  }

  #attach(link: CallLink, report: (event: DriverEvent) => void, signal: AbortSignal): void {
    const attempt = new Attempt(this.#context, link, report);
    this.#attempt = attempt;
    const drop = () => {
      attempt.close();
      if (this.#attempt === attempt) this.#attempt = undefined;
    };
    signal.addEventListener("abort", drop, { once: true });
    // Whoever starts the connection has this turn to listen.
    queueMicrotask(() => {
      if (!signal.aborted) attempt.start();
    });
  }

  #wait(report: (event: DriverEvent) => void, signal: AbortSignal): void {
    const { graceMs } = this.#context.settings;
    const timer = this.#clock.setTimeout(() => {
      this.#stopWaiting();
      const reason = `the call was lost and did not come back within ${graceMs} ms`;
      report({ type: "remote.closed", code: CloseCode.abnormal, reason });
    }, graceMs);
    this.#waiting = { report, signal, timer };
    signal.addEventListener("abort", () => this.#stopWaiting(), { once: true });
  }

  #stopWaiting(): void {
    this.#clock.clearTimeout(this.#waiting?.timer);
    this.#waiting = undefined;
  }
}
