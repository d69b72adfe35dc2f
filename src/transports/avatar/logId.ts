import { nanoid } from "nanoid";

const SUFFIX_CHARACTERS = 12;

/**
 * An identifier as the service's logs have them: the time in UTC as YYYYMMDDHHMMSS, `_`, and 12 random characters.
 * Request ids are made by it.
 *
 * @example
 * generateLogId(); // "20261128151733_V1StGXR8_Z5j"
 */
export function generateLogId(at = new Date()): string {
  const time = at.toISOString().replaceAll(/[-:T]/g, "").slice(0, 14);
  return `${time}_${nanoid(SUFFIX_CHARACTERS)}`;
}
