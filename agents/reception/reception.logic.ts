import { GREETING, type Memory, type Reply, replyTo } from "./dialogue.ts";

export interface ReceptionContext {
  guests: number;
  reply: Reply;
  memory: Memory;
}

export type ReceptionEvent =
  /** Who is there, by the tracks of the connection. */
  | { type: "guest.joined" }
  | { type: "guest.left" }
  /** Audio of a guest comes: its connection is up, so it hears the bot too. */
  | { type: "guest.sounding" }
  /** Voice activity. */
  | { type: "speech.suspected" }
  | { type: "speech.dismissed" }
  | { type: "speech.started" }
  | { type: "speech.stopped" }
  /** It is the bot's turn: somebody has finished, or typed a line. */
  | { type: "turn"; text: string }
  /** The mouth. */
  | { type: "voice.started" }
  | { type: "voice.silent" }
  /** A command on the data channel. */
  | { type: "command.stop" }
  | { type: "command.repeat" }
  | { type: "close" };

/** How long the bot waits for the sound of who joined before it greets all the same, in ms. */
const NOTICING_MS = 2_000;
/** How long after the first sound it greets, in ms: people put their headset on. */
const SETTLING_MS = 300;
/** The longest answer, in ms. */
const TALKING_MS = 120_000;
/** How long a suspicion mutes the voice at most, in ms. */
const SUSPICION_MS = 400;

type Scope = { context: ReceptionContext };
type EventScope = Scope & { event: ReceptionEvent };

export function createReceptionContext(): ReceptionContext {
  return { guests: 0, reply: { intent: "greeting", text: GREETING }, memory: { lastReply: "" } };
}

export const noticingDeadline = () => NOTICING_MS;
export const settlingDelay = () => SETTLING_MS;
export const talkingDeadline = () => TALKING_MS;
export const suspicionDeadline = () => SUSPICION_MS;

export const isLastGuest = ({ context }: Scope) => context.guests <= 1;

export const withGuest = ({ context }: Scope) => ({ guests: context.guests + 1 });
export const withoutGuest = ({ context }: Scope) => ({ guests: Math.max(0, context.guests - 1) });

export const withGreeting = () => remember({ intent: "greeting", text: GREETING });

export function withReply({ context, event }: EventScope): Partial<ReceptionContext> {
  return remember(replyTo(event.type === "turn" ? event.text : "", context.memory));
}

export function withRepetition({ context }: Scope): Partial<ReceptionContext> {
  return remember(replyTo("repeat that", context.memory));
}

/** A courtesy such as "All right." is not what somebody wants to hear again. */
function remember(reply: Reply): Partial<ReceptionContext> {
  const isWorthRepeating = reply.intent !== "stop" && reply.intent !== "unknown";
  return isWorthRepeating ? { reply, memory: { lastReply: reply.text } } : { reply };
}
