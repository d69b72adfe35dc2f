/** From this loudness on a packet counts as speech, in dBov (RFC 6464). */
const SPEECH_DBOV = -45;
/** So many looks in a row must find it: a cough or a click brings nobody into the light. */
const LOOKS = 3;

/** Who spoke when, by how loud each was since the last look. */
export class Speakers {
  readonly #heard = new Map<string, { looks: number; spokeAtMs: number }>();

  /** What was found at one look: the loudest of each since the one before. Who is not in it is gone. */
  look(loudness: ReadonlyMap<string, number>, nowMs: number): void {
    for (const id of this.#heard.keys()) if (!loudness.has(id)) this.#heard.delete(id);
    for (const [id, dBov] of loudness) {
      const { looks = 0, spokeAtMs = Number.NEGATIVE_INFINITY } = this.#heard.get(id) ?? {};
      const now = dBov >= SPEECH_DBOV ? looks + 1 : 0;
      this.#heard.set(id, { looks: now, spokeAtMs: now >= LOOKS ? nowMs : spokeAtMs });
    }
  }

  /**
   * The `count` of `among` that spoke last, in the order of `among`. Who never spoke is in it only while there is room.
   */
  latest(among: readonly string[], count: number): string[] {
    const spoke = (id: string) => this.#heard.get(id)?.spokeAtMs ?? Number.NEGATIVE_INFINITY;
    const last = among.toSorted((one, other) =>
      spoke(other) > spoke(one) ? 1 : spoke(other) < spoke(one) ? -1 : 0,
    );
    const chosen = new Set(last.slice(0, count));
    return among.filter((id) => chosen.has(id));
  }
}
