import { expect, it } from "vitest";
import { parseOptions } from "../../../core/index.ts";
import { CRYPTOR_STATES } from "../../../native/binding.ts";
import type { EngineFrameCryptor, FrameCryptorOptions } from "../../../native/index.ts";
import { EncryptionManager } from "./EncryptionManager.ts";
import { encryptionSchema } from "./encryptionOptions.ts";
import { KeyProvider } from "./KeyProvider.ts";

const keyless = { localIdentity: () => "bot" };

/** What the engine is asked for when a track is added to a room with these options of its keys. */
function askedFor(keyProvider: KeyProvider): FrameCryptorOptions {
  let asked: FrameCryptorOptions | undefined;
  const manager = new EncryptionManager({
    ...keyless,
    encryption: { keyProvider },
    createCryptor: (options) => {
      asked = options;
      throw new Error("the engine is not needed here");
    },
  });
  expect(() => manager.addLocalTrack("TR_1", { setTransform() {} })).toThrow("not needed");
  return asked!;
}

/** What a port of the SDK gets wrong, a row a sentence. */
const SENTENCES: [sentence: string, check: () => void | Promise<void>][] = [
  ["the ratchet window is 16", () => expect(new KeyProvider().options.ratchetWindowSize).toBe(16)],
  ["the failure tolerance is -1", () => expect(askedFor(new KeyProvider()).failureTolerance).toBe(-1)],
  ["the key ring holds 16 keys", () => expect(askedFor(new KeyProvider()).keyRingSize).toBe(16)],
  ["one byte of Opus stays readable", () => expect(askedFor(new KeyProvider()).clearBytes).toBe(1)],
  [
    "the salt of the ratchet is LKFrameEncryptionKey",
    () => expect(Buffer.from(new KeyProvider().options.ratchetSalt).toString()).toBe("LKFrameEncryptionKey"),
  ],
  [
    "the encryption is GCM",
    () =>
      expect(new EncryptionManager({ ...keyless, encryption: { keyProvider: {} } }).encryptionType).toBe(
        "gcm",
      ),
  ],
  [
    "a cryptor is new, ok, has failed to encrypt or to decrypt, misses its key, has ratcheted or is broken",
    () =>
      expect(CRYPTOR_STATES).toEqual([
        "new",
        "ok",
        "encryptionFailed",
        "decryptionFailed",
        "missingKey",
        "keyRatcheted",
        "internalError",
      ]),
  ],
  [
    "a room that was joined with options is encrypted from the start",
    () => expect(new EncryptionManager({ ...keyless, encryption: { keyProvider: {} } }).enabled).toBe(true),
  ],
  [
    "a room that was joined without cannot be encrypted later",
    () => {
      const manager = new EncryptionManager(keyless);
      manager.setEnabled(true);
      expect([manager.enabled, manager.keyProvider]).toEqual([false, undefined]);
    },
  ],
  [
    "setting a key does not make a cryptor use it: its key index does",
    async () => {
      const keyProvider = new KeyProvider();
      await keyProvider.setKey("bot", "key", 3);
      const indices: number[] = [];
      const engine = {
        events: { on: () => () => {} },
        setEnabled() {},
        setKey() {},
        setKeyIndex: (index: number) => indices.push(index),
        close() {},
      } as unknown as EngineFrameCryptor;
      const manager = new EncryptionManager({
        ...keyless,
        encryption: { keyProvider },
        createCryptor: () => engine,
      });
      manager.addLocalTrack("TR_1", { setTransform() {} });
      const [cryptor] = manager.frameCryptors();
      expect([cryptor?.keyIndex, indices]).toEqual([0, []]);
      cryptor?.setKeyIndex(3);
      expect([cryptor?.keyIndex, indices]).toEqual([3, [3]]);
    },
  ],
  [
    "data goes out under the index that a key was set at last",
    async () => {
      const keyProvider = new KeyProvider();
      await keyProvider.setKey("bot", "key", 3);
      const manager = new EncryptionManager({ ...keyless, encryption: { keyProvider } });
      expect(manager.dataEncryption?.encrypt(Uint8Array.of(1)).keyIndex).toBe(3);
    },
  ],
  [
    "`e2ee` is deprecated and covers audio alone, `encryption` covers data too and goes first",
    () => {
      const e2ee = { keyProvider: new KeyProvider() };
      const encryption = { keyProvider: new KeyProvider() };
      expect(new EncryptionManager({ ...keyless, e2ee }).dataEncryption?.isEnabled).toBe(false);
      const both = new EncryptionManager({ ...keyless, e2ee, encryption });
      expect(both.dataEncryption?.isEnabled).toBe(true);
      expect(both.keyProvider).toBe(encryption.keyProvider);
    },
  ],
  [
    "options are a provider or what makes one, and nothing else",
    () => {
      const parsed = parseOptions(encryptionSchema, { keyProvider: { ratchetWindowSize: 0 } }, "encryption");
      expect(parsed.keyProvider.options.ratchetWindowSize).toBe(0);
      const shared = new KeyProvider();
      expect(parseOptions(encryptionSchema, { keyProvider: shared }, "encryption").keyProvider).toBe(shared);
      const invalid = expect.objectContaining({ code: "INVALID_OPTION" });
      for (const bad of [
        {},
        { keyProvider: "key" },
        { keyProvider: { window: 1 } },
        { keyProvider: {}, x: 1 },
      ]) {
        expect(() => parseOptions(encryptionSchema, bad, "encryption")).toThrow(invalid);
      }
    },
  ],
];

it.each(SENTENCES)("%s", async (_, check) => {
  await check();
});
