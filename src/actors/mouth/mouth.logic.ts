/** One thing to say. */
export interface Saying {
  id: number;
  text: string;
}

export interface MouthMachineInput {
  /** Sayings that may wait; one more is refused by the owner. */
  maximumQueued: number;
}

export interface MouthContext extends MouthMachineInput {
  /** The first is the one being said. */
  queue: Saying[];
  /** Why the last one was not said to its end. */
  error: unknown;
}

export type MouthEvent =
  | { type: "say"; saying: Saying }
  | { type: "interrupt" }
  /** The voice's first audio is queued. */
  | { type: "audio.started" }
  /** All of it has been played. */
  | { type: "audio.finished" }
  | { type: "audio.failed"; error: unknown }
  /** What was queued has been thrown away. */
  | { type: "audio.cleared" }
  | { type: "close" };

/** What the machine tells its owner. */
export type MouthEmitted =
  | { type: "started"; saying: Saying }
  | { type: "finished"; saying: Saying }
  /** The one being said, if any, and all that waited. */
  | { type: "interrupted"; sayings: Saying[] }
  | { type: "failed"; saying: Saying; error: unknown };

/** How long a voice may take to its first audio, in ms. */
const PREPARING_MS = 20_000;
/** How long one saying may sound, in ms. */
const SPEAKING_MS = 300_000;
/** How long the engine may take to throw the rest away, in ms. */
const INTERRUPTING_MS = 200;

type Scope = { context: MouthContext };
type EventScope = { context: MouthContext; event: MouthEvent };

export function createMouthContext({ input }: { input: MouthMachineInput }): MouthContext {
  return { ...input, queue: [], error: undefined };
}

export const preparingDeadline = () => PREPARING_MS;
export const speakingDeadline = () => SPEAKING_MS;
export const interruptingDeadline = () => INTERRUPTING_MS;

export const hasMore = ({ context }: Scope) => context.queue.length > 0;
export const hasRoom = ({ context }: Scope) => context.queue.length <= context.maximumQueued;

export function withSaying({ context, event }: EventScope): Partial<MouthContext> {
  return event.type === "say" ? { queue: [...context.queue, event.saying] } : {};
}

export const withoutFirst = ({ context }: Scope) => ({ queue: context.queue.slice(1) });
export const withoutAll = () => ({ queue: [] });

/** The error of a voice that said so or that threw. */
export function withFailure({ event }: { event: unknown }): Partial<MouthContext> {
  const { error } = event as { error?: unknown };
  return { error: error ?? new Error("The voice took too long") };
}

export const currentSaying = ({ context }: Scope): Saying => context.queue[0]!;
export const startedMessage = ({ context }: Scope) => ({
  type: "started" as const,
  saying: context.queue[0]!,
});
export const finishedMessage = ({ context }: Scope) => ({
  type: "finished" as const,
  saying: context.queue[0]!,
});
export const interruptedMessage = ({ context }: Scope) => ({
  type: "interrupted" as const,
  sayings: context.queue,
});
export const failedMessage = ({ context }: Scope) => ({
  type: "failed" as const,
  saying: context.queue[0]!,
  error: context.error,
});
