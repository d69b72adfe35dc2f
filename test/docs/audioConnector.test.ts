import { describe, expect, it } from "vitest";
import { findMissing } from "./checkNames.ts";
import { readNames, readTable } from "./referenceTable.ts";

const rows = readTable("docs/transports/audio-connector.md");
const ENTRIES = ["src/index.ts", "src/transports/audio-connector/index.ts"];

/** The names of ours in a row: those in backticks that begin with one of our exports. */
function namesOf(here: string): string[] {
  return [...here.matchAll(/`([A-Z]\w+[^`]*)`/g)].map(([, name]) => name!);
}

describe("the table of names of the Audio Connector page", () => {
  it("has one row for each name of the server SDK, and no other", () => {
    expect(rows.map(({ name }) => name).toSorted()).toEqual(
      readNames("vonage-audio-connector.txt").toSorted(),
    );
  });

  it("leads from every row to names that exist as they are written there", { timeout: 120_000 }, () => {
    expect(rows.filter(({ here }) => namesOf(here).length === 0)).toEqual([]);
    const names = [...new Set(rows.flatMap(({ here }) => namesOf(here)))];
    expect(findMissing(names, ENTRIES)).toEqual([]);
    expect(findMissing(["AudioConnectorInfo.noSuchField"], ENTRIES)).toHaveLength(1);
  });
});
