import {
  type Actor,
  type AnyActorLogic,
  type AnyActorRef,
  type AnyMachineSnapshot,
  createActor,
  type InputFrom,
  type InspectionEvent,
} from "xstate";
import { logger, TypedEvents } from "../core/index.ts";
import { stateName } from "./stateName.ts";

/** One move of one machine. */
export interface ActorReport {
  /** Unique in the process: `sora:1`, `sora:1/track:abc`. */
  id: string;
  /** The machine's name: connection, track, source. */
  machine: string;
  /** See {@link stateName}; `stopped` once the actor is gone. */
  state: string;
  /** Process-monotonic milliseconds. */
  at: number;
}

/** A clock as XState takes it; `SimulatedClock` in tests. */
export interface ActorClock {
  setTimeout(callback: (...args: unknown[]) => void, ms: number): unknown;
  clearTimeout(id: unknown): void;
}

export interface StartOptions<Logic extends AnyActorLogic> {
  /** Its id in reports; made unique in the process by a number behind it. */
  id: string;
  input: InputFrom<Logic>;
  clock?: ActorClock;
}

const feed = new TypedEvents<{ report: [report: ActorReport] }>();
const states = new Map<string, ActorReport>();
const counters = new Map<string, number>();

/**
 * Calls `listener` with the present state of every actor that Troupe runs in this process, then at each move.
 * Gives a function that ends it.
 */
export function inspectActors(listener: (report: ActorReport) => void): () => void {
  for (const report of [...states.values()]) guard(listener)(report);
  return feed.on("report", listener);
}

/**
 * Starts a root actor that reports to {@link inspectActors}, with everything that it spawns. One that fails is
 * logged and never reaches `uncaughtException`.
 */
export function startActor<Logic extends AnyActorLogic>(
  logic: Logic,
  options: StartOptions<Logic>,
): Actor<Logic> {
  const number = (counters.get(options.id) ?? 0) + 1;
  counters.set(options.id, number);
  const id = `${options.id}:${number}`;
  const reporter = new Reporter(id);
  // A machine that ends by itself reports its final state right after this.
  const stopped = () => (actor.getSnapshot() as { status: string }).status === "stopped" && reporter.close();
  const failed = (error: unknown) => {
    logger.error("an actor failed", { actor: id, error });
    reporter.close();
  };
  const actor = createActor(logic, {
    id,
    input: options.input,
    ...(options.clock && { clock: options.clock }),
    inspect: (event: InspectionEvent) => reporter.inspect(event),
  } as never) as Actor<Logic>;
  actor.subscribe({ error: failed, complete: () => stopped() });
  return actor.start();
}

/**
 * Calls `next` at each snapshot of `actor` and `failed` when it fails; what they throw is logged, since XState
 * would pass it to `uncaughtException`. Gives a function that ends it.
 */
export function watchActor<S>(
  actor: { subscribe(observer: object): { unsubscribe(): void } },
  next: (snapshot: S) => void,
  failed: (error: unknown) => void = () => {},
): () => void {
  const subscription = actor.subscribe({ next: guard(next), error: guard(failed) });
  return () => subscription.unsubscribe();
}

function guard<T>(listener: (value: T) => void): (value: T) => void {
  return (value) => {
    try {
      listener(value);
    } catch (error) {
      logger.error("a watcher of an actor threw", { error });
    }
  };
}

/** Turns XState's inspection events of one root and its children into reports, one for each change of state. */
class Reporter {
  readonly #rootId: string;
  readonly #own = new Set<string>();

  constructor(rootId: string) {
    this.#rootId = rootId;
  }

  inspect(event: InspectionEvent): void {
    if (event.type !== "@xstate.snapshot") return;
    const snapshot = event.snapshot as AnyMachineSnapshot;
    if (!("machine" in snapshot)) return;
    const isRoot = event.actorRef.sessionId === event.rootId;
    const id = isRoot ? this.#rootId : `${this.#rootId}/${(event.actorRef as AnyActorRef).id}`;
    this.#report({
      id,
      machine: snapshot.machine.id,
      state: stateName(snapshot.value),
      at: performance.now(),
    });
    if (snapshot.status === "active") return;
    if (isRoot) this.close();
    else this.#forget(id);
  }

  close(): void {
    for (const id of [...this.#own]) this.#forget(id);
  }

  #report(report: ActorReport): void {
    if (states.get(report.id)?.state === report.state) return;
    states.set(report.id, report);
    this.#own.add(report.id);
    feed.emit("report", report);
  }

  #forget(id: string): void {
    const last = states.get(id);
    states.delete(id);
    this.#own.delete(id);
    if (last) feed.emit("report", { ...last, state: "stopped", at: performance.now() });
  }
}
