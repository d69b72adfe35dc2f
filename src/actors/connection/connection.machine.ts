import { assign, setup, spawnChild, stopChild } from "xstate";
import { trackMachine } from "../track/track.machine.ts";
import { attemptEffect, leaveEffect } from "./connection.effects.ts";
import {
  attemptDeadline,
  type ConnectionContext,
  type ConnectionEvent,
  type ConnectionMachineInput,
  canReconnect,
  canResume,
  createConnectionContext,
  detachTracks,
  dialDeadline,
  dialInput,
  type Ending,
  endedActorId,
  endingOf,
  isKnownTrack,
  isPermanent,
  leaveDeadline,
  leaveInput,
  NEVER_REDIALED,
  negotiateDeadline,
  reconnectDeadline,
  redialDelay,
  redialInput,
  removeTrack,
  resumeInput,
  secureDeadline,
  stallDeadline,
  switchDeadline,
  withDialTimeout,
  withDriverError,
  withFarewell,
  withLeaveTimeout,
  withLoss,
  withNegotiateTimeout,
  withoutFarewell,
  withoutTrack,
  withReconnectTimeout,
  withRedial,
  withRedialBegun,
  withSecureTimeout,
  withStall,
  withTrack,
} from "./connection.logic.ts";

/** Where a new attempt that fails leads while the connection reconnects. */
const FAILED_ATTEMPT = {
  "attempt.failed": [
    { guard: "isPermanent", target: "#connection.failed", actions: "noteLoss" },
    { target: "waiting", actions: "noteLoss" },
  ],
  "signalling.lost": { target: "waiting", actions: "noteLoss" },
  "transport.lost": { target: "waiting", actions: "noteLoss" },
  "xstate.error.actor.attempt": { target: "waiting", actions: "noteDriverError" },
} as const;

/**
 * A connection over any transport. Its driver does the work and reports; this machine decides what a loss
 * means (resume, redial, give up), and owns an actor per track. Attempts are actors: stopping one aborts it.
 */
export const connectionMachine = setup({
  types: {
    context: {} as ConnectionContext,
    events: {} as ConnectionEvent,
    input: {} as ConnectionMachineInput,
    output: {} as Ending,
    tags: {} as "resting",
  },
  actors: { track: trackMachine, attempt: attemptEffect, leave: leaveEffect },
  delays: {
    dialDeadline,
    negotiateDeadline,
    secureDeadline,
    attemptDeadline,
    reconnectDeadline,
    leaveDeadline,
    stallDeadline,
    switchDeadline,
    redialDelay,
  },
  guards: { canReconnect, canResume, isPermanent, isKnownTrack },
  actions: {
    startDialing: spawnChild("attempt", { id: "attempt", input: dialInput }),
    startRedialing: spawnChild("attempt", { id: "attempt", input: redialInput }),
    startResuming: spawnChild("attempt", { id: "attempt", input: resumeInput }),
    dropAttempt: stopChild("attempt"),
    addTrack: assign(withTrack),
    removeTrack,
    detachTracks,
    dropTrackActor: stopChild(endedActorId),
    forgetTrack: assign(withoutTrack),
    noteLoss: assign(withLoss),
    noteDriverError: assign(withDriverError),
    noteFarewell: assign(withFarewell),
    noteNoFarewell: assign(withoutFarewell),
    noteStall: assign(withStall),
    noteRedial: assign(withRedial),
    noteRedialBegun: assign(withRedialBegun),
    noteJoin: assign({ ...NEVER_REDIALED, code: 0, reason: "", error: null }),
    noteDialTimeout: assign(withDialTimeout),
    noteNegotiateTimeout: assign(withNegotiateTimeout),
    noteSecureTimeout: assign(withSecureTimeout),
    noteReconnectTimeout: assign(withReconnectTimeout),
    noteLeaveTimeout: assign(withLeaveTimeout),
  },
}).createMachine({
  id: "connection",
  context: createConnectionContext,
  output: endingOf,
  initial: "idle",
  on: {
    publish: { actions: "addTrack" },
    unpublish: { actions: "removeTrack" },
    "track.added": [{ guard: "isKnownTrack" }, { actions: "addTrack" }],
    "track.removed": { actions: "removeTrack" },
    "xstate.done.actor.*": { actions: ["forgetTrack", "dropTrackActor"] },
    "xstate.error.actor.*": { actions: ["forgetTrack", "dropTrackActor"] },
  },
  states: {
    idle: {
      tags: "resting",
      on: { connect: "connecting", disconnect: { target: "disconnected", actions: "noteLoss" } },
    },
    connecting: {
      entry: "startDialing",
      initial: "dialing",
      on: {
        joined: "connected",
        "attempt.failed": { target: "failed", actions: "noteLoss" },
        "signalling.lost": { target: "failed", actions: "noteLoss" },
        "transport.lost": { target: "failed", actions: "noteLoss" },
        "remote.closed": { target: "failed", actions: "noteLoss" },
        "xstate.error.actor.attempt": { target: "failed", actions: "noteDriverError" },
        disconnect: { target: "disconnecting", actions: "noteLoss" },
      },
      states: {
        dialing: {
          on: {
            "signalling.open": "negotiating",
            disconnect: { target: "#connection.disconnected", actions: "noteLoss" },
          },
          after: { dialDeadline: { target: "#connection.failed", actions: "noteDialTimeout" } },
        },
        negotiating: {
          on: { negotiated: "securing" },
          after: { negotiateDeadline: { target: "#connection.failed", actions: "noteNegotiateTimeout" } },
        },
        securing: {
          after: { secureDeadline: { target: "#connection.failed", actions: "noteSecureTimeout" } },
        },
      },
    },
    connected: {
      type: "parallel",
      entry: "noteJoin",
      on: {
        "signalling.lost": [
          { guard: "canResume", target: "reconnecting.resuming", actions: "noteLoss" },
          { guard: "canReconnect", target: "reconnecting", actions: "noteLoss" },
          { target: "disconnected", actions: "noteLoss" },
        ],
        "transport.lost": [
          { guard: "canResume", target: "reconnecting.resuming", actions: "noteLoss" },
          { guard: "canReconnect", target: "reconnecting", actions: "noteLoss" },
          { target: "disconnected", actions: "noteLoss" },
        ],
        "attempt.failed": [
          { guard: "isPermanent", target: "failed", actions: "noteLoss" },
          { guard: "canReconnect", target: "reconnecting", actions: "noteLoss" },
          { target: "failed", actions: "noteLoss" },
        ],
        "xstate.error.actor.attempt": [
          { guard: "canReconnect", target: "reconnecting", actions: "noteDriverError" },
          { target: "failed", actions: "noteDriverError" },
        ],
        "remote.closed": { target: "disconnected", actions: "noteLoss" },
        disconnect: { target: "disconnecting", actions: "noteLoss" },
      },
      states: {
        signalling: {
          initial: "webSocket",
          states: {
            webSocket: {
              tags: "resting",
              on: { "signalling.switching": "switching", "signalling.switched": "dataChannel" },
            },
            switching: {
              on: { "signalling.switched": "dataChannel" },
              after: { switchDeadline: "webSocket" },
            },
            dataChannel: { tags: "resting" },
          },
        },
        media: {
          initial: "flowing",
          states: {
            flowing: { tags: "resting", on: { "media.stalled": "stalled" } },
            stalled: {
              on: { "media.flowing": "flowing" },
              after: {
                stallDeadline: [
                  { guard: "canReconnect", target: "#connection.reconnecting", actions: "noteStall" },
                  { target: "#connection.disconnected", actions: "noteStall" },
                ],
              },
            },
          },
        },
      },
    },
    reconnecting: {
      entry: "dropAttempt",
      initial: "waiting",
      on: {
        joined: "connected",
        "remote.closed": { target: "disconnected", actions: "noteLoss" },
        disconnect: { target: "disconnected", actions: "noteLoss" },
      },
      after: { reconnectDeadline: { target: "failed", actions: "noteReconnectTimeout" } },
      states: {
        resuming: {
          // The tracks stay attached: what the driver kept may go on flowing all the while.
          entry: "startResuming",
          on: FAILED_ATTEMPT,
          after: { attemptDeadline: "waiting" },
        },
        waiting: {
          // What a failed attempt had attached already is gone with it.
          entry: ["dropAttempt", "detachTracks", "noteRedial"],
          after: { redialDelay: "redialing" },
        },
        redialing: {
          entry: ["noteRedialBegun", "startRedialing"],
          on: FAILED_ATTEMPT,
          after: { attemptDeadline: "waiting" },
        },
      },
    },
    disconnecting: {
      invoke: {
        id: "leave",
        src: "leave",
        input: leaveInput,
        onDone: { target: "disconnected", actions: "noteFarewell" },
        onError: { target: "disconnected", actions: "noteNoFarewell" },
      },
      after: { leaveDeadline: { target: "disconnected", actions: "noteLeaveTimeout" } },
    },
    disconnected: { entry: "dropAttempt", type: "final" },
    failed: { entry: "dropAttempt", type: "final" },
  },
});
