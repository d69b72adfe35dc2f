import { describe, expect, it } from "vitest";
import { webKey, webOpen, webSeal } from "../../../../test/fixtures/webCryptoFrames.ts";
import type { EncryptedData } from "../data/index.ts";
import { DataCryptor } from "./DataCryptor.ts";
import { KeyProvider } from "./KeyProvider.ts";

const SHARED = new TextEncoder().encode("a shared key");
const PAYLOAD = new TextEncoder().encode("hello");

/** What comes out, as text; undefined when no key opens it. */
function opened(cryptor: DataCryptor, data: EncryptedData): string | undefined {
  const plain = cryptor.decrypt(data, "alice");
  return plain && Buffer.from(plain).toString();
}

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
    expect(opened(cryptor, { payload: await webSeal(key, iv, PAYLOAD), iv, keyIndex: 0 })).toBe("hello");
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
      expect(cryptor.decrypt(cryptor.encrypt(payload), "alice")?.length).toBe(size);
    }
  });

  it("does not come out when it was changed, and without its key", async () => {
    const { cryptor } = await party({ ratchetWindowSize: 0 });
    const data = cryptor.encrypt(PAYLOAD);
    const changed = Uint8Array.from(data.payload);
    changed[0]! ^= 1;
    expect(opened(cryptor, { ...data, payload: changed })).toBeUndefined();
    expect(opened(cryptor, { ...data, keyIndex: 1 })).toBeUndefined();
    const keyless = new DataCryptor(
      new KeyProvider(),
      () => "bot",
      () => true,
    );
    expect(() => keyless.encrypt(PAYLOAD)).toThrow(expect.objectContaining({ code: "INVALID_STATE" }));
  });

  it("is refused when no key could ever open it", async () => {
    const { cryptor } = await party();
    const data = cryptor.encrypt(PAYLOAD);
    const refused = expect.objectContaining({ code: "INVALID_MESSAGE" });
    for (const bad of [
      { ...data, payload: new Uint8Array(3) },
      { ...data, iv: new Uint8Array(11) },
      { ...data, iv: new Uint8Array(0) },
      { ...data, keyIndex: 99 },
    ]) {
      expect(() => cryptor.decrypt(bad, "alice")).toThrow(refused);
    }
  });

  it("follows the far side's ratchet, and tells when what did not come out may be tried again", async () => {
    const near = await party();
    const far = await party();
    await far.provider.ratchetSharedKey();
    const data = far.cryptor.encrypt(PAYLOAD);
    const { promise: found, resolve } = Promise.withResolvers<void>();
    const stop = near.cryptor.onKeys("alice", resolve);
    expect(opened(near.cryptor, data)).toBeUndefined();
    await found;
    expect(opened(near.cryptor, data)).toBe("hello");
    expect(near.provider.exportKey("alice")).toEqual(far.provider.exportSharedKey());
    stop();
  });

  it("keeps keys of those alone who are there, and those that were set for one", async () => {
    const { provider, cryptor } = await party();
    await provider.setKey("carol", "her own");
    cryptor.encrypt(PAYLOAD);
    opened(cryptor, cryptor.encrypt(PAYLOAD));
    const stop = cryptor.onKeys("dave", () => {});
    expect(provider.participantIdentities.toSorted()).toEqual(["alice", "bot", "carol", "dave"]);
    stop();
    cryptor.forget("alice");
    cryptor.forget("alice");
    expect(provider.participantIdentities.toSorted()).toEqual(["bot", "carol"]);
    cryptor.close();
    expect(provider.participantIdentities).toEqual(["carol"]);
    provider.forgetKeys("carol");
    expect(provider.participantIdentities).toEqual([]);
  });
});
