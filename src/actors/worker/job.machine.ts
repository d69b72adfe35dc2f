import { assign, setup } from "xstate";
import {
  assignDelay,
  createJobContext,
  decideDelay,
  driverOf,
  endDelay,
  isTaken,
  type JobContext,
  type JobEvent,
  type JobMachineInput,
  type JobOutcome,
  outcomeOf,
  tellToEnd,
  withError,
} from "./job.logic.ts";
import { decideEffect, runEffect } from "./worker.effects.ts";

/** One job of a worker: decided on, answered, assigned, run and ended. */
export const jobMachine = setup({
  types: {
    context: {} as JobContext,
    events: {} as JobEvent,
    input: {} as JobMachineInput,
    output: {} as { outcome: JobOutcome; error: unknown },
    tags: {} as "resting",
  },
  actors: { decide: decideEffect, run: runEffect },
  delays: { decideDelay, assignDelay, endDelay },
  guards: { isTaken },
  actions: {
    noteError: assign(withError),
    noteAbandoned: assign({ outcome: "abandoned" as const }),
    noteSucceeded: assign({ outcome: "succeeded" as const }),
    noteFailed: assign({ outcome: "failed" as const }),
    noteOverdue: assign({ error: () => new Error("the job did not end when it was told to") }),
    tellToEnd,
  },
}).createMachine({
  id: "job",
  context: createJobContext,
  output: outcomeOf,
  initial: "deciding",
  states: {
    deciding: {
      invoke: {
        id: "decide",
        src: "decide",
        input: driverOf,
        onDone: [{ guard: "isTaken", target: "accepted" }, { target: "over" }],
        onError: { target: "over", actions: "noteError" },
      },
      on: { end: "over" },
      after: { decideDelay: "over" },
    },
    accepted: {
      on: {
        assigned: "active",
        end: { target: "over", actions: "noteAbandoned" },
      },
      after: { assignDelay: { target: "over", actions: "noteAbandoned" } },
    },
    active: {
      invoke: {
        id: "run",
        src: "run",
        input: driverOf,
        onDone: { target: "over", actions: "noteSucceeded" },
        onError: { target: "over", actions: ["noteFailed", "noteError"] },
      },
      initial: "running",
      states: {
        running: { tags: "resting", on: { end: "ending" } },
        ending: {
          entry: "tellToEnd",
          after: { endDelay: { target: "#job.over", actions: ["noteFailed", "noteOverdue"] } },
        },
      },
    },
    over: { type: "final" },
  },
});
