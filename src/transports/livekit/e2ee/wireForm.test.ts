import { expect, it } from "vitest";
import { webKey, webOpen, webSealFrame } from "../../../../test/fixtures/webCryptoFrames.ts";

// What stands in FrameCryptorTest.cpp too: there the engine makes and opens it, here WebCrypto does.
const PASSPHRASE = "the words that we agreed on";
const KEY = "0324dd31178be92673e23fa1700c2551";
const FRAME = Uint8Array.from([0x78, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
const IV = Uint8Array.from([1, 2, 3, 4, 0, 0, 3, 0xc0, 0, 0, 0, 77]);
const SEALED = "789d6e2aa66e993dd48a05eb11904d37c0217fe722c90eb3369f01020304000003c00000004d0c03";

it("WebCrypto makes and opens the very bytes that the engine makes and opens", async () => {
  const key = await webKey(new TextEncoder().encode(PASSPHRASE));
  expect(Buffer.from(key).toString("hex")).toBe(KEY);
  const sealed = await webSealFrame(key, IV, 3, FRAME);
  expect(Buffer.from(sealed).toString("hex")).toBe(SEALED);
  const ciphertext = sealed.subarray(1, sealed.length - 14);
  expect(await webOpen(key, IV, ciphertext, FRAME.subarray(0, 1))).toEqual(FRAME.subarray(1));
});
