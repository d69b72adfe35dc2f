import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Stage } from "./Stage.ts";
import { ScriptedMember } from "./testing/ScriptedMember.ts";

let stage: Stage;
const members: ScriptedMember[] = [];

async function join(connect: Record<string, unknown> = {}): Promise<ScriptedMember> {
  const member = await ScriptedMember.join(stage.signalingUrl, connect);
  members.push(member);
  return member;
}

beforeEach(async () => {
  stage = await Stage.start();
});

afterEach(async () => {
  for (const member of members.splice(0)) member.close();
  await stage.close();
});

const chat = { label: "#chat", direction: "sendrecv" };

describe("a # label", () => {
  it("passes messages on to the others, compressed or not as each asked", async () => {
    const ann = await join({ data_channels: [chat] });
    const ben = await join({ data_channels: [{ ...chat, compress: true }] });
    const cem = await join({ data_channels: [{ ...chat, label: "#other" }] });
    await Promise.all([ann.channel("#chat"), ben.channel("#chat"), cem.channel("#other")]);
    await ann.sendOn("#chat", '"from ann"');
    await ben.until(() => ben.channelMessages.some(({ data }) => String(data) === '"from ann"'));
    await ben.sendOn("#chat", Buffer.from([0, 255, 7]));
    await ann.until(() => ann.channelMessages.some(({ data }) => data.equals(Buffer.from([0, 255, 7]))));
    expect(ann.channelMessages).toHaveLength(1);
    expect(cem.channelMessages).toHaveLength(0);
  });

  it("puts the sender in front where it was asked for", async () => {
    const ann = await join({ data_channels: [chat] });
    const ben = await join({ data_channels: [{ ...chat, header: [{ type: "sender_connection_id" }] }] });
    expect(ben.offer.data_channels).toEqual([
      { label: "#chat", direction: "sendrecv", compress: false, header: [{ type: "sender_connection_id" }] },
    ]);
    await ben.channel("#chat");
    await ann.sendOn("#chat", "hello");
    const { data } = await ben.until(() => ben.channelMessages[0]);
    expect(String(data)).toBe(`${ann.connectionId}hello`);
  });

  it("goes the way that each asked for only", async () => {
    const speaker = await join({ data_channels: [{ ...chat, direction: "sendonly" }] });
    const listener = await join({ data_channels: [{ ...chat, direction: "recvonly" }] });
    await Promise.all([speaker.channel("#chat"), listener.channel("#chat")]);
    await listener.sendOn("#chat", "not allowed");
    await speaker.sendOn("#chat", "allowed");
    const { data } = await listener.until(() => listener.channelMessages[0]);
    expect(String(data)).toBe("allowed");
    expect(speaker.channelMessages).toHaveLength(0);
  });

  it("reaches the others when one of them takes no message of this size", async () => {
    const ann = await join({ data_channels: [chat] });
    const ben = await join({ data_channels: [{ ...chat, header: [{ type: "sender_connection_id" }] }] });
    const cem = await join({ data_channels: [chat] });
    await Promise.all([ann.channel("#chat"), ben.channel("#chat"), cem.channel("#chat")]);
    // With the sender in front it is longer than what clients take.
    const largest = Buffer.alloc(256 * 1024, 7);
    await ann.sendOn("#chat", largest);
    await ann.sendOn("#chat", "short");
    const { data } = await cem.until(() => cem.channelMessages[0]);
    expect(data.equals(largest)).toBe(true);
    const { data: next } = await ben.until(() => ben.channelMessages[0]);
    expect(String(next)).toBe(`${ann.connectionId}short`);
  });

  it("survives what cannot be read", async () => {
    const ann = await join({ data_channels: [{ ...chat, compress: true }] });
    const ben = await join({ data_channels: [chat] });
    const channel = await ann.channel("#chat");
    await ben.channel("#chat");
    channel.send(Buffer.from("not zlib"));
    await ann.sendOn("#chat", Buffer.alloc(1024 * 1024));
    await ann.sendOn("#chat", "readable");
    const { data } = await ben.until(() => ben.channelMessages[0]);
    expect(String(data)).toBe("readable");
  });
});

describe("signalling on data channels", () => {
  it("begins with switched, and re-offers, notify, push and stats go there", async () => {
    const ann = await join({ data_channel_signaling: true, data_channels: [chat] });
    expect(ann.offer.data_channels).toEqual([
      { label: "signaling", direction: "sendrecv", compress: true },
      { label: "notify", direction: "recvonly", compress: true },
      { label: "push", direction: "recvonly", compress: true },
      { label: "stats", direction: "sendrecv", compress: true },
      { label: "#chat", direction: "sendrecv", compress: false },
    ]);
    expect(await ann.socket.next({ type: "switched" })).toEqual({
      type: "switched",
      ignore_disconnect_websocket: false,
    });
    const ben = await join();
    expect(await ann.nextOn("notify")).toMatchObject({
      event_type: "connection.created",
      connection_id: ben.connectionId,
    });
    await ann.until(() => ann.tracks[0]?.streamId === ben.connectionId);
    stage.push("lobby", { hello: 1 }, ann.connectionId);
    expect(await ann.nextOn("push")).toEqual({ type: "push", data: { hello: 1 } });
  });

  it("outlives the WebSocket when that was asked for", async () => {
    const ann = await join({ data_channel_signaling: true, ignore_disconnect_websocket: true });
    expect(await ann.socket.next({ type: "switched" })).toMatchObject({ ignore_disconnect_websocket: true });
    ann.socket.socket.close(1000, "SELF-CLOSED");
    await ann.socket.closed;
    const ben = await join();
    await ann.until(() => ann.tracks[0]?.streamId === ben.connectionId);
    expect(stage.connections("lobby")).toHaveLength(2);
    await ann.sendOn("signaling", '{"type":"disconnect","reason":"NO-ERROR"}');
    await ann.until(() => [...ann.channels.values()].every(({ state }) => state === "closed"));
    expect(await ben.socket.next({ event_type: "connection.destroyed" })).toMatchObject({
      connection_id: ann.connectionId,
    });
  });

  it("ends with the WebSocket otherwise", async () => {
    const ben = await join();
    const ann = await join({ data_channel_signaling: true, ignore_disconnect_websocket: false });
    await ann.socket.next({ type: "switched" });
    ann.socket.socket.close();
    await ben.socket.next({ event_type: "connection.destroyed" });
    expect(stage.connections("lobby")).toHaveLength(1);
  });

  it("closes both ways when the client says disconnect there", async () => {
    const ann = await join({ data_channel_signaling: true });
    await ann.socket.next({ type: "switched" });
    await ann.sendOn("signaling", '{"type":"disconnect","reason":"NO-ERROR"}');
    expect(await ann.socket.closed).toEqual({ code: 1000, reason: "TYPE-DISCONNECT" });
  });

  it("brings close with its code and reason when the API ends it", async () => {
    const ann = await join({ data_channel_signaling: true, ignore_disconnect_websocket: true });
    await ann.socket.next({ type: "switched" });
    ann.socket.socket.close(1000, "SELF-CLOSED");
    await ann.socket.closed;
    stage.disconnect("lobby", ann.connectionId);
    expect(await ann.nextOn("signaling", { type: "close" })).toEqual({
      type: "close",
      code: 1000,
      reason: "DISCONNECTED-API",
    });
    expect(() => stage.disconnect("lobby", ann.connectionId)).toThrow(
      expect.objectContaining({ code: "INVALID_STATE" }),
    );
  });
});
