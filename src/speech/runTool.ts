import { execFile } from "node:child_process";
import { TroupeError } from "../core/index.ts";

export interface ToolOptions {
  /** The Debian package that brings it, for the message when it is absent. */
  debianPackage: string;
  /** It is killed after this long, in ms. */
  timeoutMs: number;
  signal?: AbortSignal | undefined;
}

/** What a tool may print before it is killed. */
const MAXIMUM_OUTPUT_BYTES = 32 * 1024 * 1024;

/**
 * Runs a program, never through a shell, and gives what it printed.
 *
 * @throws TroupeError NOT_INSTALLED, TIMEOUT, CANCELLED, or INTERNAL when it fails.
 */
export function runTool(command: string, commandArguments: string[], options: ToolOptions): Promise<Buffer> {
  const { debianPackage, timeoutMs, signal } = options;
  const settings = {
    encoding: "buffer" as const,
    timeout: timeoutMs,
    killSignal: "SIGKILL" as const,
    maxBuffer: MAXIMUM_OUTPUT_BYTES,
    signal,
  };
  return new Promise((resolve, reject) => {
    execFile(command, commandArguments, settings, (error, stdout, stderr) => {
      if (error) reject(toolError(command, debianPackage, error, signal, stderr.toString()));
      else resolve(stdout);
    });
  });
}

/** What the failure of a child process means. */
export function toolError(
  command: string,
  debianPackage: string,
  error: Error & { code?: unknown; killed?: boolean },
  signal?: AbortSignal,
  stderr = "",
): TroupeError {
  if (error.code === "ENOENT") {
    const message = `${command} is not installed: run \`apt-get install ${debianPackage}\``;
    return new TroupeError("NOT_INSTALLED", message, { cause: error });
  }
  if (signal?.aborted)
    return new TroupeError("CANCELLED", `${command} was cancelled`, { cause: signal.reason });
  if (error.killed)
    return new TroupeError("TIMEOUT", `${command} took too long and was ended`, { cause: error });
  const detail = stderr.trim().split("\n").at(-1)?.slice(0, 200);
  return new TroupeError("INTERNAL", `${command} failed${detail ? `: ${detail}` : ""}`, { cause: error });
}
