import { afterEach, expect, it } from "vitest";
import { runUntilInterrupted } from "./runUntilInterrupted.ts";

afterEach(() => {
  process.exitCode = undefined;
  process.stdout.removeAllListeners("error");
});

it("ends its work when nobody reads the output any more", async () => {
  let aborted = false;
  await runUntilInterrupted(async (signal) => {
    process.stdout.emit("error", Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
    aborted = signal.aborted;
  });
  expect(aborted).toBe(true);
  expect(process.exitCode).toBe(141);
});
