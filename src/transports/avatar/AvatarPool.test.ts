import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FakeAvatarService } from "../../../test/fixtures/FakeAvatarService.ts";
import { ManualClock } from "../../../test/fixtures/ManualClock.ts";
import { AvatarPool, type AvatarPoolOptions } from "./AvatarPool.ts";
import { AvatarSession } from "./AvatarSession.ts";

let service: FakeAvatarService;
let clock: ManualClock;
const pools: AvatarPool[] = [];

beforeEach(async () => {
  service = await FakeAvatarService.start();
  clock = new ManualClock();
});

afterEach(async () => {
  for (const pool of pools.splice(0)) await pool.close();
  await service.close();
});

function open(more: Partial<AvatarPoolOptions> = {}): AvatarPool {
  const create = () => new AvatarSession(service.options({ reconnect: false }));
  const pool = new AvatarPool({ create, ...more }, { clock });
  pools.push(pool);
  return pool;
}

async function confirm(count: number) {
  const links = [];
  for (let at = 0; at < count; at++) {
    const link = await service.link();
    await link.configured();
    link.confirm();
    links.push(link);
  }
  return links;
}

const holds = (isSo: () => void) => vi.waitFor(isSo, 5_000);

describe("a pool of avatars", () => {
  it("starts all at once, lends them, and takes them back", async () => {
    const pool = open({ size: 3 });
    await confirm(3);
    await holds(() => expect(pool.available).toBe(3));
    const leases = [await pool.borrow(), await pool.borrow(), await pool.borrow()];
    expect(new Set(leases.map(({ session }) => session)).size).toBe(3);
    expect([pool.available, pool.lent]).toEqual([0, 3]);
    const waiting = pool.borrow();
    leases[1]!.release();
    leases[1]!.release();
    expect((await waiting).session).toBe(leases[1]!.session);
    expect([pool.available, pool.lent]).toEqual([0, 3]);
    expect(service.links).toBe(3);
  });

  it("tells a borrower nothing more once it is given back, and the next one all", async () => {
    const pool = open({ size: 1 });
    const [link] = await confirm(1);
    const first = await pool.borrow();
    const [told, toldNext] = [vi.fn(), vi.fn()];
    first.session.on("frame", told);
    first.release();
    const next = await pool.borrow();
    next.session.on("frame", toldNext);
    link!.frame("anything");
    await holds(() => expect(toldNext).toHaveBeenCalled());
    expect(told).not.toHaveBeenCalled();
  });

  it("lets a borrower wait for a face that starts, and no longer than it may", async () => {
    const pool = open({ size: 1 });
    const first = pool.borrow();
    await confirm(1);
    expect((await first).session.ready).toBe(true);
    const late = pool.borrow();
    const failed = late.catch((error) => error);
    await clock.pass(30_000);
    expect(await failed).toMatchObject({ code: "TIMEOUT" });
  });

  it("replaces what is old, what ended, and what comes back unwell", async () => {
    const pool = open({ size: 1, ttlMs: 600_000 });
    const [first] = await confirm(1);
    await holds(() => expect(pool.available).toBe(1));
    await clock.pass(600_000);
    await first!.closed;
    const [second] = await confirm(1);
    await holds(() => expect(pool.available).toBe(1));
    second!.socket.terminate();
    await confirm(1);
    const lease = await pool.borrow();
    await clock.pass(700_000);
    expect(lease.session.ready).toBe(true);
    lease.release();
    await confirm(1);
    await holds(() => expect(pool.available).toBe(1));
    expect(service.links).toBe(4);
  });

  it("tries again after a failure, with a wait, and tells a borrower why there is none", async () => {
    service.tokenAnswer = { status: 503, body: "" };
    const pool = open({ size: 1, borrowTimeoutMs: 5 });
    const error = await new Promise((resolve) => pool.once("failed", resolve));
    expect(error).toMatchObject({ reason: "serverError" });
    const failed = pool.borrow().catch((reason) => reason);
    await clock.pass(5);
    expect(await failed).toMatchObject({ code: "TIMEOUT", cause: error });
    service.tokenAnswer = { status: 200, body: '{"sessionToken":"token-1"}' };
    await clock.pass(300);
    await confirm(1);
    await holds(() => expect(pool.available).toBe(1));
  });

  it("lends one that was lost to who waits, once it is back", async () => {
    const backoff = { firstMs: 1, maximumMs: 1, factor: 1, jitter: 0 };
    const pool = open({ size: 1, create: () => new AvatarSession(service.options(), { backoff }) });
    const [link] = await confirm(1);
    await holds(() => expect(pool.available).toBe(1));
    link!.socket.terminate();
    await holds(() => expect(pool.available).toBe(0));
    const waiting = pool.borrow();
    await confirm(1);
    expect((await waiting).session.ready).toBe(true);
  });

  it("ends what one borrower left in the middle before it lends the session to the next", async () => {
    const pool = open({ size: 1 });
    const [link] = await confirm(1);
    const first = await pool.borrow();
    const left = await first.session.sendAudio(new Int16Array(160));
    first.release();
    const { session } = await pool.borrow();
    const frames: string[] = [];
    session.on("frame", ({ requestId }) => frames.push(requestId));
    const said = await session.sendAudio(new Int16Array(160));
    expect(said).not.toBe(left);
    await link!.until((all) => all.some(({ value }) => "end" in value && value.reqId === left && value.end));
    link!.frame(left);
    link!.frame(said);
    await holds(() => expect(frames).toEqual([said]));
  });

  it("lends nothing to who gave up in the same turn", async () => {
    const pool = open({ size: 1 });
    await confirm(1);
    const lease = await pool.borrow();
    const controller = new AbortController();
    const waiting = pool.borrow({ signal: controller.signal }).catch((error) => error);
    controller.abort();
    lease.release();
    expect(await waiting).toMatchObject({ code: "CANCELLED" });
    expect([pool.available, pool.lent]).toEqual([1, 0]);
  });

  it("bears that a session cannot be made, and tries again", async () => {
    let mayMake = false;
    const create = () => {
      if (mayMake) return new AvatarSession(service.options({ reconnect: false }));
      throw new Error("not now");
    };
    const pool = open({ size: 1, create });
    const failed = new Promise<Error>((resolve) => pool.once("failed", resolve));
    const waiting = pool.borrow();
    await clock.pass(300);
    expect((await failed).message).toBe("not now");
    mayMake = true;
    await clock.pass(1_000);
    await confirm(1);
    expect((await waiting).session.ready).toBe(true);
  });

  it("bounds who waits, lets go of who gives up, and closes with everything", async () => {
    const pool = open({ size: 1, maximumWaiting: 1 });
    const controller = new AbortController();
    const waiting = pool.borrow({ signal: controller.signal }).catch((error) => error);
    await expect(pool.borrow()).rejects.toMatchObject({ code: "QUEUE_FULL" });
    controller.abort();
    expect(await waiting).toMatchObject({ code: "CANCELLED" });
    await expect(pool.borrow({ signal: controller.signal })).rejects.toMatchObject({ code: "CANCELLED" });
    const last = pool.borrow().catch((error) => error);
    await pool.close();
    expect(await last).toMatchObject({ code: "CLOSED" });
    await expect(pool.borrow()).rejects.toMatchObject({ code: "CLOSED" });
    expect(clock.pending).toBe(0);
    expect(() => open({ size: 0 })).toThrow(/1 to 100/);
  });
});
