import type { Member } from "./Member.ts";
import { spotlightNotify } from "./notify.ts";
import { Speakers } from "./speakers.ts";

/** How often the loudness of the members is looked at, in ms. */
const LOOK_MS = 100;

/** How many are in the light, and the layers of those who are and are not, where a client says nothing of it. */
const SPOTLIGHT_NUMBER = 1;
const FOCUS_RID = "r1";
const UNFOCUS_RID = "r0";

/**
 * Who is in the light for the members that asked for a spotlight: as many senders as each of them wants, those who
 * spoke last. They are told of changes and, where video comes in layers, get the layers that go with them. Loudness
 * comes from the header extension of RFC 6464: nothing is decoded.
 */
export class Spotlight {
  readonly #speakers = new Speakers();
  /** Of each member that asked for it: the senders it knows, and whether each is in the light. */
  readonly #lights = new Map<Member, Map<string, boolean>>();
  readonly #othersOf: (member: Member) => readonly Member[];
  readonly #members: () => readonly Member[];
  #timer: NodeJS.Timeout | undefined;

  /** @param othersOf whom a member could get something of. */
  constructor(members: () => readonly Member[], othersOf: (member: Member) => readonly Member[]) {
    this.#members = members;
    this.#othersOf = othersOf;
  }

  /** Members came or went. */
  refresh(): void {
    const members = this.#members();
    for (const member of this.#lights.keys()) if (!members.includes(member)) this.#lights.delete(member);
    const watched = members.some(({ connect }) => connect.spotlight);
    if (watched) this.#timer ??= setInterval(() => this.#look(), LOOK_MS);
    else this.close();
    for (const member of members) if (member.connect.spotlight) this.#turn(member);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    const loudness = new Map<string, number>();
    for (const member of this.#members()) {
      const sound = member.publications.find(({ kind }) => kind === "audio");
      if (sound && !sound.receiver.closed)
        loudness.set(member.identity.connectionId, sound.receiver.takeLoudest());
    }
    this.#speakers.look(loudness, Date.now());
    for (const member of this.#members()) if (member.connect.spotlight) this.#turn(member);
  }

  /** Puts into the light, for one member, who belongs there now. */
  #turn(member: Member): void {
    const senders = this.#othersOf(member).filter(({ publications }) => publications.length > 0);
    const { spotlight_number = SPOTLIGHT_NUMBER } = member.connect;
    const now = new Set(
      this.#speakers.latest(
        senders.map(({ identity }) => identity.connectionId),
        spotlight_number,
      ),
    );
    const before = this.#lights.get(member);
    const lights = new Map<string, boolean>();
    const { spotlight_focus_rid = FOCUS_RID, spotlight_unfocus_rid = UNFOCUS_RID } = member.connect;
    for (const { identity } of senders) {
      const id = identity.connectionId;
      const isLit = now.has(id);
      const wasLit = before?.get(id);
      lights.set(id, isLit);
      if (wasLit === isLit) continue;
      member.requestLayer(isLit ? spotlight_focus_rid : spotlight_unfocus_rid, id);
      // Who comes into the dark is no change of what there was.
      if (isLit || wasLit) member.tell("notify", spotlightNotify(isLit ? "focused" : "unfocused", identity));
      if (isLit) member.tell("notify", spotlightNotify("changed", identity));
    }
    this.#lights.set(member, lights);
  }
}
