import { inflateSync } from "node:zlib";
import { expect, it } from "vitest";
import { deflate } from "./deflate.ts";

/** Text that repeats itself here and there. */
function textOf(bytes: number): Buffer {
  let random = 1;
  const text = Buffer.alloc(bytes, "e");
  for (let at = 0; at < bytes; at += 3) {
    random = (random * 1_103_515_245 + 12_345) % 2_147_483_648;
    text[at] = 97 + (random % 26);
  }
  return text;
}

it.each([0, 1_000, 49_152, 98_304, 262_144])("a message of %i bytes is read again as it was", (bytes) => {
  const plain = textOf(bytes);
  expect(inflateSync(deflate(plain))).toEqual(plain);
});

it("makes usual messages small, and the largest no larger than by what zlib adds to stored data", () => {
  expect(deflate(textOf(40_000)).length).toBeLessThan(20_000);
  expect(deflate(textOf(90_000)).length).toBeLessThan(60_000);
  expect(deflate(textOf(262_144)).length).toBeLessThanOrEqual(262_144 + 64);
});
