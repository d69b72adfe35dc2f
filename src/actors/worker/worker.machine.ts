import { assign, setup } from "xstate";
import { linkEffect } from "./worker.effects.ts";
import {
  createWorkerContext,
  dialDelay,
  drainDelay,
  driverOf,
  errorOf,
  isDraining,
  isIdle,
  isPermanent,
  ping,
  pingDelay,
  pongDelay,
  redialDelay,
  register,
  registerDelay,
  report,
  reportDelay,
  tellJobsToEnd,
  tellTimeout,
  type WorkerContext,
  type WorkerEvent,
  type WorkerMachineInput,
  withAttempt,
  withJobs,
  withLoss,
} from "./worker.logic.ts";

/**
 * A worker's registration with a server that dispatches jobs: dialled, registered, kept alive, dialled again with
 * growing waits, drained. Jobs have a machine of their own and go on without a link.
 */
export const workerMachine = setup({
  types: {
    context: {} as WorkerContext,
    events: {} as WorkerEvent,
    input: {} as WorkerMachineInput,
    output: {} as { error: unknown },
    tags: {} as "resting",
  },
  actors: { link: linkEffect },
  delays: { dialDelay, registerDelay, pingDelay, pongDelay, reportDelay, drainDelay, redialDelay },
  guards: { isPermanent, isIdle, isDraining },
  actions: {
    noteAttempt: assign(withAttempt),
    noteJobs: assign(withJobs),
    noteLoss: assign(withLoss),
    noteDrain: assign({ isDraining: true }),
    noteRegistered: assign({ attempts: 0, error: undefined }),
    register,
    ping,
    report,
    tellJobsToEnd,
    tellTimeout,
  },
}).createMachine({
  id: "worker",
  context: createWorkerContext,
  output: errorOf,
  initial: "linked",
  on: { jobs: { actions: "noteJobs" } },
  states: {
    linked: {
      invoke: { id: "link", src: "link", input: driverOf },
      initial: "dialing",
      on: {
        lost: [
          { guard: "isPermanent", target: "failed", actions: "noteLoss" },
          { target: "waiting", actions: "noteLoss" },
        ],
        drain: "draining",
      },
      states: {
        dialing: {
          on: { opened: "registering" },
          after: { dialDelay: { target: "#worker.waiting", actions: "tellTimeout" } },
        },
        registering: {
          entry: "register",
          on: { registered: "registered" },
          after: { registerDelay: { target: "#worker.waiting", actions: "tellTimeout" } },
        },
        registered: {
          entry: "noteRegistered",
          type: "parallel",
          states: {
            liveness: {
              initial: "quiet",
              states: {
                quiet: { after: { pingDelay: "asking" } },
                asking: {
                  entry: "ping",
                  on: { ponged: "quiet" },
                  after: { pongDelay: { target: "#worker.waiting", actions: "tellTimeout" } },
                },
              },
            },
            reporting: {
              initial: "waiting",
              states: {
                waiting: {
                  entry: "report",
                  after: { reportDelay: { target: "waiting", reenter: true } },
                },
              },
            },
            duty: {
              initial: "serving",
              states: {
                serving: { tags: "resting", on: { drain: "draining" } },
                draining: {
                  entry: ["noteDrain", "report"],
                  on: { lost: "#worker.draining" },
                  always: { guard: "isIdle", target: "#worker.closed" },
                  after: { drainDelay: { target: "#worker.closed", actions: "tellJobsToEnd" } },
                },
              },
            },
          },
        },
      },
    },
    waiting: {
      entry: "noteAttempt",
      always: { guard: "isDraining", target: "draining" },
      on: { drain: "draining" },
      after: { redialDelay: "linked" },
    },
    draining: {
      always: { guard: "isIdle", target: "closed" },
      after: { drainDelay: { target: "closed", actions: "tellJobsToEnd" } },
    },
    closed: { type: "final" },
    failed: { type: "final", entry: "tellJobsToEnd" },
  },
});
