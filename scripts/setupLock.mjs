import { spawnSync } from "node:child_process";
import { ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Lets one process at a time go on, until it ends: two that set the same clone up would take its files from each other.
 * The lock is the kernel's (flock), so one that was killed holds nothing. Where there is no `flock`, nobody waits.
 *
 * @param path a file that is made for it
 * @param say told once by whom the lock is held, when it is
 */
export function lockSetup(path, say) {
  mkdirSync(dirname(path), { recursive: true });
  // Never closed: the lock ends with it.
  const file = openSync(path, "a+");
  const flock = (...how) =>
    spawnSync("flock", [...how, "3"], { stdio: ["ignore", "ignore", "ignore", file] });
  const { status } = flock("--nonblock");
  if (status === 1) {
    say(`waiting for another set-up of this clone (process ${readFileSync(path, "utf8").trim()})`);
    flock();
  }
  ftruncateSync(file);
  writeSync(file, `${process.pid}\n`);
}
