import { assign, emit, setup } from "xstate";
import {
  bargeInMessage,
  createTurnsContext,
  isFinished,
  patience,
  speakingDeadline,
  type TurnsContext,
  type TurnsEmitted,
  type TurnsEvent,
  type TurnsMachineInput,
  thinkingDeadline,
  turnMessage,
  understandingDeadline,
  withoutWords,
  withWords,
  yieldingDeadline,
} from "./turns.logic.ts";

/**
 * Whose turn it is. The caller always has the right of way: who speaks while the bot thinks goes on with the same
 * turn, who speaks while the bot speaks makes it yield.
 */
export const turnsMachine = setup({
  types: {
    context: {} as TurnsContext,
    events: {} as TurnsEvent,
    input: {} as TurnsMachineInput,
    emitted: {} as TurnsEmitted,
    tags: {} as "resting",
  },
  delays: {
    speakingDeadline,
    understandingDeadline,
    thinkingDeadline,
    yieldingDeadline,
    patience,
  },
  guards: { isFinished },
  actions: {
    addWords: assign(withWords),
    clearWords: assign(withoutWords),
    tellTurn: emit(turnMessage),
    tellBargeIn: emit(bargeInMessage),
  },
}).createMachine({
  id: "turns",
  context: createTurnsContext,
  initial: "quiet",
  on: { close: ".closed" },
  states: {
    quiet: {
      tags: "resting",
      entry: "clearWords",
      on: { "caller.started": "callerSpeaking", "bot.started": "botSpeaking" },
    },
    callerSpeaking: {
      on: {
        "caller.stopped": "understanding",
        // A recogniser may be done before the silence is long enough, or the utterance was cut.
        heard: { actions: "addWords" },
      },
      after: { speakingDeadline: "understanding" },
    },
    understanding: {
      on: {
        "caller.started": "callerSpeaking",
        "bot.started": "botSpeaking",
        heard: [
          { guard: "isFinished", target: "thinking", actions: "addWords" },
          { target: "pausing", actions: "addWords" },
        ],
      },
      after: { understandingDeadline: "quiet" },
    },
    pausing: {
      on: { "caller.started": "callerSpeaking", "bot.started": "botSpeaking" },
      after: { patience: "thinking" },
    },
    thinking: {
      entry: "tellTurn",
      on: { "caller.started": "callerSpeaking", "bot.started": "botSpeaking", "bot.stopped": "quiet" },
      after: { thinkingDeadline: "quiet" },
    },
    botSpeaking: {
      entry: "clearWords",
      on: {
        "bot.stopped": "quiet",
        "caller.started": "yielding",
      },
      after: { speakingDeadline: "quiet" },
    },
    yielding: {
      entry: "tellBargeIn",
      on: { "bot.stopped": "callerSpeaking", "caller.stopped": "understanding" },
      after: { yieldingDeadline: "callerSpeaking" },
    },
    closed: { type: "final" },
  },
});
