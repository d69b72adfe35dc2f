import { assign, setup } from "xstate";
import {
  bufferingDeadline,
  createSourceContext,
  drainingDeadline,
  hasNoConsumer,
  interruptionDeadline,
  isLastConsumer,
  isQueued,
  type SourceContext,
  type SourceEvent,
  type SourceMachineInput,
  withConsumer,
  withoutConsumer,
} from "./source.logic.ts";

/**
 * One source of audio. It hears of writes only while it does not play: the samples stay in the engine. When its
 * last consumer goes it is `detached` and keeps what is queued until somebody plays it again.
 */
export const sourceMachine = setup({
  types: {
    context: {} as SourceContext,
    events: {} as SourceEvent,
    input: {} as SourceMachineInput,
    tags: {} as "resting",
  },
  delays: { bufferingDeadline, drainingDeadline, interruptionDeadline },
  guards: { isLastConsumer, hasNoConsumer, isQueued },
  actions: {
    noteConsumer: assign(withConsumer),
    noteConsumerGone: assign(withoutConsumer),
    noteQueued: assign({ isQueued: true }),
    noteEmpty: assign({ isQueued: false }),
  },
}).createMachine({
  id: "source",
  context: createSourceContext,
  initial: "idle",
  on: {
    "consumer.added": { actions: "noteConsumer" },
    "consumer.removed": [
      { guard: "isLastConsumer", target: ".detached", actions: "noteConsumerGone" },
      { actions: "noteConsumerGone" },
    ],
    cleared: { target: ".interrupted", actions: "noteEmpty" },
    close: ".closed",
  },
  states: {
    idle: {
      tags: "resting",
      entry: "noteEmpty",
      on: {
        written: { target: "buffering", actions: "noteQueued" },
        "playout.started": { target: "playing", actions: "noteQueued" },
        cleared: {},
      },
    },
    buffering: {
      on: { "playout.started": "playing", "playout.drained": "idle" },
      after: { bufferingDeadline: [{ guard: "hasNoConsumer", target: "detached" }, { target: "playing" }] },
    },
    playing: {
      tags: "resting",
      on: { "playout.drained": "idle", finished: "draining" },
    },
    draining: {
      on: { "playout.drained": "idle", written: "playing" },
      after: { drainingDeadline: "idle" },
    },
    interrupted: {
      on: {
        written: { target: "buffering", actions: "noteQueued" },
        "playout.drained": "idle",
        "playout.started": { target: "playing", actions: "noteQueued" },
        cleared: {},
      },
      after: { interruptionDeadline: "idle" },
    },
    detached: {
      tags: "resting",
      on: {
        written: { actions: "noteQueued" },
        "playout.drained": { actions: "noteEmpty" },
        "playout.started": { target: "playing", actions: "noteQueued" },
        "consumer.added": [
          { guard: "isQueued", target: "buffering", actions: "noteConsumer" },
          { target: "idle", actions: "noteConsumer" },
        ],
        "consumer.removed": { actions: "noteConsumerGone" },
        cleared: { actions: "noteEmpty" },
      },
    },
    closed: { type: "final" },
  },
});
