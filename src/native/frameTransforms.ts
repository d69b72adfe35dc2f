import { TroupeError, TypedEvents } from "../core/index.ts";
import type { Batches } from "./batches.ts";
import {
  CRYPTOR_STATES,
  type CryptorState,
  type FrameCryptorOptions,
  type FrameRelayOptions,
  type FrameTransformStats,
  type NativeBinding,
} from "./binding.ts";
import { NativeHandle } from "./handles.ts";

/** What the encoded frames of a sender or receiver pass on their way. Streams that it is on keep it when it closes. */
export abstract class EngineFrameTransform extends NativeHandle {
  readonly binding: NativeBinding;

  constructor(binding: NativeBinding, batches: Batches, handle: number, what: string) {
    super(handle, what, batches);
    this.binding = binding;
  }

  /** What became of its frames so far. */
  stats(): FrameTransformStats {
    return this.binding.frameTransformStats(this.handle);
  }

  protected free(handle: number): void {
    this.release(handle);
    this.binding.frameTransformClose(handle);
  }

  protected abstract release(handle: number): void;
}

/** Encrypts or decrypts the frames of one stream in LiveKit's form, by AES-GCM. */
export class EngineFrameCryptor extends EngineFrameTransform {
  readonly events = new TypedEvents<{
    state: [state: CryptorState, keyIndex: number];
    /**
     * A candidate took the place of the key at this index: the one at `steps` - 1 of those that followed the key
     * which had been set `timesSet` times.
     */
    ratcheted: [keyIndex: number, steps: number, timesSet: number];
    /** The key at this index does not open what comes: {@link setCandidates} with those that follow it. */
    wanted: [keyIndex: number];
  }>();
  readonly #batches: Batches;

  constructor(binding: NativeBinding, batches: Batches, options: FrameCryptorOptions) {
    super(binding, batches, binding.frameCryptorCreate(options), "frame cryptor");
    this.#batches = batches;
    batches.cryptors.set(this.handle, this.events);
  }

  /** The key of an index, 16 or 32 bytes; null takes it away. Its candidates go with the key before. */
  setKey(index: number, key: Uint8Array | null): void {
    this.binding.frameCryptorSetKey(this.handle, index, key ?? new Uint8Array());
  }

  /** Keys that may have taken the place of the one at `index`, in order. */
  setCandidates(index: number, keys: Uint8Array[]): void {
    this.binding.frameCryptorSetCandidates(this.handle, index, keys);
  }

  /** The key that frames are encrypted with. */
  setKeyIndex(index: number): void {
    this.binding.frameCryptorSetKeyIndex(this.handle, index);
  }

  /** Frames pass as they are while it is not enabled. */
  setEnabled(enabled: boolean): void {
    this.binding.frameCryptorSetEnabled(this.handle, enabled);
  }

  protected release(handle: number): void {
    this.#batches.cryptors.delete(handle);
  }
}

/** Hands the frames of one stream to JavaScript, and takes them back when they come. */
export class EngineFrameRelay extends EngineFrameTransform {
  readonly events = new TypedEvents<{
    /**
     * `packet` is an RTP header without extensions (RFC 3550, section 5.1) and the frame; valid only until the
     * listener returns.
     */
    frame: [frameNumber: number, packet: Uint8Array];
  }>();
  readonly #batches: Batches;

  constructor(binding: NativeBinding, batches: Batches, options: FrameRelayOptions) {
    super(binding, batches, binding.frameRelayCreate(options), "frame relay");
    this.#batches = batches;
    batches.relays.set(this.handle, this.events);
  }

  /** Gives a frame back. False when it comes too late, or this is closed. */
  enqueue(frameNumber: number, frame: Uint8Array): boolean {
    return !this.closed && this.binding.frameRelayEnqueue(this.handle, frameNumber, frame);
  }

  protected release(handle: number): void {
    this.#batches.relays.delete(handle);
  }
}

/** The state that a record's number stands for. */
export function cryptorState(value: number): CryptorState {
  return CRYPTOR_STATES[value] ?? "internalError";
}

/** A closed transform would let frames pass as they are. */
export function handleOf(transform: EngineFrameTransform | null): number {
  if (transform?.closed) throw new TroupeError("CLOSED", "The transform is closed");
  return transform?.handle ?? 0;
}
