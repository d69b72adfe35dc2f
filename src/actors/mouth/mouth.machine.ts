import { assign, emit, fromCallback, setup } from "xstate";
import {
  createMouthContext,
  currentSaying,
  failedMessage,
  finishedMessage,
  hasMore,
  hasRoom,
  interruptedMessage,
  interruptingDeadline,
  type MouthContext,
  type MouthEmitted,
  type MouthEvent,
  type MouthMachineInput,
  preparingDeadline,
  type Saying,
  speakingDeadline,
  startedMessage,
  withFailure,
  withoutAll,
  withoutFirst,
  withSaying,
} from "./mouth.logic.ts";

/** Stands where `provide({ actors: { speak } })` puts the voice. It reports `audio.*`; stopping it silences it. */
const missingVoice = fromCallback<MouthEvent, Saying>(() => {
  throw new Error("no voice was provided");
});

/** What a bot says, one saying after another. An interruption drops all that is left. */
export const mouthMachine = setup({
  types: {
    context: {} as MouthContext,
    events: {} as MouthEvent,
    input: {} as MouthMachineInput,
    emitted: {} as MouthEmitted,
    tags: {} as "resting",
  },
  actors: { speak: missingVoice },
  delays: { preparingDeadline, speakingDeadline, interruptingDeadline },
  guards: { hasMore, hasRoom },
  actions: {
    enqueueSaying: assign(withSaying),
    dropFirst: assign(withoutFirst),
    dropAll: assign(withoutAll),
    noteFailure: assign(withFailure),
    tellStarted: emit(startedMessage),
    tellFinished: emit(finishedMessage),
    tellFailed: emit(failedMessage),
    tellInterrupted: emit(interruptedMessage),
  },
}).createMachine({
  id: "mouth",
  context: createMouthContext,
  initial: "silent",
  on: {
    say: { guard: "hasRoom", actions: "enqueueSaying" },
    close: { target: ".closed", actions: ["tellInterrupted", "dropAll"] },
  },
  states: {
    silent: {
      tags: "resting",
      on: { say: { target: "talking", actions: "enqueueSaying" } },
    },
    choosing: { always: [{ guard: "hasMore", target: "talking" }, { target: "silent" }] },
    talking: {
      invoke: { id: "speak", src: "speak", input: currentSaying },
      on: {
        interrupt: { target: "interrupting", actions: ["tellInterrupted", "dropAll"] },
        "audio.finished": { target: "choosing", actions: ["tellFinished", "dropFirst"] },
        "audio.failed": { target: "choosing", actions: ["noteFailure", "tellFailed", "dropFirst"] },
        "xstate.error.actor.speak": {
          target: "choosing",
          actions: ["noteFailure", "tellFailed", "dropFirst"],
        },
      },
      initial: "preparing",
      states: {
        preparing: {
          on: { "audio.started": { target: "speaking", actions: "tellStarted" } },
          after: {
            preparingDeadline: {
              target: "#mouth.choosing",
              actions: ["noteFailure", "tellFailed", "dropFirst"],
            },
          },
        },
        speaking: {
          after: {
            speakingDeadline: {
              target: "#mouth.choosing",
              actions: ["noteFailure", "tellFailed", "dropFirst"],
            },
          },
        },
      },
    },
    interrupting: {
      on: { "audio.cleared": "choosing" },
      after: { interruptingDeadline: "choosing" },
    },
    closed: { type: "final" },
  },
});
