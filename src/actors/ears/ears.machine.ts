import { assign, emit, fromCallback, sendTo, setup, spawnChild, stopChild } from "xstate";
import {
  createEarsContext,
  currentActorId,
  type EarsContext,
  type EarsEmitted,
  type EarsEvent,
  type EarsMachineInput,
  endedActorId,
  endMessage,
  hasRoom,
  isCurrentUtterance,
  outcomeMessage,
  type UtteranceEvent,
  type UtteranceInput,
  utteranceDeadline,
  utteranceInput,
  withoutUtterance,
  withUtterance,
} from "./ears.logic.ts";

/**
 * Stands where `provide({ actors: { recognize } })` puts the recogniser of one utterance. It takes audio by
 * itself until it gets `end`, bounds its own time, and reports `utterance.recognized` or `utterance.failed`.
 */
const missingRecognizer = fromCallback<UtteranceEvent, UtteranceInput>(() => {
  throw new Error("no recogniser was provided");
});

/** Cuts what is heard into utterances, and has each recognised while it already listens for the next. */
export const earsMachine = setup({
  types: {
    context: {} as EarsContext,
    events: {} as EarsEvent,
    input: {} as EarsMachineInput,
    emitted: {} as EarsEmitted,
    tags: {} as "resting",
  },
  actors: { recognize: missingRecognizer },
  delays: { utteranceDeadline },
  guards: { hasRoom, isCurrentUtterance },
  actions: {
    noteUtterance: assign(withUtterance),
    noteOutcome: assign(withoutUtterance),
    startRecognition: spawnChild("recognize", { id: currentActorId, input: utteranceInput }),
    endUtterance: sendTo(currentActorId, endMessage),
    dropRecognition: stopChild(endedActorId),
    tellOutcome: emit(outcomeMessage),
  },
}).createMachine({
  id: "ears",
  context: createEarsContext,
  initial: "listening",
  on: {
    "utterance.recognized": { actions: ["noteOutcome", "tellOutcome", "dropRecognition"] },
    "utterance.failed": { actions: ["noteOutcome", "tellOutcome", "dropRecognition"] },
    "xstate.error.actor.*": { actions: ["noteOutcome", "tellOutcome"] },
    close: ".closed",
  },
  states: {
    listening: {
      tags: "resting",
      on: {
        "speech.started": {
          guard: "hasRoom",
          target: "hearing",
          actions: ["noteUtterance", "startRecognition"],
        },
      },
    },
    hearing: {
      on: {
        "speech.stopped": { target: "listening", actions: "endUtterance" },
        "xstate.error.actor.*": [
          { guard: "isCurrentUtterance", target: "listening", actions: ["noteOutcome", "tellOutcome"] },
          { actions: ["noteOutcome", "tellOutcome"] },
        ],
      },
      after: { utteranceDeadline: { target: "listening", actions: "endUtterance" } },
    },
    closed: { type: "final" },
  },
});
