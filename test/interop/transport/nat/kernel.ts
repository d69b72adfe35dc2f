import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { release } from "node:os";

const RULES = {
  "NAT that keeps ports": "oifname x masquerade",
  "NAT that draws ports": "oifname x masquerade fully-random",
  "one-to-one NAT": "oifname x snat to 192.0.2.1",
};

/**
 * What of the kernel the rows rest on, in words for the log.
 *
 * @throws Error naming what it lacks here, with what nft says.
 */
export function describeKernel(): string {
  const isWhole = /^\s*0\s+0\s+4294967295\s*$/.test(readFileSync("/proc/self/uid_map", "utf8"));
  const lacks = Object.entries(RULES).flatMap(([name, rule]) => {
    const table = `table ip probe { chain out { type nat hook postrouting priority 100; ${rule}; }\n}`;
    const { status, stderr } = spawnSync("nft", ["-f", "-"], {
      input: `${table}\ndelete table ip probe\n`,
      encoding: "utf8",
    });
    return status === 0 ? [] : [`${name} (${stderr.trim()})`];
  });
  if (lacks.length > 0) throw new Error(`it lacks ${lacks.join(", ")}`);
  const who = isWhole ? "as root" : "as root of a user namespace";
  return `Linux ${release()}, ${who}; ${Object.keys(RULES).join(", ")}`;
}
