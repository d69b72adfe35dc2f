import { TypedEvents } from "../../../core/index.ts";
import type { CryptorState, EngineFrameCryptor } from "../../../native/index.ts";
import type { KeyRing } from "./KeyRing.ts";

/** The encryption of one track's frames. The engine does the work; this hands it keys and hears of its state. */
export class FrameCryptor {
  readonly participantIdentity: string;
  readonly trackSid: string;
  readonly events = new TypedEvents<{ state: [state: CryptorState] }>();
  readonly #engine: EngineFrameCryptor;
  readonly #timesSet: number[] = [];
  readonly #stopListening: (() => void)[];
  #state: CryptorState = "new";
  #keyIndex = 0;
  #enabled: boolean;

  constructor(
    participantIdentity: string,
    trackSid: string,
    engine: EngineFrameCryptor,
    ring: KeyRing,
    options: { enabled: boolean; keyRingSize: number },
  ) {
    this.participantIdentity = participantIdentity;
    this.trackSid = trackSid;
    this.#engine = engine;
    this.#enabled = options.enabled;
    engine.setEnabled(options.enabled);
    for (let index = 0; index < options.keyRingSize; index++) {
      const keySet = ring.get(index);
      if (keySet) this.#setKey(index, keySet.key);
    }
    this.#stopListening = [
      ring.events.on("key", (index, { key }) => this.#setKey(index, key)),
      ring.events.on("successors", (index, keys) =>
        engine.setCandidates(
          index,
          keys.map(({ key }) => key),
        ),
      ),
      engine.events.on("wanted", (index) => ring.findSuccessors(index)),
      engine.events.on("ratcheted", (index, steps, timesSet) => {
        // Another track of the participant may have moved the key already.
        if (timesSet !== this.#timesSet[index]) return;
        const successor = ring.successors(index)[steps - 1];
        if (successor) ring.adopt(index, successor.key);
      }),
      engine.events.on("state", (state) => this.#setState(state)),
    ];
  }

  get state(): CryptorState {
    return this.#state;
  }

  get keyIndex(): number {
    return this.#keyIndex;
  }

  get enabled(): boolean {
    return this.#enabled;
  }

  /** What is not enabled passes frames as they are. */
  setEnabled(enabled: boolean): void {
    this.#enabled = enabled;
    this.#engine.setEnabled(enabled);
  }

  /** The key that frames of ours are encrypted with; what arrives says its own. */
  setKeyIndex(keyIndex: number): void {
    this.#engine.setKeyIndex(keyIndex);
    this.#keyIndex = keyIndex;
  }

  close(): void {
    for (const stop of this.#stopListening) stop();
    this.events.removeAllListeners();
    this.#engine.close();
  }

  #setKey(index: number, key: Uint8Array): void {
    this.#timesSet[index] = (this.#timesSet[index] ?? 0) + 1;
    this.#engine.setKey(index, key);
  }

  #setState(state: CryptorState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.events.emit("state", state);
  }
}
