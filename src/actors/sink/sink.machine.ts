import { assign, setup } from "xstate";
import {
  createSinkContext,
  detachedDeadline,
  type SinkContext,
  type SinkEvent,
  type SinkMachineInput,
} from "./sink.logic.ts";

/**
 * One listener on a producer. It hears only of the first frame after a pause, never of each. Over a reconnect of
 * its track it is `detached`, and closes when the track does not come back in time.
 */
export const sinkMachine = setup({
  types: {
    context: {} as SinkContext,
    events: {} as SinkEvent,
    input: {} as SinkMachineInput,
    tags: {} as "resting",
  },
  delays: { detachedDeadline },
  actions: {
    noteEnd: assign({ reason: "its producer ended" }),
    noteAbsence: assign({ reason: "its producer stayed away" }),
    noteClose: assign({ reason: "closed" }),
  },
}).createMachine({
  id: "sink",
  context: createSinkContext,
  initial: "detached",
  on: {
    detached: ".detached",
    ended: { target: ".closed", actions: "noteEnd" },
    close: { target: ".closed", actions: "noteClose" },
  },
  states: {
    waiting: { tags: "resting", on: { frame: "flowing" } },
    flowing: { tags: "resting", on: { starved: "starved", attached: "waiting" } },
    starved: { tags: "resting", on: { frame: "flowing", attached: "waiting" } },
    detached: {
      on: { attached: "waiting", detached: {} },
      after: { detachedDeadline: { target: "closed", actions: "noteAbsence" } },
    },
    closed: { type: "final" },
  },
});
