export interface EarsMachineInput {
  /** The longest utterance, in ms; a longer one is cut. */
  maximumUtteranceMs: number;
  /** Utterances that may be in recognition at once; one more is not recognised. */
  maximumPending: number;
}

/** What a recognition is started with. */
export interface UtteranceInput {
  id: number;
  /** Where the voice begins, process-monotonic microseconds. */
  startedAtUs: number;
}

export interface EarsContext extends EarsMachineInput, UtteranceInput {
  pending: number;
}

export type EarsEvent =
  | { type: "speech.started"; timestampUs: number }
  | { type: "speech.stopped"; timestampUs: number }
  /** From the recognition of one utterance; each ends with one of these two. */
  | { type: "utterance.recognized"; id: number; text: string; durationMs: number }
  | { type: "utterance.failed"; id: number; error: unknown }
  | { type: "close" };

/** To the recognition of an utterance: no more audio. */
export type UtteranceEvent = { type: "end"; timestampUs: number };

export type EarsEmitted =
  | { type: "heard"; id: number; text: string; durationMs: number }
  | { type: "failed"; id: number; error: unknown };

type Scope = { context: EarsContext };
type EventScope = Scope & { event: EarsEvent };

export function createEarsContext({ input }: { input: EarsMachineInput }): EarsContext {
  return { ...input, id: 0, startedAtUs: 0, pending: 0 };
}

export const utteranceDeadline = ({ context }: Scope) => context.maximumUtteranceMs;
export const hasRoom = ({ context }: Scope) => context.pending < context.maximumPending;

export const isCurrentUtterance = ({ context, event }: EventScope) => idOfError(event) === context.id;

export function withUtterance({ context, event }: EventScope): Partial<EarsContext> {
  if (event.type !== "speech.started") return {};
  return { id: context.id + 1, startedAtUs: event.timestampUs, pending: context.pending + 1 };
}

export const withoutUtterance = ({ context }: Scope) => ({ pending: Math.max(0, context.pending - 1) });
export const utteranceInput = ({ context: { id, startedAtUs } }: Scope): UtteranceInput => ({
  id,
  startedAtUs,
});
export const currentActorId = ({ context }: Scope) => `utterance-${context.id}`;

export function endMessage({ event }: { event: EarsEvent }): UtteranceEvent {
  return { type: "end", timestampUs: event.type === "speech.stopped" ? event.timestampUs : 0 };
}

export function endedActorId({ event }: EventScope): string {
  return `utterance-${(event as { id?: number }).id ?? 0}`;
}

/** `xstate.error.actor.utterance-7` names the recognition that threw. */
function idOfError(event: unknown): number {
  const { type } = event as { type: string };
  return Number(type.slice(type.lastIndexOf("-") + 1));
}

export function outcomeMessage({ event }: { event: EarsEvent }): EarsEmitted {
  if (event.type === "utterance.recognized")
    return { type: "heard", id: event.id, text: event.text, durationMs: event.durationMs };
  const { error } = event as { error?: unknown };
  return { type: "failed", id: (event as { id?: number }).id ?? idOfError(event), error };
}
