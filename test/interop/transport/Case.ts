import { type Impairment, NetworkLink } from "troupe/testing";
import type { TransportOptions } from "../../../src/native/index.ts";
import type { Checks } from "../sora/Checks.ts";
import type { Counterpart, Implementation } from "./Counterpart.ts";
import { Ours, until } from "./Ours.ts";

const CANDIDATE = /^(?:a=)?candidate:\S+ 1 udp \d+ (\d+\.\d+\.\d+\.\d+) (\d+) typ host/i;

const IS_TCP = /^(?:a=)?candidate:\S+ 1 tcp /i;
const UDP_LINE = /^a=candidate:\S+ 1 udp .*\r?\n/gim;

export interface CaseOptions {
  offerer: "ours" | "theirs";
  /** Candidates by themselves as they come, or in the descriptions alone. */
  trickle?: boolean;
  setup?: "active" | "passive";
  /** The path between both, each way. One seed loses what comes back of the packets that it lost on their way there. */
  impairment?: Impairment;
  /** The way from them to us, where it is another. */
  impairmentBack?: Impairment;
  /** Both offer it, transport-wide. */
  transportFeedback?: boolean;
  /** ICE over TCP alone: no UDP candidate reaches the other side. */
  onlyTcp?: boolean;
  /** Of our own transport. */
  transport?: Partial<TransportOptions>;
}

/** One row of the table: a case is connected, `work` is done with it, and it is closed. Its text stands in the report. */
export type Row = (
  what: string,
  options: CaseOptions,
  work: (one: Case) => Promise<string | undefined>,
) => Promise<void>;

/** Makes rows against one implementation. */
export function rowsAgainst(checks: Checks, implementation: Implementation): Row {
  return (what, options, work) =>
    checks.check(`${implementation.name}: ${what}`, async () => {
      const one = await Case.connect(implementation, options);
      try {
        return await work(one);
      } finally {
        await one.close();
      }
    });
}

/** Our session and a counterpart, negotiated with each other and connected. */
export class Case {
  readonly ours: Ours;
  readonly theirs: Counterpart;
  readonly #link: NetworkLink | undefined;
  readonly #onlyTcp: boolean;
  #theirsClosed = false;

  private constructor(ours: Ours, theirs: Counterpart, link: NetworkLink | undefined, onlyTcp: boolean) {
    this.#onlyTcp = onlyTcp;
    this.ours = ours;
    this.theirs = theirs;
    this.#link = link;
  }

  static async connect(implementation: Implementation, options: CaseOptions): Promise<Case> {
    const { offerer, trickle = true, setup, impairment, transport, onlyTcp = false } = options;
    const { transportFeedback = false, impairmentBack = impairment ?? {} } = options;
    const link = impairment
      ? await NetworkLink.open({ toClient: impairmentBack, toServer: impairment })
      : undefined;
    const role = offerer === "ours" ? "offerer" : "answerer";
    const ours = new Ours(role, { iceTcp: onlyTcp, ...transport }, transportFeedback);
    const waiting: [candidate: string, mid: string][] = [];
    const theirs = await implementation.create({
      ...(setup ? { setup } : {}),
      iceTcp: onlyTcp,
      transportFeedback,
      onCandidate: (candidate, mid) => {
        if (onlyTcp && !IS_TCP.test(candidate)) return;
        if (link) leadThrough(link, ours, candidate, mid);
        else if (trickle) ours.session.addRemoteCandidate(candidate, mid);
        else waiting.push([candidate, mid]);
      },
    });
    const made = new Case(ours, theirs, link, onlyTcp);
    try {
      await made.#negotiate(offerer, trickle && !link);
      // Their descriptions have no candidates yet; without trickle they would stand in a later one.
      if (!trickle) {
        await until("their candidates are known", () => waiting.length > 0);
        for (const [candidate, mid] of waiting) ours.session.addRemoteCandidate(candidate, mid);
      }
      await made.connected();
    } catch (error) {
      await made.close();
      throw error;
    }
    return made;
  }

  /** Both sides say so. */
  async connected(): Promise<void> {
    await until("ours is connected", () => this.ours.transportState === "connected");
    await until("theirs is connected", async () => (await this.theirs.state()) === "connected");
  }

  /** Whoever offers restarts ICE. */
  async restart(form: "same-sockets" | "new-sockets" = "same-sockets"): Promise<void> {
    if (this.ours.session.role === "offerer") {
      this.ours.acceptAnswer(await this.theirs.answer(this.ours.offer({ iceRestart: form })));
    } else {
      await this.theirs.acceptAnswer(this.ours.answer(await this.theirs.offer({ iceRestart: true })));
    }
  }

  async closeTheirs(): Promise<void> {
    if (this.#theirsClosed) return;
    this.#theirsClosed = true;
    await this.theirs.close();
  }

  async close(): Promise<void> {
    this.ours.close();
    await this.closeTheirs();
    await this.#link?.close();
  }

  async #negotiate(offerer: "ours" | "theirs", trickle: boolean): Promise<void> {
    const { ours, theirs } = this;
    if (trickle) {
      ours.session.events.on("candidate", (candidate, mid) => {
        if (this.#onlyTcp && !IS_TCP.test(candidate)) return;
        if (candidate) theirs.addCandidate(candidate, mid).catch(() => {});
      });
    }
    if (offerer === "ours") {
      // Gathering begins with the first description; without trickle the second one has everything.
      ours.offer();
      if (!trickle) await until("ours has gathered", () => ours.session.gathered);
      const answer = await theirs.answer(this.#toThem(ours.offer()));
      ours.acceptAnswer(this.#toUs(answer));
    } else {
      const answer = ours.answer(this.#toUs(await theirs.offer()));
      await theirs.acceptAnswer(this.#toThem(answer));
    }
  }

  #toThem(sdp: string): string {
    if (this.#onlyTcp) return sdp.replace(UDP_LINE, "");
    return this.#link ? this.#link.withoutCandidates(sdp) : sdp;
  }

  #toUs(sdp: string): string {
    if (this.#onlyTcp) return sdp.replace(UDP_LINE, "");
    return this.#link ? this.#link.throughSdp(sdp) : sdp;
  }
}

/** Our side sees the link's address instead of theirs; they learn the way from the packets that come. */
function leadThrough(link: NetworkLink, ours: Ours, candidate: string, mid: string): void {
  const [, address, port] = CANDIDATE.exec(candidate) ?? [];
  if (!address || !port) return;
  link.setTarget({ address, port: Number(port) });
  const { address: relay, port: relayPort } = link.address;
  ours.session.addRemoteCandidate(`candidate:1 1 udp 2130706431 ${relay} ${relayPort} typ host`, mid);
}
