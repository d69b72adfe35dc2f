import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";

const MAIN = new URL("./main.ts", import.meta.url).href;
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PROGRAM = `const { runCommandLine } = await import(${JSON.stringify(MAIN)}); await runCommandLine(process.argv.slice(1));`;

const running = new Set<ChildProcess>();

afterEach(() => {
  for (const child of running) child.kill("SIGKILL");
});

/** The `troupe` command as a process of its own, from the sources. */
function troupe(...commandArguments: string[]) {
  const child = spawn(
    process.execPath,
    ["--conditions=troupe-source", "--input-type=module", "--eval", PROGRAM, "--", ...commandArguments],
    { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] },
  );
  running.add(child);
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (piece) => (output.stdout += piece));
  child.stderr.on("data", (piece) => (output.stderr += piece));
  const ended = once(child, "close").then(([code]: unknown[]) => {
    running.delete(child);
    return { code, ...output };
  });
  return { child, ended };
}

/** Without what Node itself says about the sources. */
const lines = (text: string) => text.split("\n").filter((line) => line.startsWith("troupe"));

describe("the troupe command", () => {
  it("tells how it is used", async () => {
    const { code, stdout } = await troupe("--help").ended;
    expect(code).toBe(0);
    for (const command of ["stage", "demo", "bench", "doctor"]) expect(stdout).toContain(`  ${command} `);
  });

  it.each([
    [["fly"], "unknown command 'fly'"],
    [["stage", "--port", "70000"], "Expected a port from 0 to 65535."],
    [["stage", "--wings"], "unknown option '--wings'"],
    [["bench"], "missing required argument 'name'"],
    [["bench", "fly"], "Expected one of voice, voices, blocked, "],
    [["bench", "voice", "--speech-share", "2"], "Expected a number from 0 to 1"],
    [["bench", "voice", "--bots", "0"], "Expected a whole number from 1 to 1000000."],
    [
      ["bench", "mixer", "--complexity", "3"],
      'Expected --json, --bots, --seconds, --minutes for bench mixer but received "--complexity"',
    ],
    [["bench", "voice", "--calls", "3"], 'received "--calls"'],
    [["demo", "--output", ""], "Expected a folder for --output"],
    [["demo", "--output", "/dev/null/demo"], "Expected a folder that can be written for --output: ENOTDIR"],
    [["demo", "--output", "package.json"], "Expected a folder that can be written for --output: EEXIST"],
    [["stage", "--host", "0.0.0.0"], "only with a secret"],
    [["stage", "--secret", "short"], "at least 8 characters"],
  ])("answers %j with one clear line and exit code 2", async (commandArguments, message) => {
    const { code, stdout, stderr } = await troupe(...commandArguments).ended;
    expect(lines(stderr)).toEqual([expect.stringContaining(message)]);
    expect(stderr).not.toContain("    at ");
    expect(stderr).not.toContain('"short"');
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });

  it("ends with one clear line when the port is taken", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const port = String((server.address() as AddressInfo).port);
    try {
      for (const command of ["stage", "demo"]) {
        const { code, stderr } = await troupe(command, "--port", port).ended;
        expect(lines(stderr)).toEqual([expect.stringContaining("The stage cannot listen")]);
        expect(code).toBe(1);
      }
    } finally {
      server.close();
    }
  });

  it.each(["SIGINT", "SIGTERM"] as const)(
    "prints the stage's addresses as one line and ends by %s",
    async (signal) => {
      const { child, ended } = troupe("stage", "--json");
      const [line] = await once(createInterface({ input: child.stdout }), "line");
      expect(JSON.parse(line)).toEqual({
        signalingUrl: expect.stringMatching(/^ws:\/\/127\.0\.0\.1:\d+\/signaling$/),
        apiUrl: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/api$/),
        pageUrl: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/\?token=\w+$/),
      });
      child.kill(signal);
      const { code, stdout } = await ended;
      expect(code).toBe(signal === "SIGINT" ? 130 : 143);
      expect(stdout.trim().split("\n")).toHaveLength(1);
    },
  );

  it("says what this machine has as JSON", async () => {
    const { stdout } = await troupe("doctor", "--json").ended;
    const { findings } = JSON.parse(stdout) as {
      findings: { what: string; found?: string; required: boolean }[];
    };
    const required = findings.filter((finding) => finding.required);
    expect(required.map(({ what }) => what)).toEqual(["Node 22 or newer", "native engine"]);
    for (const { found } of required) expect(found).toBeTruthy();
  });
});
