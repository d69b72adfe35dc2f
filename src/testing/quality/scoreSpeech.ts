import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { TroupeError } from "../../index.ts";

/** A recording and what became of it: mono, 16 kHz, aligned to within some tens of ms, best 5 to 12 s long. */
export interface SpeechPair {
  reference: Int16Array;
  degraded: Int16Array;
}

export interface ScoreOptions {
  /** Interpreter that has the package visqol-python of PyPI, with its extras `lattice` and, to be ten times as fast, `accel`; `python3` when left out. */
  python?: string;
  /** For all pairs, in ms; 120000 when left out. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

const SAMPLE_RATE = 16_000;

/** Scores the pairs that standard input names by line: reference and degraded, raw 16-bit PCM, tab between. */
const SCRIPT = `
import sys
import numpy as np
from visqol import VisqolApi

api = VisqolApi()
api.create(mode="speech")
for line in sys.stdin:
    reference, degraded = (np.fromfile(path, np.int16) / 32768.0 for path in line.rstrip("\\n").split("\\t"))
    print(f"MOS {api.measure_from_arrays(reference, degraded, ${SAMPLE_RATE}).moslqo:.6f}", flush=True)
`;

/**
 * How good the degraded speech sounds beside its reference: ViSQOL's estimate of a mean opinion score, 1 to 5, for each
 * pair. ViSQOL runs in Python (visqol-python, Apache 2.0); https://github.com/google/visqol describes the model.
 *
 * @throws TroupeError NOT_INSTALLED when the interpreter or the package is absent, TIMEOUT, CANCELLED, or INTERNAL.
 */
export async function scoreSpeech(
  pairs: readonly SpeechPair[],
  options: ScoreOptions = {},
): Promise<number[]> {
  const { python = "python3", timeoutMs = 120_000, signal } = options;
  if (pairs.length === 0) return [];
  const folder = await mkdtemp(join(tmpdir(), "troupe-score-"));
  try {
    const lines: string[] = [];
    for (const [index, { reference, degraded }] of pairs.entries()) {
      const paths = [join(folder, `${index}.reference`), join(folder, `${index}.degraded`)];
      await writeFile(paths[0]!, bytesOf(reference));
      await writeFile(paths[1]!, bytesOf(degraded));
      lines.push(paths.join("\t"));
    }
    const running = promisify(execFile)(python, ["-c", SCRIPT], { timeout: timeoutMs, signal });
    running.child.stdin?.on("error", () => {});
    running.child.stdin?.end(`${lines.join("\n")}\n`);
    const { stdout } = await running.catch((error) => Promise.reject(explain(error, python, signal)));
    const scores = [...stdout.matchAll(/^MOS (\S+)$/gm)].map(([, score]) => Number(score));
    if (scores.length !== pairs.length)
      throw TroupeError.expected("INTERNAL", "scores", `${pairs.length} scores`, scores.length);
    return scores;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function explain(
  error: { code?: unknown; killed?: boolean; stderr?: string },
  python: string,
  signal?: AbortSignal,
) {
  if (signal?.aborted) return new TroupeError("CANCELLED", "Scoring was cancelled");
  if (error.killed) return new TroupeError("TIMEOUT", "Scoring took too long");
  if (error.code === "ENOENT" || error.stderr?.includes("ModuleNotFoundError"))
    return new TroupeError(
      "NOT_INSTALLED",
      `${python} has no ViSQOL; run: ${python} -m pip install "visqol-python[accel,lattice]"`,
    );
  return new TroupeError("INTERNAL", `Scoring failed: ${error.stderr?.slice(-500)}`);
}

function bytesOf(pcm: Int16Array): Uint8Array {
  return new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength);
}
