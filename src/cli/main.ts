import { readFile } from "node:fs/promises";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { TroupeError } from "../core/index.ts";
import { BENCH_NAMES, type BenchOptions, runBench } from "./bench/index.ts";
import { DEMO_TRANSPORTS, type DemoOptions, runDemo } from "./demo/demo.ts";
import { runDoctor } from "./doctor.ts";
import { packageRoot } from "./packageRoot.ts";
import { runUntilInterrupted } from "./runUntilInterrupted.ts";
import { runStage, type StageOptions } from "./stage.ts";

/** Exit codes: 0 done, 1 it ran and failed, 2 the arguments were wrong. */
const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
/** Of bots, calls, seconds and minutes; 30 hours are 108,000 s. */
const MAXIMUM_COUNT = 1_000_000;

/**
 * Runs the `troupe` command and sets the process's exit code.
 *
 * @param argv the arguments behind the command's name.
 */
export async function runCommandLine(argv: string[]): Promise<void> {
  const program = await buildProgram();
  try {
    await program.parseAsync(argv, { from: "user" });
  } catch (error) {
    process.exitCode = report(error);
  }
}

async function buildProgram(): Promise<Command> {
  const manifest = JSON.parse(await readFile(new URL("package.json", packageRoot()), "utf8")) as {
    version: string;
  };
  const program = new Command("troupe")
    .description("Realtime voice bots: a local stage, a demo call, benches and a look at this machine.")
    .version(manifest.version)
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "troupe: ")) });
  addStage(program);
  addDemo(program);
  addBench(program);
  program
    .command("doctor")
    .description("say what this machine has and lacks, in one table")
    .option("--json", "print one JSON object instead of the table")
    .action(async (options: { json?: boolean }) => {
      process.exitCode = (await runDoctor(options)) ? 0 : EXIT_FAILED;
    });
  return program;
}

function addStage(program: Command): void {
  program
    .command("stage")
    .description("run a local Sora-compatible server with a web page, until Ctrl-C")
    .option("--host <address>", "address to listen on", "127.0.0.1")
    .option("--port <number>", "TCP port, 0 for any free one", parsePort, 0)
    .option("--secret <text>", "what clients must present; needed on any address but this machine's own")
    .option("--json", "print one line of JSON with the addresses when ready")
    .action((options: StageOptions) => runUntilInterrupted((signal) => runStage(options, signal)));
}

function addDemo(program: Command): void {
  program
    .command("demo")
    .description("start a stage and a bot, play a scripted call against it, then let a person talk to it")
    .option("--once", "end after the scripted call; exit 0 only if the bot was heard and answered right")
    .option("--port <number>", "TCP port of the stage, 0 for any free one", parsePort, 0)
    .option("--output <folder>", "where recording and timeline go", "out/demo")
    .addOption(
      new Option("--transport <name>", "what the bot is reached over")
        .choices(DEMO_TRANSPORTS)
        .default("sora"),
    )
    .option("--avatar", "let the bot speak through the face of a local avatar service")
    .action((options: DemoOptions) =>
      runUntilInterrupted(async (signal) => {
        if (!(await runDemo(options, signal))) process.exitCode = EXIT_FAILED;
      }),
    );
}

function addBench(program: Command): void {
  program
    .command("bench")
    .description("measure this machine; docs/performance.md says what the figures mean")
    .argument("<name>", `one of: ${BENCH_NAMES.join(", ")}`)
    .option(
      "--bots <number>",
      "bots in the measured process; interruption: how often the bot is interrupted",
      parseCount,
    )
    .option("--seconds <number>", "length of the measurement", parseCount)
    .option("--calls <number>", "connector: calls on the measured process", parseCount)
    .option("--pairs <number>", "transport: pairs of ends that are connected", parseCount)
    .option("--changes <number>", "network-change: how often each kind of change", parseCount)
    .option("--minutes <number>", "length of the measurement", parseCount)
    .addOption(
      new Option("--complexity <number>", "Opus complexity, 0 to 10; 5, livekit: 9").argParser(
        parseComplexity,
      ),
    )
    .option("--speech-share <share>", "voice: how much of the time each bot speaks, 0 to 1", parseShare)
    .option(
      "--rows <names>",
      "quality: rows of its table; network-change: kinds of change; by commas",
      (names: string) => names.split(","),
    )
    .option("--report <file>", "quality: write its table here")
    .option("--json", "print one JSON object and nothing else")
    .action((name: string, options: BenchOptions) =>
      runUntilInterrupted(async (signal) => {
        if (!(await runBench(name, options, signal))) process.exitCode = EXIT_FAILED;
      }),
    );
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
  if (error instanceof TroupeError) {
    const isUsage = error.code === "INVALID_OPTION" || error.field === "secret";
    process.stderr.write(`troupe: ${error.message}\n`);
    return isUsage ? EXIT_USAGE : EXIT_FAILED;
  }
  process.stderr.write(
    `troupe: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  return EXIT_FAILED;
}

function parseShare(text: string): number {
  const share = Number(text);
  if (text.trim() !== "" && share >= 0 && share <= 1) return share;
  throw new InvalidArgumentError("Expected a number from 0 to 1");
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535)
    throw new InvalidArgumentError("Expected a port from 0 to 65535.");
  return port;
}

function parseComplexity(text: string): number {
  const complexity = Number(text);
  if (/^\d+$/.test(text) && complexity <= 10) return complexity;
  throw new InvalidArgumentError("Expected a whole number from 0 to 10.");
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || count < 1 || count > MAXIMUM_COUNT)
    throw new InvalidArgumentError(`Expected a whole number from 1 to ${MAXIMUM_COUNT}.`);
  return count;
}
