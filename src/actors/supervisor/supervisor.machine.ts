import { assign, fromPromise, setup } from "xstate";
import {
  childInput,
  createSupervisorContext,
  errorOf,
  hasRestartsLeft,
  restartDelay,
  type SupervisorContext,
  type SupervisorEvent,
  type SupervisorMachineInput,
  steadyDelay,
  withError,
  withRestart,
} from "./supervisor.logic.ts";

/** Stands where `provide({ actors: { child } })` puts the one to be watched over. */
const missingChild = fromPromise<unknown, unknown>(() => Promise.reject(new Error("no child was provided")));

/**
 * Runs a child and starts it again with growing waits when it fails. A child that ends in order ends the
 * supervisor; one that fails too often makes it give up.
 *
 * @example
 * startActor(supervisorMachine.provide({ actors: { child: worker } }), { id: "vad", input: {} });
 */
export const supervisorMachine = setup({
  types: {
    context: {} as SupervisorContext,
    events: {} as SupervisorEvent,
    input: {} as SupervisorMachineInput,
    output: {} as { error: unknown },
    tags: {} as "resting",
  },
  actors: { child: missingChild },
  delays: { restartDelay, steadyDelay },
  guards: { hasRestartsLeft },
  actions: {
    noteError: assign(withError),
    noteRestart: assign(withRestart),
    noteSteady: assign({ restarts: 0, error: undefined }),
  },
}).createMachine({
  id: "supervisor",
  context: createSupervisorContext,
  output: errorOf,
  initial: "running",
  on: { stop: ".stopped" },
  states: {
    running: {
      initial: "starting",
      invoke: {
        id: "child",
        src: "child",
        input: childInput,
        onDone: "stopped",
        onError: [
          { guard: "hasRestartsLeft", target: "waiting", actions: "noteError" },
          { target: "failed", actions: "noteError" },
        ],
      },
      states: {
        starting: { after: { steadyDelay: { target: "steady", actions: "noteSteady" } } },
        steady: { tags: "resting" },
      },
    },
    waiting: { after: { restartDelay: { target: "running", actions: "noteRestart" } } },
    stopped: { type: "final" },
    failed: { type: "final" },
  },
});
