import { describe, expect, it } from "vitest";
import { Speakers } from "./speakers.ts";

const QUIET = -127;
const LOUD = -20;

function look(speakers: Speakers, atMs: number, loudness: Record<string, number>, times = 3): void {
  for (let at = 0; at < times; at++) speakers.look(new Map(Object.entries(loudness)), atMs + at * 100);
}

describe("who spoke last", () => {
  const all = ["ann", "ben", "cat"];

  it("is whoever was loud for a while, in the order that was given", () => {
    const speakers = new Speakers();
    expect(speakers.latest(all, 2)).toEqual(["ann", "ben"]);
    look(speakers, 0, { ann: QUIET, ben: QUIET, cat: LOUD });
    expect(speakers.latest(all, 1)).toEqual(["cat"]);
    look(speakers, 1000, { ann: QUIET, ben: LOUD, cat: QUIET });
    expect(speakers.latest(all, 1)).toEqual(["ben"]);
    expect(speakers.latest(all, 2)).toEqual(["ben", "cat"]);
  });

  it("is nobody who coughed", () => {
    const speakers = new Speakers();
    look(speakers, 0, { ann: LOUD, ben: QUIET });
    look(speakers, 1000, { ann: QUIET, ben: LOUD }, 2);
    look(speakers, 1200, { ann: QUIET, ben: QUIET });
    expect(speakers.latest(["ann", "ben"], 1)).toEqual(["ann"]);
  });

  it("is forgotten once gone", () => {
    const speakers = new Speakers();
    look(speakers, 0, { ann: QUIET, ben: LOUD });
    look(speakers, 1000, { ann: QUIET });
    look(speakers, 2000, { ann: QUIET, ben: QUIET });
    expect(speakers.latest(["ann", "ben"], 1)).toEqual(["ann"]);
  });
});
