import { TroupeError } from "../core/index.ts";

/** The longest text that a voice takes at once. */
const MAXIMUM_TEXT_LENGTH = 5_000;

/** Checks what is to be spoken and takes out what no voice can say. */
export function readableText(text: unknown): string {
  if (typeof text !== "string") throw TroupeError.expected("INVALID_OPTION", "text", "a string", text);
  if (text.length > MAXIMUM_TEXT_LENGTH)
    throw TroupeError.expected(
      "INVALID_OPTION",
      "text",
      `at most ${MAXIMUM_TEXT_LENGTH} characters`,
      text.length,
    );
  return text.replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, " ").trim();
}

/** Sentences one by one, so that the first can be heard while the rest is being made. */
export function splitSentences(text: string): string[] {
  return text
    .split(/(?<=[.!?])\s+/u)
    .map((sentence) => sentence.trim())
    .filter((sentence) => /[\p{L}\p{N}]/u.test(sentence));
}
