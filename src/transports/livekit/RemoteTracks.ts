import { type ParticipantInfo, ParticipantInfo_State, type TrackInfo, TrackType } from "@livekit/protocol";
import type { DriverEvent } from "../../actors/index.ts";
import type { ConnectionHost } from "../../connection/index.ts";
import type { EngineReceiver } from "../../media/index.ts";
import type { TransformTarget } from "./e2ee/index.ts";

interface Known {
  identity: string;
  info: TrackInfo;
}

/**
 * The others' audio tracks as the connection has them. A track's key is made of who sends it, its source and its
 * name, which stay when everybody joins anew, so that what listens to it goes on listening.
 */
export class RemoteTracks {
  readonly #host: ConnectionHost;
  readonly #report: (event: DriverEvent) => void;
  readonly #keys: Map<string, string>;
  readonly #beforeAttach: (identity: string, info: TrackInfo, target: TransformTarget) => void;
  readonly #known = new Map<string, Known>();
  readonly #receivers = new Map<string, { receiver: EngineReceiver; target: TransformTarget }>();
  readonly #added = new Set<string>();
  readonly #video = new Set<string>();

  /** @param beforeAttach what is to decrypt a track is set before anybody hears it. */
  constructor(
    host: ConnectionHost,
    report: (event: DriverEvent) => void,
    keys: Map<string, string>,
    beforeAttach: (identity: string, info: TrackInfo, target: TransformTarget) => void,
  ) {
    this.#host = host;
    this.#report = report;
    this.#keys = keys;
    this.#beforeAttach = beforeAttach;
  }

  /** What the server says of participants: all of them after a join, else those that changed. */
  update(participants: readonly ParticipantInfo[]): void {
    for (const { identity, state, tracks } of participants) {
      const present = state === ParticipantInfo_State.DISCONNECTED ? [] : tracks;
      const sids = new Set(present.map((track) => track.sid));
      for (const [trackSid, known] of [...this.#known]) {
        if (known.identity === identity && !sids.has(trackSid)) this.#end(trackSid);
      }
      for (const info of present) this.#learn(identity, info);
    }
  }

  /** Ends everything of participants other than these. */
  endOthers(participants: readonly ParticipantInfo[]): void {
    const identities = new Set(participants.map(({ identity }) => identity));
    for (const [sid, { identity }] of [...this.#known]) if (!identities.has(identity)) this.#end(sid);
  }

  /** The sids of video tracks that were not given out before. */
  takeNewVideo(): string[] {
    const sids = [...this.#known.values()].flatMap(({ info }) =>
      info.type === TrackType.VIDEO ? info.sid : [],
    );
    const fresh = sids.filter((sid) => !this.#video.has(sid));
    for (const sid of fresh) this.#video.add(sid);
    return fresh;
  }

  get audioCount(): number {
    return [...this.#known.values()].filter(({ info }) => info.type === TrackType.AUDIO).length;
  }

  keyOf(trackSid: string): string | undefined {
    return this.#keys.get(trackSid);
  }

  sidOf(key: string): string | undefined {
    for (const [sid, one] of this.#keys) if (one === key && this.#known.has(sid)) return sid;
    return undefined;
  }

  ready(trackSid: string, receiver: EngineReceiver, target: TransformTarget): void {
    this.#receivers.set(trackSid, { receiver, target });
    this.#attach(trackSid);
  }

  /** We no longer receive it; it may still be published. */
  gone(trackSid: string): void {
    this.#receivers.delete(trackSid);
    const key = this.#keys.get(trackSid);
    if (!key || !this.#added.delete(trackSid)) return;
    this.#host.receiverGone(key);
    this.#report({ type: "track.removed", key });
  }

  /** Lets go of everything that is received; what listens to it waits for it to come back. */
  detach(): void {
    for (const trackSid of this.#added) {
      const key = this.#keys.get(trackSid);
      if (key) this.#host.receiverGone(key);
    }
    this.#added.clear();
    this.#receivers.clear();
  }

  /** Ends the tracks of earlier attempts that nobody publishes any more. */
  endAbsent(): void {
    const here = new Set([...this.#known.keys()].map((sid) => this.#keys.get(sid)));
    for (const [sid, key] of [...this.#keys]) {
      if (this.#known.has(sid)) continue;
      this.#keys.delete(sid);
      if (!here.has(key)) this.#report({ type: "track.removed", key });
    }
  }

  #learn(identity: string, info: TrackInfo): void {
    const isNew = !this.#known.has(info.sid);
    this.#known.set(info.sid, { identity, info });
    if (isNew && !this.#keys.has(info.sid)) this.#keys.set(info.sid, this.#freeKey(identity, info));
    const key = this.#keys.get(info.sid);
    if (key && this.#added.has(info.sid)) this.#host.trackMuted(key, info.muted);
    this.#attach(info.sid);
  }

  /** Media and the word of whom it is of may come in either order. */
  #attach(trackSid: string): void {
    const media = this.#receivers.get(trackSid);
    const known = this.#known.get(trackSid);
    const key = this.#keys.get(trackSid);
    if (!media || !known || !key) return;
    if (!this.#added.has(trackSid)) {
      this.#beforeAttach(known.identity, known.info, media.target);
      this.#added.add(trackSid);
      this.#report({ type: "track.added", track: { key, kind: "audio", senderId: known.identity } });
      if (known.info.muted) this.#host.trackMuted(key, true);
    }
    this.#host.receiverReady(key, media.receiver);
  }

  #end(trackSid: string): void {
    this.gone(trackSid);
    this.#video.delete(trackSid);
    this.#known.delete(trackSid);
    this.#keys.delete(trackSid);
  }

  #freeKey(identity: string, info: TrackInfo): string {
    const base = `${identity}/${info.source}/${info.name}`;
    const taken = new Set([...this.#known.keys()].flatMap((sid) => this.#keys.get(sid) ?? []));
    let key = base;
    for (let number = 2; taken.has(key); number++) key = `${base}#${number}`;
    return key;
  }
}
