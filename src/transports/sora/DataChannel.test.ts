import { deflateSync, inflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { FakeChannel } from "../../../test/fixtures/FakeChannel.ts";
import { DataChannel } from "./DataChannel.ts";
import { MAXIMUM_MESSAGE_BYTES } from "./wire.ts";

function create(offered: { compress?: boolean; header?: { type: string }[] } = {}) {
  const wire = new FakeChannel("#a");
  const channel = new DataChannel(wire, { label: "#a", direction: "sendrecv", compress: false, ...offered });
  const heard: string[] = [];
  channel.events.on("message", (data, sender) => heard.push(sender ? `${sender}:${data}` : `${data}`));
  channel.events.on("dropped", (why) => heard.push(`dropped: ${why}`));
  const closed = new Promise<void>((resolve) => channel.events.on("closed", resolve));
  return { wire, channel, heard, closed };
}

describe("a data channel of a Sora connection", () => {
  it("inflates in order, whatever the sizes", async () => {
    const { wire, heard, closed } = create({ compress: true });
    wire.receive(deflateSync("x".repeat(900_000)));
    wire.receive(deflateSync("b"));
    wire.receive(deflateSync("c"));
    wire.end();
    await closed;
    expect(heard.map((text) => text.length)).toEqual([900_000, 1, 1]);
    expect(heard.slice(1)).toEqual(["b", "c"]);
  });

  it("drops and counts what is not zlib, and what would inflate without bound", async () => {
    const { wire, channel, heard, closed } = create({ compress: true });
    wire.receive(Buffer.from("not zlib"));
    wire.receive(deflateSync(Buffer.alloc(MAXIMUM_MESSAGE_BYTES * 50)));
    wire.receive(deflateSync("good"));
    wire.end();
    await closed;
    expect(heard).toEqual([
      "dropped: not zlib data, or too long",
      "dropped: not zlib data, or too long",
      "good",
    ]);
    expect(channel.dropped).toBe(2);
  });

  it("takes the sender's id off the front, and drops what is shorter than that", () => {
    const { wire, heard } = create({ header: [{ type: "sender_connection_id" }] });
    wire.receive(Buffer.from(`${"S".repeat(26)}hello`));
    wire.receive(Buffer.from("short"));
    expect(heard).toEqual([`${"S".repeat(26)}:hello`, "dropped: shorter than its header"]);
  });

  it("sends deflated, in the order of the calls, and copies what it is given", async () => {
    const { wire, channel } = create({ compress: true });
    const data = Buffer.from("first");
    const sent = [channel.send(data), channel.send("second")];
    data.fill(0);
    await Promise.all(sent);
    expect(wire.sent.map((one) => inflateSync(one).toString())).toEqual(["first", "second"]);
  });

  it("waits for room and goes on at `low`", async () => {
    const { wire, channel } = create();
    wire.full = true;
    const sent = channel.send("a");
    expect(wire.sent).toEqual([]);
    wire.full = false;
    wire.events.emit("low");
    await sent;
    expect(wire.sent.map(String)).toEqual(["a"]);
  });

  it("refuses what is too long, too much or too late", async () => {
    const { wire, channel } = create();
    await expect(channel.send("x".repeat(MAXIMUM_MESSAGE_BYTES + 1))).rejects.toMatchObject({
      code: "INVALID_MESSAGE",
    });
    wire.full = true;
    const waiting = Array.from({ length: 8 }, () => channel.send("x".repeat(MAXIMUM_MESSAGE_BYTES)));
    const outcomes = Promise.allSettled(waiting);
    expect(channel.canTake(1)).toBe(false);
    await expect(channel.send("x")).rejects.toMatchObject({ code: "QUEUE_FULL" });
    channel.close();
    for (const outcome of await outcomes) expect(outcome).toMatchObject({ reason: { code: "CLOSED" } });
    await expect(channel.send("x")).rejects.toMatchObject({ code: "CLOSED" });
  });
});
