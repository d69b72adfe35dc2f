import { describe, expect, it } from "vitest";
import { webKey, webRatchet } from "../../../../test/fixtures/webCryptoFrames.ts";
import { KeyProvider } from "./KeyProvider.ts";

const SHARED = new TextEncoder().encode("a shared key");
const OTHER = new TextEncoder().encode("another key");

describe("a key provider", () => {
  it("derives keys as WebCrypto does, by PBKDF2 and by HKDF", async () => {
    for (const [keyDerivation, name] of [
      ["pbkdf2", "PBKDF2"],
      ["hkdf", "HKDF"],
    ] as const) {
      const provider = new KeyProvider({ sharedKey: "a shared key", keyDerivation });
      await provider.ready;
      expect(provider.ring("alice").get(0)?.key).toEqual(await webKey(SHARED, name));
    }
  });

  it("sets, exports and ratchets the shared key, for everybody", async () => {
    const provider = new KeyProvider({ sharedKey: SHARED });
    await provider.ready;
    const alice = provider.ring("alice");
    expect(provider.exportSharedKey()).toEqual(SHARED);
    expect(provider.exportSharedKey(1)).toBeUndefined();
    await provider.setSharedKey(OTHER, 1);
    expect(provider.latestKeyIndex).toBe(1);
    expect(provider.exportKey("alice", 1)).toEqual(OTHER);
    const ratcheted = await provider.ratchetSharedKey(1);
    expect(ratcheted).toEqual(await webRatchet(OTHER));
    expect(provider.exportSharedKey(1)).toEqual(ratcheted);
    expect(alice.get(1)?.key).toEqual(await webKey(ratcheted));
    expect(provider.ring("bob").get(1)?.key).toEqual(await webKey(ratcheted));
    expect(provider.exportSharedKey(0)).toEqual(SHARED);
  });

  it("sets, exports and ratchets a key a participant", async () => {
    const provider = new KeyProvider();
    await provider.setKey("alice", SHARED, 3);
    await provider.setKey("bob", "another key", 3);
    expect(provider.exportKey("alice", 3)).toEqual(SHARED);
    expect(provider.exportKey("alice", 2)).toBeUndefined();
    expect(provider.exportKey("carol", 3)).toBeUndefined();
    const ratcheted = await provider.ratchetKey("alice", 3);
    expect(ratcheted).toEqual(await webRatchet(SHARED));
    expect(provider.exportKey("alice", 3)).toEqual(ratcheted);
    expect(provider.exportKey("bob", 3)).toEqual(OTHER);
  });

  it("keeps what was asked last, whichever is derived first", async () => {
    const provider = new KeyProvider();
    const first = provider.setKey("alice", SHARED);
    const second = provider.setKey("alice", OTHER);
    await Promise.all([first, second]);
    expect(provider.exportKey("alice")).toEqual(OTHER);
    const ratchet = provider.ratchetKey("alice");
    const third = provider.setKey("alice", SHARED);
    await expect(ratchet).rejects.toThrow(expect.objectContaining({ code: "INVALID_STATE" }));
    await third;
    expect(provider.exportKey("alice")).toEqual(SHARED);
  });

  it("gives out copies: nobody changes a key from outside", async () => {
    const provider = new KeyProvider();
    const given = SHARED.slice();
    await provider.setKey("alice", given);
    given.fill(0);
    provider.exportKey("alice")?.fill(0);
    expect(provider.exportKey("alice")).toEqual(SHARED);
  });

  it("finds what follows a key, as far as the window goes, and moves on to it", async () => {
    const provider = new KeyProvider({ sharedKey: SHARED, ratchetWindowSize: 2 });
    await provider.ready;
    const ring = provider.ring("alice");
    const moved: [string, number, Uint8Array][] = [];
    provider.events.on("keyRatcheted", (...event) => moved.push(event));
    ring.findSuccessors(0);
    ring.findSuccessors(0);
    await expect.poll(() => ring.successors(0).length, { timeout: 10_000 }).toBe(2);
    const one = await webRatchet(SHARED);
    const two = await webRatchet(one);
    expect(ring.successors(0).map(({ material }) => material)).toEqual([one, two]);
    ring.adopt(0, ring.successors(0)[1]!.key);
    expect(provider.exportKey("alice")).toEqual(two);
    expect(moved).toEqual([["alice", 0, two]]);
    // The shared key and those of others stay where they are.
    expect(provider.exportSharedKey()).toEqual(SHARED);
    expect(ring.successors(0)).toEqual([]);
  });

  it("refuses what is no key, no index and no option", async () => {
    const invalid = expect.objectContaining({ code: "INVALID_OPTION" });
    const state = expect.objectContaining({ code: "INVALID_STATE" });
    expect(() => new KeyProvider({ keyRingSize: 0 })).toThrow(invalid);
    expect(() => new KeyProvider({ ratchetWindowSize: -1 })).toThrow(invalid);
    expect(() => new KeyProvider({ sharedKey: "" })).toThrow(invalid);
    expect(() => new KeyProvider({ shared: true } as never)).toThrow(invalid);
    const provider = new KeyProvider();
    await expect(provider.setKey("alice", "", 0)).rejects.toThrow(invalid);
    await expect(provider.setKey("alice", "key", 16)).rejects.toThrow(invalid);
    await expect(provider.setSharedKey("key")).rejects.toThrow(state);
    await expect(provider.ratchetKey("alice")).rejects.toThrow(state);
    const refused = new KeyProvider({ sharedKey: SHARED }).setSharedKey(7 as never);
    await expect(refused).rejects.toThrow(invalid);
  });
});
