import { describe, expect, it } from "vitest";
import { identifiersOf, isOpen, readNames, readTable, wordsOf } from "./referenceTable.ts";

const rows = readTable("docs/transports/sora.md");

describe("the table of names of the Sora page", () => {
  it("has one row for each name of the Python SDK, and no other", () => {
    expect(rows.map(({ name }) => name).toSorted()).toEqual(readNames("sora-python-sdk.txt").toSorted());
  });

  it("leads to names that are in the code", () => {
    const words = wordsOf("src/transports/sora", "src/connection", "src/media", "src/webrtc");
    const astray = rows
      .filter((row) => !isOpen(row))
      .flatMap((row) => identifiersOf(row).map((identifier) => ({ row: row.name, identifier })))
      .filter(({ identifier }) => !words.has(identifier) && !["for", "await", "new"].includes(identifier));
    expect(astray).toEqual([]);
  });

  it("says of a row without a name of ours that it comes next", () => {
    const silent = rows.filter((row) => !isOpen(row) && identifiersOf(row).length === 0);
    expect(silent.map(({ name }) => name)).toEqual(["SoraMediaTrack.enabled"]);
  });
});
