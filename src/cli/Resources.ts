/** What was opened, to be ended together: AsyncDisposableStack in what is needed of it, which Node 22 does not have. */
export class Resources implements AsyncDisposable {
  #ends: (() => unknown)[] = [];

  /** Ends `resource` with the rest. */
  use<T extends AsyncDisposable>(resource: T): T {
    this.defer(() => resource[Symbol.asyncDispose]());
    return resource;
  }

  /** Runs `end` with the rest. */
  defer(end: () => unknown): void {
    this.#ends.push(end);
  }

  /** Hands what was opened over; nothing is left to end here. */
  move(): Resources {
    const moved = new Resources();
    moved.#ends = this.#ends;
    this.#ends = [];
    return moved;
  }

  /**
   * Ends all of it, the last opened first.
   *
   * @throws the first error of those that came up, once all have been ended.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    const errors: unknown[] = [];
    for (let end = this.#ends.pop(); end; end = this.#ends.pop()) {
      try {
        await end();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }
}
