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
  it("restarts ICE soon again once the server took a restart", async () => {
    const { clock, seen, mender } = mending();
    mender.answered();
    await clock.pass(1_500);
    expect(seen.restarts).toBe(2);
  });

  it("lets a slow server answer before it restarts again", async () => {
    const { clock, seen, mender } = mending();
    await clock.pass(5_000);
    expect(seen.restarts).toBe(1);
    mender.answered();
    await clock.pass(1_499);
    expect(seen.restarts).toBe(1);
  });

  it("restarts when no answer comes, and gives up in the end", async () => {
    const { clock, seen, mender } = mending();
    await clock.pass(6_000);
    expect(seen.restarts).toBe(2);
    await clock.pass(TOTAL_MS);
    expect(seen).toEqual({ restarts: 4, givenUp: 1 });
    expect(mender.isMending).toBe(false);
  });

  it("does nothing for an answer when there is nothing to mend", async () => {
    const { clock, seen, mender } = mending();
    mender.stop();
    mender.answered();
    await clock.pass(TOTAL_MS);
    expect(seen).toEqual({ restarts: 1, givenUp: 0 });
  });
});
