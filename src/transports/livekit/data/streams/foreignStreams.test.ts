import { deflateRawSync } from "node:zlib";
import { type DataPacket, DataStream_ByteHeader, DataStream_CompressionType } from "@livekit/protocol";
import { describe, expect, it } from "vitest";
import {
  casesOf,
  chunk,
  failureOf,
  header,
  inject,
  nextBytes,
  nextText,
  party,
  trailer,
} from "../../../../../test/fixtures/dataStreams.ts";

describe("streams in one packet", () => {
  it("are sent where everyone can read them", async () => {
    const { alice, bob } = party({ clientProtocol: 2 });
    const next = nextText(bob, "t");
    await alice.hub.sendText("short", { topic: "t" });
    expect(casesOf(alice)).toEqual(["streamHeader"]);
    expect(await (await next).reader.readAll()).toBe("short");
  });

  it("are not sent when somebody cannot, or when they are too long", async () => {
    const { room, alice } = party({ clientProtocol: 2 });
    await alice.hub.sendText("x".repeat(15_000));
    expect(casesOf(alice)).toHaveLength(3);
    room.join("old", { clientProtocol: 1 });
    await alice.hub.sendText("short");
    expect(casesOf(alice)).toHaveLength(6);
    await alice.hub.sendText("short", { destinationIdentities: ["bob"] });
    expect(casesOf(alice)).toHaveLength(7);
  });

  it("are inflated when they are compressed", async () => {
    const { bob } = party();
    const next = nextText(bob, "t");
    const compression = DataStream_CompressionType.DEFLATE_RAW;
    const inlineContent = deflateRawSync("much ".repeat(50_000));
    inject(bob, header({ compression, inlineContent, totalLength: 250_000n }));
    expect(await (await next).reader.readAll()).toBe("much ".repeat(50_000));
  });
});

describe("streams of other clients", () => {
  it("are inflated over their chunks", async () => {
    const { bob } = party();
    const next = nextText(bob, "t");
    const packed = deflateRawSync("€".repeat(100_000));
    inject(bob, header({ compression: DataStream_CompressionType.DEFLATE_RAW }));
    for (let at = 0, index = 0n; at < packed.length; at += 50, index += 1n) {
      inject(bob, chunk(index, packed.subarray(at, at + 50)));
    }
    inject(bob, trailer());
    expect(await (await next).reader.readAll()).toBe("€".repeat(100_000));
  });

  const FAILURES: [what: string, reason: string, packets: DataPacket["value"][]][] = [
    ["a chunk is missing", "chunkMissing", [header({}), chunk(0n, "a"), chunk(2n, "c"), trailer()]],
    ["they end before their size", "incomplete", [header({ totalLength: 9n }), chunk(0n, "abc"), trailer()]],
    ["they outgrow their size", "lengthExceeded", [header({ totalLength: 2n }), chunk(0n, "abc"), trailer()]],
    ["they are not UTF-8", "decodeFailed", [header({}), chunk(0n, new Uint8Array([0xc3])), trailer()]],
    [
      "they are not compressed as they say",
      "decompressFailed",
      [
        header({ compression: DataStream_CompressionType.DEFLATE_RAW }),
        chunk(0n, Buffer.from([255, 255, 255])),
        trailer(),
      ],
    ],
  ];
  it.each(FAILURES)("fail when %s", async (_what, reason, packets) => {
    const { bob } = party();
    const next = nextText(bob, "t");
    for (const packet of packets) inject(bob, packet);
    expect(await failureOf((await next).reader.readAll())).toBe(reason);
  });

  it("ignore chunks that come twice", async () => {
    const { bob } = party();
    const next = nextText(bob, "t");
    for (const packet of [
      header({}),
      header({}),
      chunk(0n, "a"),
      chunk(0n, "a"),
      chunk(1n, "b"),
      trailer(),
    ]) {
      inject(bob, packet);
    }
    expect(await (await next).reader.readAll()).toBe("ab");
  });

  it("are not mixed up with those of a sender who chose the same id", async () => {
    const { bob } = party();
    const next = nextText(bob, "t");
    inject(bob, header({}));
    inject(bob, chunk(0n, "forged"), { sid: "PA_8", identity: "mallory" });
    inject(bob, chunk(0n, "true"));
    inject(bob, trailer());
    expect(await (await next).reader.readAll()).toBe("true");
  });

  it("in an unknown form are let go", () => {
    const { bob } = party();
    bob.hub.registerTextStreamHandler("t", () => {});
    inject(bob, header({ contentHeader: { case: undefined } }));
    inject(bob, header({ compression: 7 as DataStream_CompressionType }));
    inject(bob, chunk(0n, "a"));
    inject(bob, trailer());
    expect(bob.hub.dropped).toBe(1);
  });
});

describe("limits of streams", () => {
  const bytesHeader = (streamId: string) =>
    header({ streamId, contentHeader: { case: "byteHeader", value: new DataStream_ByteHeader() } });

  it("let no more be open than allowed", () => {
    const { bob } = party({ limits: { openStreams: 3 } });
    let opened = 0;
    bob.hub.registerByteStreamHandler("t", () => {
      opened += 1;
    });
    for (let index = 0; index < 5; index += 1) inject(bob, bytesHeader(`s${index}`));
    expect([opened, bob.hub.dropped]).toEqual([3, 2]);
  });

  it("let readers that were closed make room", () => {
    const { bob } = party({ limits: { openStreams: 1 } });
    let opened = 0;
    bob.hub.registerByteStreamHandler("t", (reader) => {
      opened += 1;
      reader.close();
    });
    for (let index = 0; index < 5; index += 1) inject(bob, bytesHeader(`s${index}`));
    expect(opened).toBe(5);
  });

  it("fail a stream that nobody reads, and what it held is free again", async () => {
    const { alice, bob } = party({ limits: { unreadBytes: 40_000 } });
    const first = nextBytes(bob, "slow");
    await alice.hub.sendBytes("b", new Uint8Array(100_000), { topic: "slow" });
    expect(await failureOf((await first).reader.readAll())).toBe("tooSlow");
    const second = nextBytes(bob, "fast");
    await alice.hub.sendBytes("b", new Uint8Array(30_000), { topic: "fast" });
    expect(await (await second).reader.readAll()).toHaveLength(30_000);
  });

  it("count what small chunks take beside their bytes", async () => {
    const { bob } = party({ limits: { unreadBytes: 10_000 } });
    const next = nextText(bob, "t");
    inject(bob, header({}));
    for (let index = 0n; index < 1_000n; index += 1n) inject(bob, chunk(index, "x"));
    expect(await failureOf((await next).reader.readAll())).toBe("tooSlow");
  });

  it("fail a stream that brings more than allowed, inflated", async () => {
    const { bob } = party({ limits: { streamBytes: 1_000_000 } });
    const next = nextText(bob, "t");
    const inlineContent = deflateRawSync(Buffer.alloc(3_000_000));
    inject(bob, header({ compression: DataStream_CompressionType.DEFLATE_RAW, inlineContent }));
    expect(await failureOf((await next).reader.readAll())).toBe("payloadTooLarge");
  });

  it("fail readAll on more than it may collect", async () => {
    const { alice, bob } = party({ limits: { readAllBytes: 20_000 } });
    const next = nextBytes(bob, "t");
    await alice.hub.sendBytes("b", new Uint8Array(30_000), { topic: "t" });
    expect(await failureOf((await next).reader.readAll())).toBe("payloadTooLarge");
  });

  it("end a read by its signal", async () => {
    const { alice, bob } = party();
    const next = nextText(bob, "t");
    await alice.hub.streamText({ topic: "t" });
    const controller = new AbortController();
    const reading = failureOf((await next).reader.readAll({ signal: controller.signal }));
    controller.abort();
    expect(await reading).toBe("cancelled");
  });
});
