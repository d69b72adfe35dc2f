// Runs named commands one after another, counts what their closing lines say, and closes with one line of its own.
import { spawn, spawnSync } from "node:child_process";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** How many failures of a part its summary names, and how much of each. */
const NAMED_FAILURES = 12;
const NAMED_LENGTH = 300;
/** What stands in for them where a failed part named none: the end of what it said. */
const LAST_LINES = 4;

/** How the tools that run here begin the line that names a failure. */
const FAILURES = [
  // The interop suites, vitest, the leak test and the benches; what no test of vitest caught.
  /^(?:FAIL|FAILED)\s/,
  /^⎯+ Unhandled (?!Errors)/,
  /^fuzz: \w+ FAILED/,
  // doctest by way of ctest, and sanitizers.
  /^(?:\d+: )?(?:TEST CASE: |\S+: (?:FATAL )?ERROR: |==\d+==ERROR: )/,
  /: runtime error: /,
  // TypeScript.
  /: error TS\d+: /,
];

/** Brings the clone to the state that `level` (run, test or ci) needs; ends the process when that fails. */
export function runSetup(level) {
  const result = spawnSync(process.execPath, [join(root, "scripts/setup.mjs"), "--for", level], {
    stdio: "inherit",
  });
  if (result.status !== 0) {
    process.stdout.write("0 passed, 1 failed\n");
    process.exit(1);
  }
}

/**
 * Runs the parts in order, every one of them. A part that exits non-zero has at least one failure; one that
 * skipped a test has failed too; one that prints no count is one test. The summary names what failed, since it is at
 * the end of a long output, of which often nothing else is kept.
 *
 * @param parts [{ name, command: [program, ...arguments], before?: () => void }]; an array among them holds parts that
 *   run side by side, for what needs one core each and measures no time
 * @returns how many tests failed in all
 */
export async function runParts(parts) {
  const table = [];
  for (const group of parts.map((part) => [part].flat())) {
    for (const { name, command } of group) process.stdout.write(`\n=== ${name}: ${command.join(" ")}\n`);
    table.push(...(await Promise.all(group.map(runPart))));
  }
  process.stdout.write("\n");
  for (const { name, passed, failed, seconds, failures } of table) {
    const verdict = failed === 0 ? "ok    " : "FAILED";
    process.stdout.write(
      `${verdict} ${name}: ${passed} passed, ${failed} failed (${seconds.toFixed(0)} s)\n`,
    );
    for (const line of failures) process.stdout.write(`         ${line}\n`);
  }
  const [passed, failed] = table.reduce((sums, part) => add(sums, [part.passed, part.failed]), [0, 0]);
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  return failed;
}

async function runPart({ name, command, before }) {
  before?.();
  const began = Date.now();
  const { status, output } = await runShown(command);
  const count = countOf(output, status);
  const failures = count.failed === 0 ? [] : failuresIn(output);
  return { name, ...count, seconds: (Date.now() - began) / 1000, failures };
}

function runShown([program, ...programArguments]) {
  const path = [join(root, "node_modules/.bin"), process.env.PATH].join(delimiter);
  const child = spawn(program, programArguments, {
    cwd: root,
    env: { ...process.env, PATH: path },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const show = (stream) => (chunk) => {
    stream.write(chunk);
    output = (output + chunk).slice(-200_000);
  };
  child.stdout.on("data", show(process.stdout));
  child.stderr.on("data", show(process.stderr));
  return new Promise((resolve) => {
    child.on("error", (error) => resolve({ status: 127, output: error.message }));
    child.on("close", (status) => resolve({ status: status ?? 1, output }));
  });
}

/**
 * What a part says of itself: its last "N passed, N failed" line counts; without one, the summaries of vitest and
 * doctest in it are added up.
 */
function countOf(output, status) {
  let closing;
  let sums = [0, 0, 0];
  for (const line of linesOf(output)) {
    const plain = /^(?:\w+: )?(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/.exec(line.trim());
    const vitest = /^\s*Tests\s+(?:(\d+) failed \| )?(?:(\d+) passed)?(?: \| (\d+) skipped)?.*\((\d+)\)/.exec(
      line,
    );
    const doctest = /test cases:\s*(\d+)\s*\|\s*(\d+) passed\s*\|\s*(\d+) failed\s*\|\s*(\d+) skipped/.exec(
      line,
    );
    if (plain) closing = add([0, 0, 0], plain.slice(1));
    else if (vitest) sums = add(sums, [vitest[2], vitest[1], vitest[3]]);
    else if (doctest) sums = add(sums, doctest.slice(2));
  }
  let [passed, failed, skipped] = closing ?? sums;
  failed += skipped;
  if (passed + failed === 0) return status === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
  if (status !== 0 && failed === 0) failed = 1;
  return { passed, failed };
}

/** The lines that name a failure, those of vitest with the error that follows. */
function failuresIn(output) {
  const lines = linesOf(output).map((line) => line.trim());
  const named = new Set();
  for (const [index, line] of lines.entries()) {
    if (!FAILURES.some((pattern) => pattern.test(line))) continue;
    const [reason = ""] = /^\w*Error: .*/.exec(lines[index + 1] ?? "") ?? [];
    named.add(`${line} ${reason}`.trim().slice(0, NAMED_LENGTH));
  }
  const found = named.size > 0 ? [...named] : lines.filter(Boolean).slice(-LAST_LINES);
  const shown = found.slice(0, NAMED_FAILURES);
  if (found.length > shown.length) shown.push(`and ${found.length - shown.length} more`);
  return shown;
}

function linesOf(output) {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are taken out of what is read.
  return output.replace(/\u001b\[[0-9;]*m/g, "").split("\n");
}

function add(totals, found) {
  return totals.map((total, index) => total + Number(found[index] ?? 0));
}
