export interface TurnsMachineInput {
  /** How long to wait for more when the words do not sound finished, in ms. */
  patienceMs: number;
}

export interface TurnsContext extends TurnsMachineInput {
  /** What the caller has said in the running turn. */
  text: string;
}

export type TurnsEvent =
  | { type: "caller.started" }
  | { type: "caller.stopped" }
  /** What was recognised, and whether it sounds like the end of a turn. Empty when nothing was understood. */
  | { type: "heard"; text: string; isFinished: boolean }
  | { type: "bot.started" }
  /** The bot has nothing more to say: it finished, was interrupted, or failed. */
  | { type: "bot.stopped" }
  | { type: "close" };

export type TurnsEmitted =
  /** The caller has finished: answer. */
  | { type: "turn"; text: string }
  /** The caller speaks while the bot does: stop it. */
  | { type: "bargeIn" };

/** The longest turn of either side, in ms. */
const SPEAKING_MS = 300_000;
/** How long recognition may take, in ms. */
const UNDERSTANDING_MS = 12_000;
/** How long the bot may take to begin its answer, in ms. */
const THINKING_MS = 30_000;
/** How long the bot may take to fall silent, in ms. */
const YIELDING_MS = 400;

type Scope = { context: TurnsContext };
type EventScope = Scope & { event: TurnsEvent };

export function createTurnsContext({ input }: { input: TurnsMachineInput }): TurnsContext {
  return { ...input, text: "" };
}

export const speakingDeadline = () => SPEAKING_MS;
export const understandingDeadline = () => UNDERSTANDING_MS;
export const thinkingDeadline = () => THINKING_MS;
export const yieldingDeadline = () => YIELDING_MS;
export const patience = ({ context }: Scope) => context.patienceMs;

export const isFinished = ({ event }: EventScope) => event.type === "heard" && event.isFinished;

export function withWords({ context, event }: EventScope): Partial<TurnsContext> {
  return event.type === "heard" ? { text: `${context.text} ${event.text}`.trim() } : {};
}

export const withoutWords = () => ({ text: "" });
export const turnMessage = ({ context }: Scope) => ({ type: "turn" as const, text: context.text });
export const bargeInMessage = () => ({ type: "bargeIn" as const });
