/** How long an orderly end may take after Ctrl-C, in ms; then the process ends as it is. */
const END_WITHIN_MS = 2_000;

/** What a shell reports of a program that wrote to a pipe whose reader had gone: 128 and SIGPIPE. */
const EXIT_BROKEN_PIPE = 141;

/**
 * Runs `work` with a signal that aborts at SIGINT, SIGTERM, or when nobody reads its output any more. Work that does not end within 2 s of that is cut
 * off, and a second Ctrl-C cuts it off at once.
 */
export async function runUntilInterrupted(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const controller = new AbortController();
  let code = 0;
  const end = (exitCode: number) => {
    code = exitCode;
    controller.abort();
    setTimeout(() => process.exit(code), END_WITHIN_MS).unref();
  };
  const interrupt = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) process.exit(code);
    end(name === "SIGINT" ? 130 : 143);
  };
  const onOutputError = (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    if (!controller.signal.aborted) end(EXIT_BROKEN_PIPE);
  };
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  process.stdout.on("error", onOutputError);
  try {
    await work(controller.signal);
  } catch (error) {
    // Work that is cut off may fail at whatever it was doing; that is no failure of its own.
    if (!controller.signal.aborted) throw error;
  } finally {
    if (controller.signal.aborted) process.exitCode = code;
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
    // The listener to errors of the output stays: what was still being written fails later.
  }
}
