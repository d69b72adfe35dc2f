import { EventEmitter } from "eventemitter3";
import { type Logger, logger } from "./logger.ts";

/**
 * Typed events. A listener that throws is logged and does not keep the others from running.
 *
 * @example
 * class Meter extends TypedEvents<{ level: [dBov: number] }> {}
 */
export class TypedEvents<Events extends object> {
  readonly #emitter = new EventEmitter();
  readonly #log: Logger;

  constructor(log: Logger = logger) {
    this.#log = log;
  }

  /** Calls `listener` at each `name` until it is taken off; gives a function that takes it off. */
  on<Name extends keyof Events & string>(
    name: Name,
    listener: (...args: Extract<Events[Name], unknown[]>) => void,
  ): () => void {
    this.#emitter.on(name, listener as (...args: unknown[]) => void);
    return () => this.off(name, listener);
  }

  /** Calls `listener` at the next `name` only. */
  once<Name extends keyof Events & string>(
    name: Name,
    listener: (...args: Extract<Events[Name], unknown[]>) => void,
  ): () => void {
    const off = this.on(name, ((...args: Extract<Events[Name], unknown[]>) => {
      off();
      listener(...args);
    }) as typeof listener);
    return off;
  }

  /** Takes `listener` off. */
  off<Name extends keyof Events & string>(
    name: Name,
    listener: (...args: Extract<Events[Name], unknown[]>) => void,
  ): void {
    this.#emitter.off(name, listener as (...args: unknown[]) => void);
  }

  /** How many listeners `name` has. */
  listenerCount(name: keyof Events & string): number {
    return this.#emitter.listenerCount(name);
  }

  /** Runs the listeners of `name`, each behind its own guard. For the owner of the events. */
  emit<Name extends keyof Events & string>(name: Name, ...args: Extract<Events[Name], unknown[]>): void {
    for (const listener of this.#emitter.listeners(name)) {
      try {
        const result: unknown = (listener as (...args: unknown[]) => unknown)(...args);
        if (result instanceof Promise) result.catch((error) => this.#report(name, error));
      } catch (error) {
        this.#report(name, error);
      }
    }
  }

  /** Takes every listener off. For the owner of the events, when it closes. */
  removeAllListeners(): void {
    this.#emitter.removeAllListeners();
  }

  #report(name: string, error: unknown): void {
    this.#log.error("a listener threw", { event: name, error });
  }
}
