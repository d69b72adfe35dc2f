import { describe, expect, it } from "vitest";
import { createActor, SimulatedClock } from "xstate";
import { GREETING, replyTo } from "./dialogue.ts";
import type { ReceptionEvent } from "./reception.logic.ts";
import { receptionMachine } from "./reception.machine.ts";

function start() {
  const done: string[] = [];
  const note = (name: string) => () => void done.push(name);
  const machine = receptionMachine.provide({
    actions: {
      say: ({ context }) => done.push(`say ${context.reply.text}`),
      hush: note("hush"),
      duck: note("duck"),
      raise: note("raise"),
      mute: note("mute"),
      unmute: note("unmute"),
    },
  });
  const clock = new SimulatedClock();
  const actor = createActor(machine, { clock }).start();
  const pass = (ms: number) => {
    for (let at = 0; at < ms; at += 10) clock.increment(10);
  };
  const send = (...events: (ReceptionEvent["type"] | ReceptionEvent)[]) => {
    for (const event of events)
      actor.send(typeof event === "string" ? ({ type: event } as ReceptionEvent) : event);
  };
  const state = () => (actor.getSnapshot().value as { open: Record<string, string> }).open;
  return { done, pass, send, state };
}

const turn = (text: string): ReceptionEvent => ({ type: "turn", text });

describe("the reception", () => {
  it("greets who comes, and forgets who leaves", () => {
    const { done, pass, send, state } = start();
    send("guest.joined");
    expect(state().conversation).toBe("noticing");
    pass(1_900);
    send("guest.sounding");
    pass(200);
    expect(done).toEqual([]);
    pass(100);
    expect(done).toEqual([`say ${GREETING}`]);
    send("voice.started", "voice.silent");
    expect(state().conversation).toBe("attending");
    send("guest.joined", "guest.left");
    expect(state().conversation).toBe("attending");
    send("guest.left");
    expect(state().conversation).toBe("empty");
    expect(done).toContain("hush");
  });

  it("greets who stays silent after a while, and nobody who speaks first", () => {
    const silent = start();
    silent.send("guest.joined");
    silent.pass(2_000);
    expect(silent.done).toEqual([`say ${GREETING}`]);
    const eager = start();
    eager.send("guest.joined", "guest.sounding", turn("a coffee"));
    eager.pass(5_000);
    expect(eager.done).toEqual(["say One coffee. That is three euros."]);
  });

  it("ducks the room tone while it speaks", () => {
    const { done, send } = start();
    send("guest.joined", turn("a coffee"), "voice.started");
    expect(done.at(-1)).toBe("duck");
    send("voice.silent");
    expect(done.at(-1)).toBe("raise");
  });

  it("falls silent at a suspicion and comes back when it was nothing", () => {
    const { done, pass, send, state } = start();
    send("guest.joined", turn("a coffee"), "voice.started", "speech.suspected");
    expect(done.at(-1)).toBe("mute");
    send("speech.dismissed");
    expect(done.at(-1)).toBe("unmute");
    expect(state().voice).toBe("sounding");
    send("speech.suspected");
    pass(400);
    expect(state().voice).toBe("sounding");
    send("speech.suspected", "speech.started", "voice.silent");
    expect(state()).toEqual({ conversation: "attending", roomTone: "raised", voice: "silent" });
    expect(done.slice(-2).sort()).toEqual(["raise", "unmute"]);
  });

  it("obeys commands", () => {
    const { done, send } = start();
    send("guest.joined", turn("two coffees"), "voice.started", "voice.silent", "command.repeat");
    expect(done.filter((what) => what.startsWith("say"))).toEqual([
      "say Two coffees. That is six euros.",
      "say Two coffees. That is six euros.",
    ]);
    send("command.stop");
    expect(done.at(-1)).toBe("hush");
  });

  it("does not talk for ever", () => {
    const { pass, send, state } = start();
    send("guest.joined", turn("a coffee"), "voice.started");
    pass(120_000);
    expect(state()).toEqual({ conversation: "attending", roomTone: "raised", voice: "silent" });
  });
});

describe("the dialogue", () => {
  it("takes orders", () => {
    const memory = { lastReply: "" };
    expect(replyTo("I would like two coffees and a green tea, please.", memory)).toEqual({
      intent: "order",
      text: "Two coffees and one green tea. That is eight euros.",
    });
    expect(replyTo("six croissants and a coffee", memory).text).toContain("twenty seven euros");
    expect(replyTo("three croissants", memory).text).toContain("twelve euros");
  });

  it("knows what else people say", () => {
    const memory = { lastReply: "Six euros." };
    const intents = {
      "what are your opening hours": "hours",
      "when do you close": "hours",
      "say that again": "repeat",
      "please stop": "stop",
      "thank you goodbye": "goodbye",
      "thank you very much": "thanks",
      "good morning": "greeting",
      "": "unknown",
      "the weather": "unknown",
    };
    for (const [text, intent] of Object.entries(intents)) expect(replyTo(text, memory).intent).toBe(intent);
    expect(replyTo("repeat that", memory).text).toBe("Six euros.");
  });
});
