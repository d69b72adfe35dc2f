import { describe, expect, it } from "vitest";
import { findMissing } from "./checkNames.ts";
import { isOpen, readNames, readTable } from "./referenceTable.ts";

const rows = readTable("docs/transports/livekit.md");
const ENTRIES = ["src/index.ts", "src/transports/livekit/index.ts", "src/stage/index.ts"];

/** The names of ours in a row: what stands in backticks. */
function namesOf(here: string): string[] {
  return [...here.matchAll(/`([^`]+)`/g)].map(([, name]) => name!);
}

describe("the table of names of the LiveKit page", () => {
  it("has one row for each name of the Python SDK, its 29 events among them, and no other", () => {
    const names = readNames("livekit-rtc-python.txt");
    expect(rows.map(({ name }) => name).toSorted()).toEqual(names.toSorted());
    expect(names.filter((name) => name.startsWith('Room.on("'))).toHaveLength(29);
  });

  it("leads to names that exist as they are written there", { timeout: 120_000 }, () => {
    const names = [...new Set(rows.filter((row) => !isOpen(row)).flatMap(({ here }) => namesOf(here)))];
    expect(names.length).toBeGreaterThan(250);
    expect(findMissing(names, ENTRIES)).toEqual([]);
  });

  it("tells names that do not exist", { timeout: 120_000 }, () => {
    const wrong = [
      "NoSuchExport",
      "noSuchFunction()",
      "LocalParticipant.noSuchMember",
      "LiveKitOptions.rtcConfiguration.noSuchOption",
      'RoomModel.on("noSuchEvent")',
      'ResamplerQuality = "none"',
    ];
    expect(findMissing(wrong, ENTRIES)).toHaveLength(wrong.length);
  });

  it("says of a row without a name of ours why, or that it comes next", () => {
    const silent = rows.filter((row) => !isOpen(row) && namesOf(row.here).length === 0);
    expect(silent.filter(({ here }) => !here.startsWith("none"))).toEqual([]);
  });
});
