import { assign, setup } from "xstate";
import { authorizeEffect, interruptEffect, linkEffect } from "./avatar.effects.ts";
import {
  type AvatarContext,
  type AvatarEvent,
  type AvatarMachineInput,
  authorizeDeadline,
  closeDeadline,
  configure,
  createAvatarContext,
  dialDeadline,
  driverOf,
  handshakeDeadline,
  hasToken,
  interruptDeadline,
  isFinalLoss,
  isFinalRefusal,
  isOutOfRedials,
  leave,
  outcomeOf,
  redialDelay,
  renewDelay,
  retryRenewalDelay,
  speakingDeadline,
  withAuthorizeTimeout,
  withDialTimeout,
  withError,
  withFailedRenewal,
  withHandshakeTimeout,
  withReady,
  withRedial,
  withToken,
} from "./avatar.logic.ts";

/**
 * A session with an avatar service: a token, a WebSocket, a handshake, then utterances. The token is renewed while it
 * speaks. What is lost before it was ready fails; afterwards it is dialled again with growing waits.
 */
export const avatarMachine = setup({
  types: {
    context: {} as AvatarContext,
    events: {} as AvatarEvent,
    input: {} as AvatarMachineInput,
    output: {} as { error: unknown },
    tags: {} as "resting",
  },
  actors: {
    authorize: authorizeEffect,
    renew: authorizeEffect,
    link: linkEffect,
    interrupt: interruptEffect,
  },
  delays: {
    authorizeDeadline,
    dialDeadline,
    handshakeDeadline,
    speakingDeadline,
    interruptDeadline,
    closeDeadline,
    renewDelay,
    redialDelay,
    retryRenewalDelay,
  },
  guards: { isFinalLoss, isFinalRefusal, isOutOfRedials, hasToken },
  actions: {
    noteToken: assign(withToken),
    noteReady: assign(withReady),
    noteRedial: assign(withRedial),
    noteFailedRenewal: assign(withFailedRenewal),
    noteError: assign(withError),
    noteAuthorizeTimeout: assign(withAuthorizeTimeout),
    noteDialTimeout: assign(withDialTimeout),
    noteHandshakeTimeout: assign(withHandshakeTimeout),
    forgetError: assign({ error: null }),
    configure,
    leave,
  },
}).createMachine({
  id: "avatar",
  context: createAvatarContext,
  output: outcomeOf,
  initial: "idle",
  states: {
    idle: {
      tags: "resting",
      on: { start: "authorizing", close: "closed" },
    },
    authorizing: {
      invoke: {
        id: "authorize",
        src: "authorize",
        input: driverOf,
        onDone: { target: "linked", actions: "noteToken" },
        onError: [
          { guard: "isFinalRefusal", target: "failed", actions: "noteError" },
          { target: "reconnecting", actions: "noteError" },
        ],
      },
      on: { close: { target: "closed", actions: "forgetError" } },
      after: {
        authorizeDeadline: [
          { guard: "isOutOfRedials", target: "failed", actions: "noteAuthorizeTimeout" },
          { target: "reconnecting", actions: "noteAuthorizeTimeout" },
        ],
      },
    },
    linked: {
      invoke: { id: "link", src: "link", input: driverOf },
      initial: "dialing",
      on: {
        lost: [
          { guard: "isFinalLoss", target: "failed", actions: "noteError" },
          { target: "reconnecting", actions: "noteError" },
        ],
        "xstate.error.actor.link": { target: "failed", actions: "noteError" },
        close: ".disconnecting",
      },
      states: {
        dialing: {
          on: { opened: "handshaking" },
          after: {
            dialDeadline: [
              { guard: "isOutOfRedials", target: "#avatar.failed", actions: "noteDialTimeout" },
              { target: "#avatar.reconnecting", actions: "noteDialTimeout" },
            ],
          },
        },
        handshaking: {
          entry: "configure",
          on: { confirmed: "ready" },
          after: {
            handshakeDeadline: [
              { guard: "isOutOfRedials", target: "#avatar.failed", actions: "noteHandshakeTimeout" },
              { target: "#avatar.reconnecting", actions: "noteHandshakeTimeout" },
            ],
          },
        },
        ready: {
          entry: "noteReady",
          type: "parallel",
          states: {
            speech: {
              initial: "quiet",
              states: {
                quiet: {
                  tags: "resting",
                  on: { "utterance.started": "speaking", interrupt: "interrupting" },
                },
                speaking: {
                  on: { "utterance.ended": "quiet", interrupt: "interrupting" },
                  after: { speakingDeadline: "quiet" },
                },
                interrupting: {
                  invoke: {
                    id: "interrupt",
                    src: "interrupt",
                    input: driverOf,
                    onDone: "quiet",
                    onError: "quiet",
                  },
                  on: { "utterance.started": "speaking" },
                  after: { interruptDeadline: "quiet" },
                },
              },
            },
            token: {
              initial: "fresh",
              states: {
                fresh: { tags: "resting", after: { renewDelay: "renewing" } },
                renewing: {
                  invoke: {
                    id: "renew",
                    src: "renew",
                    input: driverOf,
                    onDone: { target: "fresh", actions: "noteToken" },
                    onError: "overdue",
                  },
                  after: { authorizeDeadline: "overdue" },
                },
                overdue: {
                  entry: "noteFailedRenewal",
                  after: { retryRenewalDelay: "renewing" },
                },
              },
            },
          },
        },
        disconnecting: {
          entry: ["forgetError", "leave"],
          on: {
            lost: "#avatar.closed",
            "xstate.error.actor.link": "#avatar.closed",
            close: {},
          },
          after: { closeDeadline: "#avatar.closed" },
        },
      },
    },
    reconnecting: {
      entry: "noteRedial",
      on: { close: { target: "closed", actions: "forgetError" } },
      after: {
        redialDelay: [{ guard: "hasToken", target: "linked" }, { target: "authorizing" }],
      },
    },
    closed: { type: "final" },
    failed: { type: "final" },
  },
});
