import type { Writable } from "node:stream";
import { expect, it } from "vitest";
import * as ws from "ws";
import { binaryFrame } from "./binaryFrame.ts";

/** Its types leave it out. */
const { Receiver } = ws as unknown as { Receiver: new (options: object) => Writable };

/** What a WebSocket reads out of these bytes. */
function messagesIn(bytes: Buffer): Promise<{ data: Buffer; isBinary: boolean }[]> {
  const { promise, resolve, reject } = Promise.withResolvers<{ data: Buffer; isBinary: boolean }[]>();
  const messages: { data: Buffer; isBinary: boolean }[] = [];
  const receiver = new Receiver({ isServer: false, binaryType: "nodebuffer" });
  receiver.on("message", (data: Buffer, isBinary: boolean) => messages.push({ data, isBinary }));
  receiver.on("error", reject);
  receiver.end(bytes, () => resolve(messages));
  return promise;
}

it.each([0, 1, 125, 126, 640, 65_535])(
  "a frame of %i bytes is read as one binary message",
  async (length) => {
    const data = Buffer.from(Array.from({ length }, (_, at) => at % 251));
    const frame = binaryFrame(data);
    data.fill(255);
    const after = binaryFrame(Buffer.of(7));
    const messages = await messagesIn(Buffer.concat([frame, after]));
    expect(messages.map((message) => message.isBinary)).toEqual([true, true]);
    expect(messages[0]!.data).toEqual(Buffer.from(Array.from({ length }, (_, at) => at % 251)));
    expect(messages[1]!.data).toEqual(Buffer.of(7));
  },
);

it("is refused beyond what its length can say", () => {
  expect(() => binaryFrame(new Uint8Array(65_536))).toThrow(RangeError);
});
