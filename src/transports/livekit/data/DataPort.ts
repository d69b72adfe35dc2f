import type { ClientInfo_Capability } from "@livekit/protocol";

/** Which of the two data channels of a room: `_reliable` or `_lossy`. */
export type DataKind = "reliable" | "lossy";

/** What a hub knows of a participant besides the local one. */
export interface DataParticipant {
  identity: string;
  sid: string;
  /** 0 RPC by packets, 1 RPC by streams, 2 streams in one packet. */
  clientProtocol: number;
  /** What the client of the participant can take, where it says so. */
  capabilities?: readonly ClientInfo_Capability[];
}

/** The room's data channels as a hub needs them; written by the connection. */
export interface DataPort {
  readonly localIdentity: string;
  readonly localSid: string;
  /** Whether the data channels are open. While they are not the hub keeps reliable packets and drops lossy ones. */
  readonly isConnected: boolean;
  /** As text, such as `1.13.5`; undefined when it is not known. */
  readonly serverVersion?: string;
  /** Encrypts packets when the room's encryption covers data; undefined without. */
  readonly encryption?: DataEncryption;
  participants(): readonly DataParticipant[];
  /**
   * Hands one packet to a data channel. A reliable one waits for room in the send buffer, a lossy one is dropped
   * when there is none.
   *
   * @throws TroupeError when the channel is closed or closes while it waits.
   */
  send(kind: DataKind, packet: Uint8Array): Promise<void>;
}

/** An encrypted payload, and what its receiver needs besides the key. */
export interface EncryptedData {
  payload: Uint8Array;
  /** Initialization vector, 12 bytes. */
  iv: Uint8Array;
  keyIndex: number;
}

/** Encryption of data packets, by the keys that the room's audio has. */
export interface DataEncryption {
  /** Whether what we send is encrypted. What arrives encrypted is decrypted in any case. */
  readonly isEnabled: boolean;
  /** @throws TroupeError INVALID_STATE when there is no key. */
  encrypt(payload: Uint8Array): EncryptedData;
  /**
   * Undefined when no key that the participant has so far opens it.
   *
   * @throws TroupeError INVALID_MESSAGE when no key ever will: it is malformed.
   */
  decrypt(data: EncryptedData, participantIdentity: string): Uint8Array | undefined;
  /** Calls `listener` whenever the participant has other keys; gives what ends that. */
  onKeys(participantIdentity: string, listener: () => void): () => void;
  /** The participant left: nothing need be kept for it. */
  forget(participantIdentity: string): void;
}
