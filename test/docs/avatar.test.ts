import { describe, expect, it } from "vitest";
import { findMissing } from "./checkNames.ts";
import { isOpen, readNames, readTable } from "./referenceTable.ts";

const rows = readTable("docs/transports/avatar.md");
const ENTRIES = ["src/transports/avatar/index.ts"];

const namesOf = (here: string) => [...here.matchAll(/`([^`]+)`/g)].map(([, name]) => name!);

describe("the table of names of the avatar page", () => {
  it("has one row for each name of the Python SDK, and no other", () => {
    expect(rows.map(({ name }) => name).toSorted()).toEqual(readNames("avatarkit-python.txt").toSorted());
  });

  it("leads to names that exist as they are written there", { timeout: 120_000 }, () => {
    const names = [...new Set(rows.flatMap(({ here }) => namesOf(here)))];
    expect(names.length).toBeGreaterThan(60);
    expect(findMissing(names, ENTRIES)).toEqual([]);
  });

  it("leaves nothing open, and says of a row without a name of ours why", () => {
    expect(rows.filter(isOpen)).toEqual([]);
    const silent = rows.filter(({ here }) => namesOf(here).length === 0);
    expect(silent.map(({ name, here }) => [name, here.slice(0, 5)])).toEqual([
      ["AvatarSDKError.raw_body", "none:"],
    ]);
  });
});
