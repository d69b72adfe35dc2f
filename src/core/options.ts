import type { z } from "zod";
import { TroupeError, type TroupeErrorCode } from "./errors.ts";

/** Fields whose texts stay out of errors, which end up in logs. */
const SECRET_FIELD = /secret|token|password|credential|key|metadata|proxy|certificate/i;

/**
 * Checks what a user passed against a schema and gives it back with defaults filled in.
 *
 * @throws TroupeError INVALID_OPTION that names the first field at fault, what was expected and what came; of a
 * field that may hold a secret only how long it is.
 */
export function parseOptions<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  what: string,
  code: TroupeErrorCode = "INVALID_OPTION",
): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const path = issue?.path.map(String).join(".") ?? "";
  const field = path ? `${what}.${path}` : what;
  let received: unknown = value;
  for (const key of issue?.path ?? [])
    received = (received as Record<PropertyKey, unknown> | undefined)?.[key];
  if (typeof received !== "string" || !SECRET_FIELD.test(field))
    throw TroupeError.expected(code, field, issue?.message ?? "a valid value", received);
  const expected = issue?.message ?? "a valid value";
  const shown = `a text of ${received.length} characters`;
  throw new TroupeError(code, `Expected ${expected} for ${field} but received ${shown}`, {
    field,
    expected,
    received: shown,
  });
}
