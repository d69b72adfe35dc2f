import { describe, expect, it } from "vitest";
import { FakeChannel } from "../../../test/fixtures/FakeChannel.ts";
import { ManualClock, settled } from "../../../test/fixtures/ManualClock.ts";
import { DataChannel } from "./DataChannel.ts";
import { Outbox } from "./Outbox.ts";
import { MAXIMUM_MESSAGE_BYTES } from "./wire.ts";

function create() {
  const clock = new ManualClock();
  const outbox = new Outbox("#chat", clock, 1_000);
  const open = () => {
    const wire = new FakeChannel("#chat");
    const channel = new DataChannel(wire, undefined);
    outbox.attach(channel);
    return { wire, channel };
  };
  return { clock, outbox, open };
}

describe("what is sent on a label", () => {
  it("goes out in the order of the calls, and is copied", async () => {
    const { outbox, open } = create();
    const { wire } = open();
    const data = Buffer.from("first");
    const sent = [outbox.send(data), outbox.send("second")];
    data.fill(0);
    await Promise.all(sent);
    expect(wire.sent.map(String)).toEqual(["first", "second"]);
  });

  it("goes out on the next channel, once and in order, where the one before had not taken it", async () => {
    const { outbox, open } = create();
    const first = open();
    await outbox.send("taken");
    first.wire.full = true;
    const sent = ["a", "b", "c"].map((text) => outbox.send(text));
    await settled();
    first.channel.close();
    outbox.detach();
    const second = open();
    await Promise.all([...sent, outbox.send("d")]);
    expect(first.wire.sent.map(String)).toEqual(["taken"]);
    expect(second.wire.sent.map(String)).toEqual(["a", "b", "c", "d"]);
  });

  it("is refused when no channel comes in time, and when the connection is over", async () => {
    const { clock, outbox, open } = create();
    const { wire, channel } = open();
    wire.full = true;
    const late = outbox.send("a");
    late.catch(() => {});
    await settled();
    channel.close();
    outbox.detach();
    await clock.pass(1_000);
    await expect(late).rejects.toMatchObject({ code: "CLOSED" });
    const waiting = outbox.send("b");
    waiting.catch(() => {});
    outbox.close();
    await expect(waiting).rejects.toMatchObject({ code: "CLOSED" });
    await expect(outbox.send("c")).rejects.toMatchObject({ code: "CLOSED" });
    expect(clock.pending).toBe(0);
    expect(wire.sent).toEqual([]);
  });

  it("is bounded in bytes and in messages", async () => {
    const { outbox } = create();
    await expect(outbox.send("x".repeat(MAXIMUM_MESSAGE_BYTES + 1))).rejects.toMatchObject({
      code: "INVALID_MESSAGE",
    });
    const waiting = Array.from({ length: 8 }, () => outbox.send("x".repeat(MAXIMUM_MESSAGE_BYTES)));
    expect(outbox.canTake(1)).toBe(false);
    await expect(outbox.send("x")).rejects.toMatchObject({ code: "QUEUE_FULL" });
    outbox.close();
    for (const outcome of await Promise.allSettled(waiting)) {
      expect(outcome).toMatchObject({ reason: { code: "CLOSED" } });
    }
    const many = create().outbox;
    const short = Array.from({ length: 4_096 }, () => many.send("x"));
    await expect(many.send("x")).rejects.toMatchObject({ code: "QUEUE_FULL" });
    many.close();
    await Promise.allSettled(short);
  });
});
