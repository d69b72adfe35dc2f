import { describe, expect, it } from "vitest";
import { ManualClock } from "../../../test/fixtures/ManualClock.ts";
import { MediaMender } from "./MediaMender.ts";

const TOTAL_MS = 20_000;

function mending() {
  const clock = new ManualClock();
  const seen = { asked: 0, restarts: 0, givenUp: 0 };
  const mender = new MediaMender(clock, TOTAL_MS, {
    ask: () => {
      seen.asked += 1;
    },
    restart: () => {
      seen.restarts += 1;
    },
    giveUp: () => {
      seen.givenUp += 1;
    },
  });
  mender.start();
  return { clock, seen, mender };
}

describe("MediaMender", () => {
  it("restarts ICE once the server was heard, and asks again when that led nowhere", async () => {
    const { clock, seen, mender } = mending();
    await clock.pass(1_000);
    expect(seen).toMatchObject({ asked: 1, restarts: 0 });
    mender.heard();
    mender.heard();
    expect(seen.restarts).toBe(1);
    mender.answered();
    await clock.pass(4_999);
    expect(seen.asked).toBe(1);
    await clock.pass(1);
    expect(seen).toMatchObject({ asked: 2, restarts: 1 });
    mender.heard();
    expect(seen.restarts).toBe(2);
  });

  it("leaves the path alone while the server is not heard, and gives up in the end", async () => {
    const { clock, seen, mender } = mending();
    await clock.pass(17_999);
    expect(seen).toEqual({ asked: 3, restarts: 0, givenUp: 0 });
    await clock.pass(6_001);
    expect(seen).toEqual({ asked: 4, restarts: 0, givenUp: 1 });
    expect(mender.isMending).toBe(false);
  });

  it("lets a slow server answer before it asks again", async () => {
    const { clock, seen, mender } = mending();
    mender.heard();
    await clock.pass(5_999);
    mender.heard();
    expect(seen).toMatchObject({ asked: 1, restarts: 1 });
    await clock.pass(1);
    expect(seen.asked).toBe(2);
  });

  it("does nothing for what comes when there is nothing to mend", async () => {
    const { clock, seen, mender } = mending();
    mender.stop();
    mender.heard();
    mender.answered();
    await clock.pass(TOTAL_MS);
    expect(seen).toEqual({ asked: 1, restarts: 0, givenUp: 0 });
  });
});
