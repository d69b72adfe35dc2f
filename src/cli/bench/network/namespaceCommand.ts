import { spawnSync } from "node:child_process";
import { TroupeError } from "../../../core/index.ts";

/**
 * The command, with its arguments, that runs another one in a network namespace of its own: as root, else as root of a
 * user namespace where the kernel allows that.
 *
 * @throws TroupeError NOT_INSTALLED without the right to make network namespaces, or without iproute2.
 */
export function namespaceCommand(): string[] {
  const command = ["unshare", ...(process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"]), "--net"];
  const [program = "", ...rest] = command;
  if (spawnSync(program, [...rest, "ip", "link"]).status === 0) return command;
  throw new TroupeError(
    "NOT_INSTALLED",
    "Network namespaces cannot be made here: that needs Linux, iproute2 (npm run setup -- --for ci), and root or user namespaces",
  );
}
