import { describe, expect, it } from "vitest";
import { webKey, webOpen, webSeal } from "../../../../test/fixtures/webCryptoFrames.ts";
import { DataCryptor } from "./DataCryptor.ts";
import { KeyProvider } from "./KeyProvider.ts";

const SHARED = new TextEncoder().encode("a shared key");
const PAYLOAD = new TextEncoder().encode("hello");

async function party(options = {}) {
  const provider = new KeyProvider({ sharedKey: SHARED, ...options });
  await provider.ready;
  return {
    provider,
    cryptor: new DataCryptor(
      provider,
      () => "bot",
      () => true,
    ),
  };
}

describe("encrypted data", () => {
  it("is what WebCrypto makes and opens, each time under another initialization vector", async () => {
    const { cryptor } = await party();
    const key = await webKey(SHARED);
    const first = cryptor.encrypt(PAYLOAD);
    const second = cryptor.encrypt(PAYLOAD);
    expect(first.iv.length).toBe(12);
    expect(first.iv).not.toEqual(second.iv);
    expect(await webOpen(key, first.iv, first.payload)).toEqual(PAYLOAD);
    const iv = new Uint8Array(12).fill(9);
    const opened = cryptor.decrypt({ payload: await webSeal(key, iv, PAYLOAD), iv, keyIndex: 0 }, "alice");
    expect(new Uint8Array(opened)).toEqual(PAYLOAD);
  });

  it("goes out under the key that was set last, of our own identity", async () => {
    const { provider, cryptor } = await party();
    await provider.setKey("bot", "mine", 5);
    const { payload, iv, keyIndex } = cryptor.encrypt(PAYLOAD);
    expect(keyIndex).toBe(5);
    expect(await webOpen(await webKey(new TextEncoder().encode("mine")), iv, payload)).toEqual(PAYLOAD);
  });

  it("may be empty, and may be large", async () => {
    const { cryptor } = await party();
    for (const size of [0, 1, 65_536]) {
      const payload = new Uint8Array(size).fill(7);
      expect(cryptor.decrypt(cryptor.encrypt(payload), "alice").length).toBe(size);
    }
  });

  it("is refused when it was changed, when there is no key, and when it is none", async () => {
    const { cryptor } = await party({ ratchetWindowSize: 0 });
    const refused = expect.objectContaining({ code: "INVALID_MESSAGE" });
    const data = cryptor.encrypt(PAYLOAD);
    const changed = Uint8Array.from(data.payload);
    changed[0]! ^= 1;
    for (const bad of [
      { ...data, payload: changed },
      { ...data, payload: new Uint8Array(3) },
      { ...data, iv: new Uint8Array(11) },
      { ...data, iv: new Uint8Array(0) },
      { ...data, keyIndex: 1 },
      { ...data, keyIndex: 99 },
    ]) {
      expect(() => cryptor.decrypt(bad, "alice")).toThrow(refused);
    }
    const keyless = new DataCryptor(
      new KeyProvider(),
      () => "bot",
      () => true,
    );
    expect(() => keyless.encrypt(PAYLOAD)).toThrow(expect.objectContaining({ code: "INVALID_STATE" }));
  });

  it("follows the far side's ratchet: what comes meanwhile is refused", async () => {
    const near = await party();
    const far = await party();
    await far.provider.ratchetSharedKey();
    const data = far.cryptor.encrypt(PAYLOAD);
    expect(() => near.cryptor.decrypt(data, "alice")).toThrow("does not open it");
    await expect.poll(() => near.provider.ring("alice").successors(0).length).toBeGreaterThan(0);
    expect(new Uint8Array(near.cryptor.decrypt(data, "alice"))).toEqual(PAYLOAD);
    expect(near.provider.exportKey("alice")).toEqual(far.provider.exportSharedKey());
  });
});
