import { z } from "zod";

/** What a service says of an error by HTTP. */
export interface Problem {
  status?: string | undefined;
  code?: string | undefined;
  title?: string | undefined;
  detail?: string | undefined;
}

const MAXIMUM_CHARACTERS = 500;

const short = z
  .union([z.string(), z.number()])
  .transform((value) => String(value).slice(0, MAXIMUM_CHARACTERS))
  .optional()
  .catch(undefined);

const entrySchema = z
  .object({
    id: short,
    status: short,
    code: short,
    error: short,
    title: short,
    detail: short,
    message: short,
  })
  .transform(({ id, status, code, error, title, detail, message }) => ({
    status,
    code: code ?? id ?? error,
    title,
    detail: detail ?? message,
  }));

const listSchema = z.object({ errors: z.array(z.unknown()).min(1) });

/** The problem that a body tells of, or undefined when it tells of none. */
export function readProblem(body: string): Problem | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    const text = body.trim().slice(0, MAXIMUM_CHARACTERS);
    return text ? { detail: text } : undefined;
  }
  const list = listSchema.safeParse(value);
  const entry = entrySchema.safeParse(list.success ? list.data.errors[0] : value);
  if (!entry.success) return list.success ? {} : undefined;
  const isSaid = list.success || Object.values(entry.data).some((field) => field !== undefined);
  return isSaid ? entry.data : undefined;
}

/** Whether a body is a list of errors, which services send inside a 200 too. */
export function hasErrors(body: string): boolean {
  try {
    return listSchema.safeParse(JSON.parse(body)).success;
  } catch {
    return false;
  }
}

/** A sentence with what is known. */
export function describeProblem(what: string, status: number, problem: Problem | undefined): string {
  const words = [problem?.title, problem?.detail].filter(Boolean).join(", ") || problem?.code;
  return words ? `${what} (HTTP ${status}): ${words}` : `${what} (HTTP ${status})`;
}

/** The start of a body as text: what is longer is let go of. */
export async function readBounded(
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  maximumBytes: number,
): Promise<string> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of body) {
    pieces.push(piece.subarray(0, maximumBytes - length));
    length += piece.length;
    if (length >= maximumBytes) break;
  }
  return Buffer.concat(pieces).toString("utf8");
}
