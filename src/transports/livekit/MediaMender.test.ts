import { describe, expect, it } from "vitest";
import { ManualClock } from "../../../test/fixtures/ManualClock.ts";
import { MediaMender } from "./MediaMender.ts";

const TOTAL_MS = 20_000;

function mending() {
  const clock = new ManualClock();
  const seen = { restarts: 0, givenUp: 0 };
  const mender = new MediaMender(
    clock,
    TOTAL_MS,
    () => {
      seen.restarts += 1;
    },
    () => {
      seen.givenUp += 1;
    },
  );
  mender.start();
  return { clock, seen, mender };
}

describe("MediaMender", () => {
  it("restarts ICE once the server was heard, and again when that led nowhere", async () => {
    const { clock, seen, mender } = mending();
    await clock.pass(1_000);
    expect(seen.restarts).toBe(0);
    mender.heard();
    mender.heard();
    expect(seen.restarts).toBe(1);
    mender.answered();
    await clock.pass(4_999);
    expect(seen.restarts).toBe(1);
    await clock.pass(1);
    expect(seen.restarts).toBe(2);
  });

  it("leaves the path alone while the server is not heard, for a while", async () => {
    const { clock, seen } = mending();
    await clock.pass(5_999);
    expect(seen.restarts).toBe(0);
    await clock.pass(1);
    expect(seen.restarts).toBe(1);
  });

  it("lets a slow server answer before it restarts again, and gives up in the end", async () => {
    const { clock, seen, mender } = mending();
    mender.heard();
    await clock.pass(5_999);
    expect(seen.restarts).toBe(1);
    await clock.pass(1);
    expect(seen.restarts).toBe(2);
    await clock.pass(TOTAL_MS);
    expect(seen).toEqual({ restarts: 4, givenUp: 1 });
    expect(mender.isMending).toBe(false);
  });

  it("does nothing for what comes when there is nothing to mend", async () => {
    const { clock, seen, mender } = mending();
    mender.stop();
    mender.heard();
    mender.answered();
    await clock.pass(TOTAL_MS);
    expect(seen).toEqual({ restarts: 0, givenUp: 0 });
  });
});
