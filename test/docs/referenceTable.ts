// Reads the tables of names in docs/transports, for the tests that hold them against the references and the code.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");

export interface NameRow {
  /** As the reference has it: `Class.member`. */
  name: string;
  /** What the page says of it. */
  here: string;
}

/** The rows of the tables of names in a section of a page: those whose first column is one name in backticks. */
export function readTable(page: string, section = "Names"): NameRow[] {
  const text = readFileSync(join(root, page), "utf8");
  const begin = text.indexOf(`\n## ${section}\n`);
  if (begin < 0) throw new Error(`${page} has no section ${section}`);
  const names = text.slice(begin);
  const end = names.indexOf("\n## ", 4);
  return [...names.slice(0, end < 0 ? undefined : end).matchAll(/^\| `([^`]+)` \| (.*) \|$/gm)].map(
    ([, name, here]) => ({ name: name!, here: here! }),
  );
}

/** A list of the names of a reference, one a line. */
export function readNames(file: string): string[] {
  return readFileSync(join(root, "test/docs/names", file), "utf8")
    .trim()
    .split("\n");
}

/** Whether a row leads nowhere yet. */
export function isOpen({ here }: NameRow): boolean {
  return /^(next|not yet)\b/.test(here);
}

/** The identifiers in backticks that a row leads to: of `audio.opusParams` its two parts. */
export function identifiersOf({ here }: NameRow): string[] {
  return [...here.matchAll(/`([^`]+)`/g)].flatMap(([, code]) => code!.match(/[A-Za-z_$][\w$-]*/g) ?? []);
}

/** Every word in the sources under a folder, their tests left out. */
export function wordsOf(...folders: string[]): Set<string> {
  const words = new Set<string>();
  for (const folder of folders) {
    for (const entry of readdirSync(join(root, folder), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !entry.name.endsWith(".ts") || entry.name.endsWith(".test.ts")) continue;
      const text = readFileSync(join(entry.parentPath, entry.name), "utf8");
      for (const word of text.match(/[A-Za-z_$][\w$-]*/g) ?? []) words.add(word);
    }
  }
  return words;
}
