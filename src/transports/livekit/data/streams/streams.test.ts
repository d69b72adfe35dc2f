import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { casesOf, failureOf, nextBytes, nextText, party } from "../../../../../test/fixtures/dataStreams.ts";
import { settled } from "../../../../../test/fixtures/ManualClock.ts";
import { splitText } from "./splitText.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "troupe-streams-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** One row a sentence of the semantics. */
describe("streams", () => {
  it("bring text whole, with its sender, topic, size and attributes", async () => {
    const { alice, bob } = party();
    const next = nextText(bob, "chat");
    const sent = await alice.hub.sendText("héllo", {
      topic: "chat",
      attributes: { mood: "good" },
      replyToId: "other",
    });
    const { reader, from } = await next;
    expect(await reader.readAll()).toBe("héllo");
    expect(from).toBe("alice");
    expect(reader.info).toEqual({ ...sent, generated: false });
    expect(sent).toMatchObject({
      mimeType: "text/plain",
      topic: "chat",
      size: 6,
      attributes: { mood: "good" },
      replyToId: "other",
    });
  });

  it("are a header, chunks of 15,000 bytes and a trailer", async () => {
    const { alice } = party();
    await alice.hub.sendBytes("b", new Uint8Array(40_000));
    expect(casesOf(alice)).toEqual([
      "streamHeader",
      "streamChunk",
      "streamChunk",
      "streamChunk",
      "streamTrailer",
    ]);
    const sizes = alice.sent.map(({ value }) =>
      value.case === "streamChunk" ? value.value.content.length : 0,
    );
    expect(sizes).toEqual([0, 15_000, 15_000, 10_000, 0]);
    const indices = alice.sent.map(({ value }) =>
      value.case === "streamChunk" ? value.value.chunkIndex : -1n,
    );
    expect(indices).toEqual([-1n, 0n, 1n, 2n, -1n]);
  });

  it("cut text between characters only", () => {
    const text = "a€𝄞é\u0000z".repeat(6_000);
    const pieces = [...splitText(text, 15_000)];
    expect(pieces.every((piece) => piece.length <= 15_000)).toBe(true);
    expect(pieces.every((piece) => !Buffer.from(piece).toString().includes("\ufffd"))).toBe(true);
    expect(Buffer.concat(pieces).toString()).toBe(text);
    expect([...splitText("", 10)]).toEqual([]);
    for (let bytes = 4; bytes < 12; bytes += 1) {
      expect(Buffer.concat([...splitText("𝄞𝄞a𝄞", bytes)]).toString()).toBe("𝄞𝄞a𝄞");
    }
  });

  it("of unknown size are read piece by piece while they are written", async () => {
    const { alice, bob } = party();
    const next = nextText(bob, "t");
    const writer = await alice.hub.streamText({ topic: "t" });
    const { reader } = await next;
    const pieces = reader[Symbol.asyncIterator]();
    await writer.write("one ");
    expect((await pieces.next()).value).toBe("one ");
    await writer.write("two");
    await writer.close();
    expect((await pieces.next()).value).toBe("two");
    expect((await pieces.next()).done).toBe(true);
    expect(reader.info.size).toBeUndefined();
  });

  it("take the trailer's attributes in place of the header's", async () => {
    const { alice, bob } = party();
    const next = nextText(bob, "t");
    const writer = await alice.hub.streamText({ topic: "t", attributes: { a: "1", b: "1" } });
    await writer.close({ attributes: { b: "2", c: "2" } });
    const { reader } = await next;
    await reader.readAll();
    expect(reader.info.attributes).toEqual({ a: "1", b: "2", c: "2" });
    expect(writer.info.attributes).toEqual({ a: "1", b: "2", c: "2" });
  });

  it("of files bear the base name, the size and the type by the extension", async () => {
    const { alice, bob } = party();
    const next = nextBytes(bob, "files");
    const path = join(folder, "talk.wav");
    const content = Buffer.alloc(100_000, "sound");
    await writeFile(path, content);
    const shares: number[] = [];
    await alice.hub.sendFile(path, { topic: "files", onProgress: (share) => shares.push(share) });
    const { reader } = await next;
    expect(Buffer.from(await reader.readAll())).toEqual(content);
    expect(reader.info).toMatchObject({ name: "talk.wav", mimeType: "audio/wav", size: 100_000 });
    expect(shares.at(-1)).toBe(1);
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
  });

  it("of files with an unknown extension are application/octet-stream", async () => {
    const { alice, bob } = party();
    const next = nextBytes(bob, "files");
    const path = join(folder, "data.zzzz");
    await writeFile(path, "");
    await alice.hub.sendFile(path, { topic: "files" });
    const { reader } = await next;
    expect(reader.info.mimeType).toBe("application/octet-stream");
    expect(await reader.readAll()).toHaveLength(0);
  });

  it("of files that cannot be read fail before anything is sent", async () => {
    const { alice } = party();
    expect(await failureOf(alice.hub.sendFile(join(folder, "missing")))).toBe("fileUnreadable");
    expect(await failureOf(alice.hub.sendFile(folder))).toBe("fileUnreadable");
    expect(alice.sent).toEqual([]);
  });

  it("bring attachments as byte streams whose ids the text tells", async () => {
    const { alice, bob } = party();
    const text = nextText(bob, "t");
    const bytes = nextBytes(bob, "t");
    const shares: number[] = [];
    await alice.hub.sendText("see this", {
      topic: "t",
      attachments: [{ name: "a.png", data: new Uint8Array([1, 2, 3]) }],
      onProgress: (share) => shares.push(share),
    });
    const { reader } = await bytes;
    expect((await text).reader.info.attachedStreamIds).toEqual([reader.info.streamId]);
    expect(reader.info).toMatchObject({ name: "a.png", mimeType: "image/png" });
    expect([...(await reader.readAll())]).toEqual([1, 2, 3]);
    expect(shares).toEqual([0.5, 1]);
  });

  it("keep the id that the sender chose, and go only to those who are named", async () => {
    const { room, alice, bob } = party();
    const carol = room.join("carol");
    let carolHeard = 0;
    carol.hub.registerTextStreamHandler("t", () => {
      carolHeard += 1;
    });
    const next = nextText(bob, "t");
    await alice.hub.sendText("x", { topic: "t", streamId: "mine", destinationIdentities: ["bob"] });
    expect((await next).reader.info.streamId).toBe("mine");
    expect(carolHeard).toBe(0);
  });

  it("of a topic that nobody handles are ignored", async () => {
    const { alice, bob } = party();
    await alice.hub.sendText("x", { topic: "nobody" });
    expect(bob.hub.dropped).toBe(0);
  });

  it("have one handler a topic and kind: a second is an error until the first is taken off", async () => {
    const { bob } = party();
    bob.hub.registerTextStreamHandler("t", () => {});
    bob.hub.registerByteStreamHandler("t", () => {});
    expect(() => bob.hub.registerTextStreamHandler("t", () => {})).toThrow(/handler already/);
    expect(() => bob.hub.registerByteStreamHandler("t", () => {})).toThrow(/handler already/);
    bob.hub.unregisterTextStreamHandler("t");
    bob.hub.unregisterByteStreamHandler("t");
    bob.hub.registerTextStreamHandler("t", () => {});
    bob.hub.registerByteStreamHandler("t", () => {});
    expect(() => bob.hub.registerTextStreamHandler("lk.rpc_request", () => {})).toThrow(/RPC/);
  });

  it("that their handler fails on do not disturb others", async () => {
    const { alice, bob } = party();
    bob.hub.registerTextStreamHandler("bad", () => {
      throw new Error("handler");
    });
    const next = nextText(bob, "good");
    await alice.hub.sendText("1", { topic: "bad" });
    await alice.hub.sendText("2", { topic: "good" });
    expect(await (await next).reader.readAll()).toBe("2");
  });

  it("end with an error when their sender leaves, after what came before", async () => {
    const { room, alice, bob } = party();
    const next = nextText(bob, "t");
    const writer = await alice.hub.streamText({ topic: "t" });
    await writer.write("first");
    const { reader } = await next;
    room.leave(alice);
    const heard: string[] = [];
    const read = async () => {
      for await (const piece of reader) heard.push(piece);
    };
    expect(await failureOf(read())).toBe("abnormalEnd");
    expect(heard).toEqual(["first"]);
  });

  it("end with an error when we leave, and when the sender says why it stopped", async () => {
    const { alice, bob } = party();
    const first = nextText(bob, "a");
    const second = nextText(bob, "b");
    await alice.hub.streamText({ topic: "a" });
    const writer = await alice.hub.streamText({ topic: "b" });
    await writer.close({ reason: "out of words" });
    expect(await failureOf((await second).reader.readAll())).toBe("abnormalEnd");
    const reading = failureOf((await first).reader.readAll());
    bob.hub.close();
    expect(await reading).toBe("closed");
  });

  it("of ours end when the room is joined anew; whole ones that wait are sent", async () => {
    const { alice, bob } = party({ clientProtocol: 2 });
    const next = nextText(bob, "whole");
    const writer = await alice.hub.streamText({ topic: "t" });
    alice.cut();
    const write = failureOf(writer.write("lost"));
    const whole = alice.hub.sendText("kept", { topic: "whole" });
    await settled();
    alice.rejoin();
    expect(await write).toBe("closed");
    expect(await failureOf(writer.write("later"))).toBe("closed");
    await whole;
    expect(await (await next).reader.readAll()).toBe("kept");
  });

  it("go on over a resume", async () => {
    const { alice, bob } = party();
    const next = nextText(bob, "t");
    const writer = await alice.hub.streamText({ topic: "t" });
    alice.isLosing = true;
    await writer.write("one ");
    alice.cut();
    const write = writer.write("two");
    await settled();
    alice.resume();
    await write;
    await writer.close();
    expect(await (await next).reader.readAll()).toBe("one two");
  });

  it("that are closed take no more", async () => {
    const { alice } = party();
    const writer = await alice.hub.streamText();
    await writer.close();
    expect(await failureOf(writer.write("x"))).toBe("closed");
    expect(await failureOf(writer.close())).toBe("closed");
  });

  it("can be cancelled by the sender, which readers get as an error", async () => {
    const { alice, bob } = party();
    const next = nextBytes(bob, "t");
    const controller = new AbortController();
    const onProgress = () => controller.abort();
    const sending = alice.hub.sendBytes("b", new Uint8Array(1_000_000), {
      topic: "t",
      signal: controller.signal,
      onProgress,
    });
    expect(await failureOf(sending)).toBe("cancelled");
    expect(await failureOf((await next).reader.readAll())).toBe("abnormalEnd");
  });

  it("with headers of over 15,000 bytes are refused", async () => {
    const { alice } = party();
    const attributes = { long: "x".repeat(15_000) };
    expect(await failureOf(alice.hub.sendText("x", { attributes }))).toBe("headerTooLarge");
    expect(alice.sent).toEqual([]);
  });

  it("report the share that was read", async () => {
    const { alice, bob } = party();
    const next = nextBytes(bob, "t");
    await alice.hub.sendBytes("b", new Uint8Array(30_000), { topic: "t" });
    const { reader } = await next;
    const shares: (number | undefined)[] = [];
    reader.onProgress = (share) => shares.push(share);
    await reader.readAll();
    expect(shares).toEqual([0.5, 1, 1]);
  });
});
