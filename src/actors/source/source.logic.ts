export interface SourceMachineInput {
  /** What the source's queue holds at most, in ms: how long playing it out can take. */
  capacityMs: number;
}

export interface SourceContext extends SourceMachineInput {
  /** Senders, mixer inputs and sinks that play it now. */
  consumers: number;
  /** Whether the queue held anything when it was last heard of. */
  isQueued: boolean;
}

/** The states that a source can be seen in. */
export type SourceState =
  | "idle"
  | "buffering"
  | "playing"
  | "draining"
  | "interrupted"
  | "detached"
  | "closed";

export type SourceEvent =
  /** Samples were queued while it did not play. */
  | { type: "written" }
  /** What is queued is the last for now: it is waited for. */
  | { type: "finished" }
  /** The queue was thrown away. */
  | { type: "cleared" }
  /** The engine: playout began. */
  | { type: "playout.started" }
  /** The engine: the queue ran empty. */
  | { type: "playout.drained" }
  | { type: "consumer.added" }
  | { type: "consumer.removed" }
  | { type: "close" };

/** How long the engine may take to begin playout before the source counts as unheard, in ms. */
const BUFFERING_MS = 500;
/** How long the engine may take to notice that its queue was thrown away, in ms. */
const INTERRUPTION_MS = 200;
/** What draining may take beyond the length of a full queue, in ms. */
const DRAINING_SLACK_MS = 1000;

type Scope = { context: SourceContext };

export function createSourceContext({ input }: { input: SourceMachineInput }): SourceContext {
  return { ...input, consumers: 0, isQueued: false };
}

export const bufferingDeadline = () => BUFFERING_MS;
export const interruptionDeadline = () => INTERRUPTION_MS;
export const drainingDeadline = ({ context }: Scope) => context.capacityMs + DRAINING_SLACK_MS;

export const isLastConsumer = ({ context }: Scope) => context.consumers <= 1;
export const hasNoConsumer = ({ context }: Scope) => context.consumers === 0;
export const isQueued = ({ context }: Scope) => context.isQueued;

export const withConsumer = ({ context }: Scope) => ({ consumers: context.consumers + 1 });
export const withoutConsumer = ({ context }: Scope) => ({ consumers: Math.max(0, context.consumers - 1) });
