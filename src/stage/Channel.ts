import { type Logger, randomId } from "../core/index.ts";
import { ChannelRecording, type RecordingIndex } from "./ChannelRecording.ts";
import { ForwardedMessage } from "./ForwardedMessage.ts";
import type { Member } from "./Member.ts";
import { type ConnectionEventType, connectionNotify, layerNotify } from "./notify.ts";
import { Spotlight } from "./Spotlight.ts";
import type { Publication } from "./Upstreams.ts";

/** Who comes, stays and goes, once for each and not once for each who is told. */
export type ChannelListener = (eventType: ConnectionEventType, event: Record<string, unknown>) => void;

/** The members of one channel, and who hears and is told what. */
export class Channel {
  readonly id: string;
  /** Lives from the first member to the last. */
  readonly sessionId = randomId();
  readonly #members = new Map<string, Member>();
  readonly #log: Logger;
  readonly #onEmpty: () => void;
  readonly #onEvent: ChannelListener | undefined;
  readonly #spotlight = new Spotlight(
    () => this.#connectedMembers(),
    (member) => this.#others(member),
  );
  #starting: Promise<ChannelRecording> | undefined;
  #recording: ChannelRecording | undefined;

  constructor(id: string, log: Logger, onEmpty: () => void, onEvent?: ChannelListener) {
    this.id = id;
    this.#log = log;
    this.#onEmpty = onEmpty;
    this.#onEvent = onEvent;
  }

  get size(): number {
    return this.#members.size;
  }

  get members(): Iterable<Member> {
    return this.#members.values();
  }

  member(connectionId: string): Member | undefined {
    return this.#members.get(connectionId);
  }

  /** Takes a member in and sends it the offer. */
  async join(member: Member): Promise<void> {
    this.#members.set(member.identity.connectionId, member);
    member.events.on("connected", () => this.#connected(member));
    member.events.on("upstream", () => this.#refresh());
    member.events.on("layer", (change) => {
      if (change.previous !== "") member.tell("notify", layerNotify(change));
    });
    member.events.on("minute", () => this.#notify("connection.updated", member));
    member.events.on("message", (label, data) => this.#forward(member, label, data));
    let wasConnected = false;
    member.events.on("connected", () => {
      wasConnected = true;
    });
    member.events.on("left", (reason) => this.#left(member, wasConnected, reason));
    await member.start(() => this.#wantedBy(member));
  }

  /** Sends a `push` to every connected member, or to one. Gives how many it went to. */
  push(data: unknown, connectionId?: string): number {
    let told = 0;
    for (const member of this.#connectedMembers()) {
      if (connectionId !== undefined && member.identity.connectionId !== connectionId) continue;
      member.tell("push", { type: "push", data });
      told++;
    }
    return told;
  }

  /** Records what each member says to a file of its own, until it is stopped or the channel is empty. */
  async record(folder: string): Promise<string> {
    this.#starting ??= ChannelRecording.start(folder, this.id, this.#log);
    const starting = this.#starting;
    try {
      const recording = await starting;
      if (this.#starting === starting) this.#recording = recording;
      this.#recording?.follow(this.#connectedMembers());
      return recording.id;
    } catch (error) {
      this.#starting = undefined;
      throw error;
    }
  }

  /** Ends the recording and its files; undefined when there is none. */
  async stopRecording(): Promise<RecordingIndex | undefined> {
    const starting = this.#starting;
    this.#starting = undefined;
    this.#recording = undefined;
    return (await starting)?.close();
  }

  /** Ends every member. */
  close(reason: string): void {
    for (const member of [...this.#members.values()]) member.leave(reason);
  }

  #connected(member: Member): void {
    this.#log.info("a member is in", { channelId: this.id, connectionId: member.identity.connectionId });
    this.#notify("connection.created", member);
    this.#refresh();
  }

  #left(member: Member, wasConnected: boolean, reason: string): void {
    this.#members.delete(member.identity.connectionId);
    this.#log.info("a member left", {
      channelId: this.id,
      connectionId: member.identity.connectionId,
      reason,
    });
    if (wasConnected) this.#notify("connection.destroyed", member);
    // Before the member's session closes its receiver, so that no forwarder outlives what it forwards.
    this.#refresh();
    if (this.#members.size === 0) this.#onEmpty();
  }

  /** Members of one bundle are one party on several connections: they neither get nor hear of each other. */
  #others(member: Member): Member[] {
    const { bundleId } = member.identity;
    return this.#connectedMembers().filter(
      (other) => other !== member && other.identity.bundleId !== bundleId,
    );
  }

  #wantedBy(member: Member): Publication[] {
    return this.#others(member).flatMap((other) =>
      other.publications.filter(({ kind }) => member.wants(other, kind)),
    );
  }

  #refresh(): void {
    for (const member of this.#members.values()) member.get(this.#wantedBy(member));
    this.#spotlight.refresh();
    this.#recording?.follow(this.#connectedMembers());
  }

  #notify(eventType: ConnectionEventType, about: Member): void {
    const connected = this.#connectedMembers();
    this.#onEvent?.(eventType, connectionNotify(eventType, about.identity, identitiesOf(connected), []));
    const identities = identitiesOf(connected);
    const others = identitiesOf(this.#others(about));
    // Only the newcomer is told who is there already; the others heard of each.
    const toOthers = connectionNotify(eventType, about.identity, identities, []);
    const toItself = connectionNotify(eventType, about.identity, identities, others);
    if (about.state === "connected") about.tell("notify", toItself);
    for (const member of this.#others(about)) member.tell("notify", toOthers);
  }

  #forward(sender: Member, label: string, data: Buffer): void {
    const message = new ForwardedMessage(sender.identity.connectionId, data);
    for (const member of this.#others(sender)) member.channels.forward(label, message);
  }

  #connectedMembers(): Member[] {
    return [...this.#members.values()].filter((member) => member.state === "connected");
  }
}

function identitiesOf(members: readonly Member[]) {
  return members.map(({ identity }) => identity);
}
