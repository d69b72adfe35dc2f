import type { StateValue } from "xstate";

/**
 * A state's path as text: `connecting.dialing`; regions of a parallel state in parentheses:
 * `connected(signalling.webSocket, media.flowing)`.
 */
export function stateName(value: StateValue): string {
  if (typeof value === "string") return value;
  const entries = Object.entries(value).filter(
    (entry): entry is [string, StateValue] => entry[1] !== undefined,
  );
  return entries.length === 1 ? nested(entries[0]!) : entries.map(nested).join(", ");
}

function nested([name, value]: [string, StateValue]): string {
  if (typeof value !== "string" && Object.keys(value).length > 1) return `${name}(${stateName(value)})`;
  const inner = stateName(value);
  return inner ? `${name}.${inner}` : name;
}
