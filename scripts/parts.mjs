// Runs named commands one after another, counts what their closing lines say, and closes with one line of its own.
import { spawn, spawnSync } from "node:child_process";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

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
 * skipped a test has failed too; one that prints no count is one test.
 *
 * @param parts [{ name, command: [program, ...arguments], before?: () => void }]
 * @returns how many tests failed in all
 */
export async function runParts(parts) {
  const totals = { passed: 0, failed: 0 };
  const table = [];
  for (const part of parts) {
    process.stdout.write(`\n=== ${part.name}: ${part.command.join(" ")}\n`);
    part.before?.();
    const began = Date.now();
    const { status, output } = await runShown(part.command);
    const count = countOf(output, status);
    totals.passed += count.passed;
    totals.failed += count.failed;
    table.push([part.name, count, (Date.now() - began) / 1000]);
  }
  process.stdout.write("\n");
  for (const [name, count, seconds] of table) {
    const verdict = count.failed === 0 ? "ok    " : "FAILED";
    process.stdout.write(
      `${verdict} ${name}: ${count.passed} passed, ${count.failed} failed (${seconds.toFixed(0)} s)\n`,
    );
  }
  process.stdout.write(`${totals.passed} passed, ${totals.failed} failed\n`);
  return totals.failed;
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
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are taken out of what is read.
  const text = output.replace(/\u001b\[[0-9;]*m/g, "");
  let closing;
  let sums = [0, 0, 0];
  for (const line of text.split("\n")) {
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

function add(totals, found) {
  return totals.map((total, index) => total + Number(found[index] ?? 0));
}
