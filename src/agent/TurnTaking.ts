import type { Actor, SnapshotFrom } from "xstate";
import { z } from "zod";
import { startActor, stateName, turnsMachine, watchActor } from "../actors/index.ts";
import { logger, parseOptions, TypedEvents } from "../core/index.ts";
import { everySilenceEnds, type TurnDetector } from "../speech/index.ts";
import type { Ears, Utterance } from "./Ears.ts";
import { Mouth } from "./Mouth.ts";
import type { SpeechOutput } from "./SpeechOutput.ts";

/** What {@link TurnTaking} reports. */
export type TurnTakingEvents = {
  /** Somebody has finished: answer. The text is empty when nothing was understood. */
  turn: [text: string];
  /** Somebody speaks while the mouth does; it has been interrupted. */
  bargeIn: [];
  /** `quiet`, `callerSpeaking`, `understanding`, `pausing`, `thinking`, `botSpeaking`, `yielding`, `closed`. */
  state: [state: string];
};

const optionsSchema = z.object({
  mouth: z.instanceof(Mouth, { error: "a Mouth" }),
  detector: z
    .custom<TurnDetector>((value) => typeof (value as TurnDetector | null)?.isFinished === "function", {
      error: "a TurnDetector",
    })
    .default(everySilenceEnds),
  patienceMs: z
    .number({ error: "milliseconds from 0 to 10000" })
    .min(0, "milliseconds from 0 to 10000")
    .max(10_000, "milliseconds from 0 to 10000")
    .default(900),
});

export interface TurnTakingOptions {
  mouth: Mouth<SpeechOutput>;
  /** Whether words sound finished; by default each silence ends a turn. */
  detector?: TurnDetector;
  /** How long to wait for more where they do not, in ms; 900 when left out. */
  patienceMs?: number;
}

/** From which probability on a turn is over. */
const FINISHED_FROM = 0.5;

/**
 * Says when it is the bot's turn to speak, and makes its mouth yield to whoever speaks.
 *
 * @example
 * const turns = new TurnTaking({ mouth });
 * turns.listen(ears);
 * turns.on("turn", (text) => mouth.say(answerTo(text)));
 */
export class TurnTaking extends TypedEvents<TurnTakingEvents> {
  readonly #mouth: Mouth<SpeechOutput>;
  readonly #detector: TurnDetector;
  readonly #actor: Actor<typeof turnsMachine>;
  readonly #offs = new Set<() => void>();
  #state = "quiet";

  constructor(options: TurnTakingOptions) {
    super();
    const { mouth, detector, patienceMs } = parseOptions(optionsSchema, options, "TurnTaking");
    this.#mouth = mouth;
    this.#detector = detector;
    this.#actor = startActor(turnsMachine, { id: "turns", input: { patienceMs } });
    this.#actor.on("turn", ({ text }) => this.emit("turn", text));
    this.#actor.on("bargeIn", () => this.#yield());
    watchActor<SnapshotFrom<typeof turnsMachine>>(this.#actor, ({ value }) => this.#follow(stateName(value)));
    this.#offs.add(mouth.on("state", (state) => this.#followMouth(state)));
  }

  get state(): string {
    return this.#state;
  }

  /** Takes part of these ears' owner in the conversation; gives a function that ends it. */
  listen(ears: Ears): () => void {
    const offs = [
      ears.on("speechStarted", () => this.#actor.send({ type: "caller.started" })),
      ears.on("speechStopped", () => this.#actor.send({ type: "caller.stopped" })),
      ears.on("heard", (utterance) => void this.#hear(utterance)),
      ears.on("failed", () => this.#actor.send({ type: "heard", text: "", isFinished: true })),
    ];
    const off = () => {
      for (const one of offs) one();
      this.#offs.delete(off);
    };
    this.#offs.add(off);
    return off;
  }

  close(): void {
    for (const off of [...this.#offs]) off();
    this.#actor.send({ type: "close" });
    this.removeAllListeners();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #hear({ text }: Utterance): Promise<void> {
    let isFinished = true;
    try {
      isFinished = (await this.#detector.isFinished(text)) >= FINISHED_FROM;
    } catch (error) {
      logger.warn("the turn detector failed", { error });
    }
    this.#actor.send({ type: "heard", text, isFinished });
  }

  #yield(): void {
    this.#mouth.interrupt();
    this.emit("bargeIn");
  }

  #followMouth(state: string): void {
    if (state === "silent") this.#actor.send({ type: "bot.stopped" });
    else if (state.startsWith("talking")) this.#actor.send({ type: "bot.started" });
  }

  #follow(state: string): void {
    if (state === this.#state) return;
    this.#state = state;
    this.emit("state", state);
  }
}
