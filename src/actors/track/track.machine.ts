import { assign, setup } from "xstate";
import {
  attachDeadline,
  createTrackContext,
  detachedDeadline,
  isMuted,
  isOutgoing,
  reasonOf,
  type TrackContext,
  type TrackEvent,
  type TrackMachineInput,
  withMuting,
  withRemoval,
} from "./track.logic.ts";

/**
 * One track of a connection. It waits for what carries it, lives, and over a reconnect is `detached` until it
 * is carried again or its deadline ends it. `stalled` is a sender that is silent: it may stay so for ever.
 */
export const trackMachine = setup({
  types: {
    context: {} as TrackContext,
    events: {} as TrackEvent,
    input: {} as TrackMachineInput,
    output: {} as { reason: string },
    tags: {} as "resting",
  },
  delays: { attachDeadline, detachedDeadline },
  guards: { isOutgoing, isMuted },
  actions: {
    noteMuting: assign(withMuting),
    noteRemoval: assign(withRemoval),
    noteUnanswered: assign({ reason: "nothing carried it in time" }),
    noteAbsence: assign({ reason: "it stayed away after a reconnect" }),
  },
}).createMachine({
  id: "track",
  context: createTrackContext,
  output: reasonOf,
  initial: "opening",
  on: {
    muted: { actions: "noteMuting" },
    unmuted: { actions: "noteMuting" },
    removed: { target: ".ended", actions: "noteRemoval" },
  },
  states: {
    opening: { always: [{ guard: "isOutgoing", target: "publishing" }, { target: "subscribing" }] },
    subscribing: {
      on: { attached: "attaching", detached: "detached" },
      after: { attachDeadline: { target: "ended", actions: "noteUnanswered" } },
    },
    publishing: {
      on: { attached: "attaching" },
      after: { attachDeadline: { target: "ended", actions: "noteUnanswered" } },
    },
    attaching: { always: [{ guard: "isMuted", target: "muted" }, { target: "live" }] },
    live: {
      tags: "resting",
      on: {
        detached: "detached",
        muted: { target: "muted", actions: "noteMuting" },
        "flow.stalled": "stalled",
      },
    },
    muted: {
      tags: "resting",
      on: { detached: "detached", unmuted: { target: "live", actions: "noteMuting" } },
    },
    stalled: {
      tags: "resting",
      on: {
        detached: "detached",
        muted: { target: "muted", actions: "noteMuting" },
        "flow.flowing": "live",
      },
    },
    detached: {
      on: { attached: "attaching" },
      after: { detachedDeadline: { target: "ended", actions: "noteAbsence" } },
    },
    ended: { type: "final" },
  },
});
