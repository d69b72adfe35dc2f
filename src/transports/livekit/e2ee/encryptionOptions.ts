import { z } from "zod";
import { KeyProvider } from "./KeyProvider.ts";
import type { KeyProviderOptions } from "./options.ts";

/** End-to-end encryption of a room. Several connections may share one provider. */
export interface EncryptionOptions {
  keyProvider: KeyProvider | KeyProviderOptions;
  /** `gcm` when left out, and the only one that there is. */
  encryptionType?: "gcm";
}

/**
 * For the schema of a room's options, where it stands twice: `e2ee` is deprecated in the official SDKs and covers
 * audio alone, `encryption` covers data too. What comes out has a KeyProvider.
 */
export const encryptionSchema = z
  .strictObject({
    keyProvider: z.custom<KeyProvider | KeyProviderOptions>(
      (value) => typeof value === "object" && value !== null,
      { error: "a KeyProvider or its options" },
    ),
    encryptionType: z.literal("gcm").optional(),
  })
  .transform(({ keyProvider, ...rest }) => ({ ...rest, keyProvider: keyProviderOf(keyProvider) }));

/** @throws TroupeError INVALID_OPTION */
export function keyProviderOf(given: KeyProvider | KeyProviderOptions): KeyProvider {
  return given instanceof KeyProvider ? given : new KeyProvider(given);
}
