export interface SinkMachineInput {
  /** How long it may be without its producer before it closes, in ms. */
  detachedMs: number;
}

export type SinkContext = SinkMachineInput & {
  /** Why it closed. */
  reason: string;
};

/** The states that a sink can be seen in. */
export type SinkState = "waiting" | "flowing" | "starved" | "detached" | "closed";

export type SinkEvent =
  /** A frame came while it did not flow. */
  | { type: "frame" }
  /** Its producer has nothing to play: a track without packets. */
  | { type: "starved" }
  /** It listens to a producer (again). */
  | { type: "attached" }
  /** Its producer is gone for now. */
  | { type: "detached" }
  /** Its producer never comes back. */
  | { type: "ended" }
  | { type: "close" };

export function createSinkContext({ input }: { input: SinkMachineInput }): SinkContext {
  return { ...input, reason: "" };
}

export const detachedDeadline = ({ context }: { context: SinkContext }) => context.detachedMs;
