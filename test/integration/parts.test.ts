import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";

const PARTS = new URL("../../scripts/parts.mjs", import.meta.url).href;

/** A part that prints these lines and exits with this status. */
const part = (name: string, lines: string[], status = 0) => ({
  name,
  command: ["sh", "-c", 'printf "%s\\n" "$@"; exit "$0"', `${status}`, ...lines],
});

/** What is printed after the last part has run: what people see of a long run. */
async function summaryOf(...parts: ReturnType<typeof part>[]): Promise<string[]> {
  const program = `const { runParts } = await import(${JSON.stringify(PARTS)});
    await runParts(${JSON.stringify(parts)});`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program]);
  const [output] = await Promise.all([text(child.stdout), once(child, "close")]);
  const lines = output.trimEnd().split("\n");
  return lines.slice(lines.lastIndexOf("") + 1).map((line) => line.replace(/\(\d+ s\)/, "(0 s)"));
}

describe("the summary of a run of parts", () => {
  it("names the checks of an interop suite that failed", async () => {
    const said = ["ok   joins", "FAIL hears: took longer than 60000 ms", "ok   leaves", "2 passed, 1 failed"];
    expect(await summaryOf(part("interop", said, 1), part("lint", ["nothing"]))).toEqual([
      "FAILED interop: 2 passed, 1 failed (0 s)",
      "         FAIL hears: took longer than 60000 ms",
      "ok     lint: 1 passed, 0 failed (0 s)",
      "3 passed, 1 failed",
    ]);
  });

  it("names the tests of vitest and of doctest with their errors", async () => {
    const said = [
      "\u001b[31m FAIL \u001b[39m src/a.test.ts > speech > gives up",
      "AssertionError: expected 1 to be 2",
      "⎯⎯⎯⎯ Unhandled Rejection ⎯⎯⎯⎯⎯",
      "TypeError: none of yours",
      "1: TEST CASE:  JitterBuffer orders",
      "1: src/native/engine/JitterBufferTest.cpp:12: ERROR: CHECK( 1 == 2 ) is NOT correct!",
      "      Tests  1 failed | 7 passed (8)",
    ];
    expect(await summaryOf(part("tests", said, 1))).toEqual([
      "FAILED tests: 7 passed, 1 failed (0 s)",
      "         FAIL  src/a.test.ts > speech > gives up AssertionError: expected 1 to be 2",
      "         ⎯⎯⎯⎯ Unhandled Rejection ⎯⎯⎯⎯⎯ TypeError: none of yours",
      "         1: TEST CASE:  JitterBuffer orders",
      "         1: src/native/engine/JitterBufferTest.cpp:12: ERROR: CHECK( 1 == 2 ) is NOT correct!",
      "7 passed, 1 failed",
    ]);
  });

  it("keeps to twelve and says how many more there are", async () => {
    const rows = Array.from({ length: 14 }, (_, row) => `FAIL row ${row}: gone`);
    const summary = await summaryOf(part("interop", [...rows, "0 passed, 14 failed"], 1));
    expect(summary.slice(12, 14)).toEqual(["         FAIL row 11: gone", "         and 2 more"]);
  });

  it("shows how a part ended that named no failure", async () => {
    expect(await summaryOf(part("build", ["one", "two", "three", "four", "", "five"], 2))).toEqual([
      "FAILED build: 0 passed, 1 failed (0 s)",
      ...["two", "three", "four", "five"].map((line) => `         ${line}`),
      "0 passed, 1 failed",
    ]);
  });
});
