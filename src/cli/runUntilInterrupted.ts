/** How long an orderly end may take after Ctrl-C, in ms; then the process ends as it is. */
const END_WITHIN_MS = 2_000;

/**
 * Runs `work` with a signal that aborts at SIGINT or SIGTERM. Work that does not end within 2 s of that is cut
 * off, and a second Ctrl-C cuts it off at once.
 */
export async function runUntilInterrupted(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const controller = new AbortController();
  let code = 0;
  const interrupt = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) process.exit(code);
    code = name === "SIGINT" ? 130 : 143;
    controller.abort();
    setTimeout(() => process.exit(code), END_WITHIN_MS).unref();
  };
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  try {
    await work(controller.signal);
  } catch (error) {
    // Work that is cut off may fail at whatever it was doing; that is no failure of its own.
    if (!controller.signal.aborted) throw error;
  } finally {
    if (controller.signal.aborted) process.exitCode = code;
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
  }
}
