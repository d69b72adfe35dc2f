import { logger } from "../core/index.ts";

/** What handles belong to: when it has ended, so have they. */
export interface HandleOwner {
  readonly ended: boolean;
}

const leaked = new FinalizationRegistry<{ what: string; owner: HandleOwner | undefined }>(
  ({ what, owner }) => {
    if (!owner?.ended) logger.warn("a native handle was collected without close()", { what });
  },
);

/** An object that owns one native handle. `close()` frees it; a second call does nothing. */
export abstract class NativeHandle {
  /** The number that the addon knows it by; 0 once closed. */
  #handle: number;

  constructor(handle: number, what: string, owner?: HandleOwner) {
    this.#handle = handle;
    leaked.register(this, { what: `${what} ${handle}`, owner }, this);
  }

  get handle(): number {
    return this.#handle;
  }

  get closed(): boolean {
    return this.#handle === 0;
  }

  close(): void {
    if (this.#handle === 0) return;
    const handle = this.#handle;
    this.#handle = 0;
    leaked.unregister(this);
    this.free(handle);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  protected abstract free(handle: number): void;
}
