// End-to-end encryption of a room: keys, a cryptor a track, data packets.
export { EncryptionManager, type TransformTarget } from "./EncryptionManager.ts";
export { type EncryptionOptions, encryptionSchema } from "./encryptionOptions.ts";
export type { FrameCryptor } from "./FrameCryptor.ts";
export { KeyProvider } from "./KeyProvider.ts";
export type { KeyDerivation, KeyProviderOptions } from "./options.ts";
