import { assign, setup } from "xstate";
import {
  createReceptionContext,
  isLastGuest,
  noticingDeadline,
  type ReceptionContext,
  type ReceptionEvent,
  settlingDelay,
  suspicionDeadline,
  talkingDeadline,
  withGreeting,
  withGuest,
  withoutGuest,
  withRepetition,
  withReply,
} from "./reception.logic.ts";

/** What the owner puts in place of it by `provide`. */
const effect = () => {};

/**
 * The reception. Three things go on at once: the conversation; the room tone, which is ducked while the bot
 * speaks; and the bot's voice, which falls silent at the first suspicion that somebody else speaks.
 */
export const receptionMachine = setup({
  types: {
    context: {} as ReceptionContext,
    events: {} as ReceptionEvent,
    tags: {} as "resting",
  },
  delays: { noticingDeadline, settlingDelay, talkingDeadline, suspicionDeadline },
  guards: { isLastGuest },
  actions: {
    noteGuest: assign(withGuest),
    noteGuestGone: assign(withoutGuest),
    forget: assign(createReceptionContext),
    chooseGreeting: assign(withGreeting),
    chooseReply: assign(withReply),
    chooseRepetition: assign(withRepetition),
    say: effect,
    hush: effect,
    duck: effect,
    raise: effect,
    mute: effect,
    unmute: effect,
    tellSpeech: effect,
    tellSilence: effect,
  },
}).createMachine({
  id: "reception",
  context: createReceptionContext,
  initial: "open",
  on: { close: ".closed" },
  states: {
    open: {
      type: "parallel",
      states: {
        conversation: {
          initial: "empty",
          on: {
            "guest.joined": { actions: "noteGuest" },
            "guest.left": [
              { guard: "isLastGuest", target: ".empty", actions: ["noteGuestGone", "hush"] },
              { actions: "noteGuestGone" },
            ],
            "command.stop": { actions: "hush" },
            "speech.started": { actions: "tellSpeech" },
            "speech.stopped": { actions: "tellSilence" },
          },
          states: {
            empty: {
              tags: "resting",
              entry: "forget",
              on: { "guest.joined": { target: "noticing", actions: "noteGuest" } },
            },
            noticing: {
              on: {
                "guest.sounding": "settling",
                turn: { target: "answering", actions: ["chooseReply", "say"] },
              },
              after: { noticingDeadline: { target: "greeting", actions: ["chooseGreeting", "say"] } },
            },
            settling: {
              on: { turn: { target: "answering", actions: ["chooseReply", "say"] } },
              after: { settlingDelay: { target: "greeting", actions: ["chooseGreeting", "say"] } },
            },
            greeting: {
              on: {
                "voice.silent": "attending",
                turn: { target: "answering", actions: ["chooseReply", "say"] },
              },
              after: { talkingDeadline: "attending" },
            },
            attending: {
              tags: "resting",
              on: {
                turn: { target: "answering", actions: ["chooseReply", "say"] },
                "command.repeat": { target: "answering", actions: ["chooseRepetition", "say"] },
              },
            },
            answering: {
              on: {
                "voice.silent": "attending",
                turn: { target: "answering", reenter: true, actions: ["hush", "chooseReply", "say"] },
                "command.repeat": {
                  target: "answering",
                  reenter: true,
                  actions: ["hush", "chooseRepetition", "say"],
                },
              },
              after: { talkingDeadline: "attending" },
            },
          },
        },
        roomTone: {
          initial: "raised",
          states: {
            raised: { tags: "resting", on: { "voice.started": { target: "ducked", actions: "duck" } } },
            ducked: {
              on: { "voice.silent": { target: "raised", actions: "raise" } },
              after: { talkingDeadline: { target: "raised", actions: "raise" } },
            },
          },
        },
        voice: {
          initial: "silent",
          states: {
            silent: { tags: "resting", on: { "voice.started": "sounding" } },
            sounding: {
              on: { "voice.silent": "silent", "speech.suspected": { target: "muted", actions: "mute" } },
              after: { talkingDeadline: "silent" },
            },
            muted: {
              exit: "unmute",
              on: { "speech.dismissed": "sounding", "voice.silent": "silent" },
              after: { suspicionDeadline: "sounding" },
            },
          },
        },
      },
    },
    closed: { type: "final" },
  },
});
