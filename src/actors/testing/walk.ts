import {
  type Actor,
  type AnyStateMachine,
  type AnyStateNode,
  createActor,
  SimulatedClock,
  type StateValue,
} from "xstate";

/** One state that a walk reached. */
export interface Visit {
  /** Path of the state node: `connecting.dialing`. */
  path: string;
  /** Whether it is right to stay in it: it or a state within it is tagged `resting`, or it is final. */
  resting: boolean;
  /** After how long time alone led out of it, in ms; null when it did not. 0 for resting ones. */
  leftAfterMs: number | null;
}

export interface WalkOptions {
  input: unknown;
  /** Every event that the machine can get, with its payload. */
  events: { type: string }[];
  /** How long a state may take to be left; simulated ms. */
  limitMs: number;
}

/** How far the simulated clock moves at once: XState runs late timers in one go, which hides their order. */
const STEP_MS = 10;
/** A step of a trace that is no event: time passes until the state changes. */
const TIME = { type: "(time)" };

/**
 * Reaches every state of `machine` that any order of `events` and time lead to (one trace for each), then lets
 * time alone pass in each. Invoked actors should be replaced by ones that never end.
 */
export function walk(machine: AnyStateMachine, options: WalkOptions): Visit[] {
  const seen = new Set<string>();
  const visits = new Map<string, Visit>();
  const queue: { type: string }[][] = [[]];
  for (let trace = queue.shift(); trace; trace = queue.shift()) {
    const run = replay(machine, options, trace);
    const value = JSON.stringify(run.actor.getSnapshot().value);
    const isNew = !seen.has(value);
    if (isNew) {
      seen.add(value);
      for (const node of activeNodes(machine, run.actor)) visit(visits, machine, options, trace, node);
      if (run.actor.getSnapshot().status === "active") {
        for (const event of [...options.events, TIME]) queue.push([...trace, event]);
      }
    }
    run.actor.stop();
  }
  return [...visits.values()];
}

/** The paths of all state nodes below the root, for comparison with what a walk reached. */
export function statePaths(machine: AnyStateMachine): string[] {
  const paths = (node: AnyStateNode): string[] =>
    Object.values(node.states as Record<string, AnyStateNode>).flatMap((child) => [
      pathOf(child),
      ...paths(child),
    ]);
  return paths(machine.root).filter((path) => !isTransient(machine, path));
}

function visit(
  visits: Map<string, Visit>,
  machine: AnyStateMachine,
  options: WalkOptions,
  trace: { type: string }[],
  node: AnyStateNode,
): void {
  const path = pathOf(node);
  const resting = isResting(node);
  const leftAfterMs = resting ? 0 : timeToLeave(machine, options, trace, path);
  const before = visits.get(path);
  // A state met in several configurations must be left in each.
  if (!before || leftAfterMs === null) visits.set(path, { path, resting, leftAfterMs });
}

function timeToLeave(
  machine: AnyStateMachine,
  options: WalkOptions,
  trace: { type: string }[],
  path: string,
): number | null {
  const { actor, clock } = replay(machine, options, trace);
  try {
    for (let passed = 0; passed <= options.limitMs; passed += STEP_MS) {
      if (!activeNodes(machine, actor).some((node) => pathOf(node) === path)) return passed;
      clock.increment(STEP_MS);
    }
    return null;
  } finally {
    actor.stop();
  }
}

function replay(machine: AnyStateMachine, options: WalkOptions, trace: { type: string }[]) {
  const clock = new SimulatedClock();
  const actor = createActor(machine, { clock, input: options.input });
  actor.subscribe({ error: () => {} });
  actor.start();
  for (const event of trace) {
    if (event === TIME) passUntilChange(actor, clock, options.limitMs);
    else if (actor.getSnapshot().status === "active") actor.send(event);
  }
  return { actor, clock };
}

function passUntilChange(actor: Actor<AnyStateMachine>, clock: SimulatedClock, limitMs: number): void {
  const before = JSON.stringify(actor.getSnapshot().value);
  for (let passed = 0; passed < limitMs; passed += STEP_MS) {
    if (JSON.stringify(actor.getSnapshot().value) !== before) return;
    clock.increment(STEP_MS);
  }
}

function activeNodes(machine: AnyStateMachine, actor: Actor<AnyStateMachine>): AnyStateNode[] {
  const nodesOf = (node: AnyStateNode, value: StateValue): AnyStateNode[] => {
    const inner: [string, StateValue][] =
      typeof value === "string" ? [[value, {}]] : (Object.entries(value) as [string, StateValue][]);
    return inner.flatMap(([key, rest]) => [node.states[key]!, ...nodesOf(node.states[key]!, rest)]);
  };
  return nodesOf(machine.root, actor.getSnapshot().value);
}

function isResting(node: AnyStateNode): boolean {
  if (node.type === "final" || node.tags.includes("resting")) return true;
  return Object.values(node.states as Record<string, AnyStateNode>).some(
    (child) => child.type !== "final" && isResting(child),
  );
}

function isTransient(machine: AnyStateMachine, path: string): boolean {
  const node = path.split(".").reduce((at: AnyStateNode, key) => at.states[key]!, machine.root);
  return (node.always?.length ?? 0) > 0;
}

function pathOf(node: AnyStateNode): string {
  return node.path.join(".");
}
