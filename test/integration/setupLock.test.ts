import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";

const SCRIPT = `
  const { lockSetup } = await import(process.argv[1]);
  lockSetup(process.argv[2], (text) => process.stdout.write(text + "\\n"));
  process.stdout.write("locked\\n");
  setInterval(() => {}, 1000);
`;

const folder = mkdtempSync(join(tmpdir(), "troupe-lock-"));
const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(folder, { recursive: true });
});

/** A process that takes the lock and keeps it; `lines` is what it says, one at a time. */
function start() {
  const module = new URL("../../scripts/setupLock.mjs", import.meta.url).href;
  const child = spawn(
    process.execPath,
    ["--input-type=module", "-e", SCRIPT, module, join(folder, "build", "setup.lock")],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  children.push(child);
  return { child, lines: child.stdout.setEncoding("utf8")[Symbol.asyncIterator]() };
}

it("lets the second set-up of a clone wait for the first, and go on when that is gone however it ended", async () => {
  const first = start();
  expect((await first.lines.next()).value).toBe("locked\n");
  const second = start();
  expect((await second.lines.next()).value).toBe(
    `waiting for another set-up of this clone (process ${first.child.pid})\n`,
  );
  first.child.kill("SIGKILL");
  expect((await second.lines.next()).value).toBe("locked\n");
  const third = start();
  expect((await third.lines.next()).value).toContain(`(process ${second.child.pid})`);
});
