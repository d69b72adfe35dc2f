import { z } from "zod";
import type { MemberIdentity } from "./notify.ts";

const rule = z.looseObject({
  field: z.enum(["connection_id", "client_id", "kind"]),
  operator: z.enum(["is_in", "is_not_in"]),
  values: z.array(z.string().max(255)).max(1000),
});

/** A `forwarding_filter` of a client's connect. */
export const forwardingFilterSchema = z.looseObject({
  name: z.string().max(255).optional(),
  priority: z.int().default(0),
  action: z.enum(["block", "allow"]).default("block"),
  rules: z.array(z.array(rule).max(100)).max(100),
});

export type ForwardingFilter = z.output<typeof forwardingFilterSchema>;

/**
 * Whether media of `kind` from `sender` goes to the member with these filters. They are asked in the order of
 * their priorities; the first with a matching group of rules decides. Where none matches, what `allow` filters do
 * not name stays out.
 */
export function isForwarded(
  filters: readonly ForwardingFilter[],
  sender: MemberIdentity,
  kind: "audio" | "video",
): boolean {
  const fields = { connection_id: sender.connectionId, client_id: sender.clientId, kind };
  const ordered = filters.toSorted((one, other) => one.priority - other.priority);
  const deciding = ordered.find(({ rules }) =>
    rules.some((group) =>
      group.every(({ field, operator, values }) => values.includes(fields[field]) === (operator === "is_in")),
    ),
  );
  return deciding ? deciding.action === "allow" : !filters.some(({ action }) => action === "allow");
}
