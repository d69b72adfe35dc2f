import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { TroupeError } from "../../../core/index.ts";
import { packageRoot } from "../../packageRoot.ts";

/** The scorer, pinned: scores of two versions do not compare. */
const SCORER = "visqol-python[accel,lattice]==3.8.0";
const INSTALLED_WITHIN_MS = 900_000;

/**
 * An interpreter that has Sora's SDK and ViSQOL: the one that SORA_PYTHON names, else one that is set up for it.
 *
 * @throws TroupeError NOT_INSTALLED
 */
export async function findPython(signal: AbortSignal): Promise<string> {
  if (process.env.SORA_PYTHON) return process.env.SORA_PYTHON;
  const script = fileURLToPath(new URL("scripts/sora-python.sh", packageRoot()));
  try {
    const run = promisify(execFile)("bash", [script, SCORER], { signal, timeout: INSTALLED_WITHIN_MS });
    return (await run).stdout.trim();
  } catch (error) {
    const why = (error as { stderr?: string }).stderr?.trim() || String(error);
    throw new TroupeError("NOT_INSTALLED", `The bench needs Python with Sora's SDK and ViSQOL: ${why}`);
  }
}
