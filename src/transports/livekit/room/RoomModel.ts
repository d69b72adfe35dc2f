import {
  type ConnectionQualityUpdate,
  type JoinResponse,
  type ParticipantInfo,
  Room as RoomInfo,
  type RoomMovedResponse,
  type SignalResponse,
  type SpeakerInfo,
  type StreamStateUpdate,
  type SubscriptionPermission,
  type SubscriptionPermissionUpdate,
  type SubscriptionResponse,
  type TrackInfo,
  UpdateSubscription,
} from "@livekit/protocol";
import type { LocalTrack, RemoteTrack } from "../../../connection/index.ts";
import {
  type Clock,
  type Logger,
  logger,
  systemClock,
  TroupeError,
  TypedEvents,
} from "../../../core/index.ts";
import { applyInfo } from "./changes.ts";
import type { AnyParticipant, RoomEvents } from "./events.ts";
import { LocalParticipant, type ParticipantUpdate } from "./LocalParticipant.ts";
import { LocalPublications } from "./LocalPublications.ts";
import { MetadataUpdates } from "./MetadataUpdates.ts";
import type { RemoteParticipant } from "./RemoteParticipant.ts";
import type { RemoteTrackPublication } from "./RemoteTrackPublication.ts";
import type { RoomSignal } from "./RoomSignal.ts";
import { Roster } from "./Roster.ts";
import { parseTrackPermissions, type TrackPermissions } from "./TrackPermissions.ts";
import {
  connectionQualityOf,
  type RoomConnectionState,
  streamStateOf,
  subscriptionFailureOf,
} from "./values.ts";

export interface RoomModelOptions {
  signal: RoomSignal;
  /** Whether the server sends us what others publish without being asked. */
  autoSubscribe: boolean;
  clock?: Clock;
  log?: Logger;
}

/**
 * What is known of a room: itself, who is in it, and what they publish. It is told what the server says and which
 * media comes, reports what changed, and asks the server through its port.
 */
export class RoomModel extends TypedEvents<RoomEvents> {
  readonly #signal: RoomSignal;
  readonly #autoSubscribe: boolean;
  readonly #roster: Roster;
  readonly #publications: LocalPublications;
  readonly #updates: MetadataUpdates;
  readonly #sid = Promise.withResolvers<string>();
  #info = new RoomInfo();
  #local: LocalParticipant | undefined;
  #permission: SubscriptionPermission | undefined;
  #speakers: AnyParticipant[] = [];
  #state: RoomConnectionState = "disconnected";

  constructor({ signal, autoSubscribe, clock = systemClock, log = logger }: RoomModelOptions) {
    super(log);
    this.#signal = signal;
    this.#autoSubscribe = autoSubscribe;
    this.#roster = new Roster(this, autoSubscribe, (publication, subscribed) =>
      this.#subscribe(publication, subscribed),
    );
    this.#publications = new LocalPublications(this);
    this.#updates = new MetadataUpdates(signal, clock);
    // Whoever does not ask for the sid need not hear that there is none.
    this.#sid.promise.catch(() => {});
  }

  // What is known

  /**
   * The server's id of the room, once it has one.
   *
   * @throws TroupeError CLOSED when the connection ended before.
   */
  getSid(): Promise<string> {
    return this.#info.sid === "" ? this.#sid.promise : Promise.resolve(this.#info.sid);
  }

  get name(): string {
    return this.#info.name;
  }

  get metadata(): string {
    return this.#info.metadata;
  }

  /** Everybody in the room; the server tells it every few seconds. */
  get numParticipants(): number {
    return this.#info.numParticipants;
  }

  /** Those who publish something; the server tells it every few seconds. */
  get numPublishers(): number {
    return this.#info.numPublishers;
  }

  /** 0 when there is no limit. */
  get maxParticipants(): number {
    return this.#info.maxParticipants;
  }

  get isRecording(): boolean {
    return this.#info.activeRecording;
  }

  /** Null before the server told it. */
  get creationTime(): Date | null {
    const ms = Number(this.#info.creationTimeMs) || Number(this.#info.creationTime) * 1000;
    return ms === 0 ? null : new Date(ms);
  }

  /** How long the room stays when nobody comes, in ms. */
  get emptyTimeoutMs(): number {
    return this.#info.emptyTimeout * 1000;
  }

  /** How long the room stays after the last one left, in ms. */
  get departureTimeoutMs(): number {
    return this.#info.departureTimeout * 1000;
  }

  get connectionState(): RoomConnectionState {
    return this.#state;
  }

  /** True while it reconnects too. */
  get isConnected(): boolean {
    return this.#state !== "disconnected";
  }

  /** @throws TroupeError INVALID_STATE before the room was joined. */
  get localParticipant(): LocalParticipant {
    if (this.#local) return this.#local;
    throw new TroupeError("INVALID_STATE", "There is no local participant before the room is joined");
  }

  /** Whether the room was joined, so that there is a local participant. */
  get isJoined(): boolean {
    return this.#local !== undefined;
  }

  /** By identity. */
  get remoteParticipants(): ReadonlyMap<string, RemoteParticipant> {
    return this.#roster.participants;
  }

  /** Everybody who speaks now, the loudest first. */
  get activeSpeakers(): AnyParticipant[] {
    return [...this.#speakers];
  }

  /** Local or remote. */
  participantWithIdentity(identity: string): AnyParticipant | undefined {
    return this.#local?.identity === identity ? this.#local : this.#roster.participants.get(identity);
  }

  // What the connection tells

  /** The server let us in: for the first time, or anew after a full reconnect. */
  joined(join: JoinResponse): void {
    const own = join.participant;
    if (!own) return;
    if (join.room) this.#setInfo(join.room, this.isJoined);
    if (this.#local) {
      applyInfo(this, this.#local, own, true);
      this.#setSpeakers([]);
      this.#roster.replace(join.otherParticipants);
      this.#ask(this.subscription);
      this.#sendPermission();
      return;
    }
    this.#local = new LocalParticipant(own, {
      update: (change, signal) => this.#update(change, signal),
      permit: (permissions) => this.#permit(permissions),
    });
    this.#roster.fill(join.otherParticipants);
  }

  /** A message of the server; those that do not concern the room are let go. */
  receive({ message }: SignalResponse): void {
    const local = this.#local;
    if (!local) return;
    switch (message.case) {
      case "update":
        this.#updateParticipants(local, message.value.participants);
        break;
      case "roomUpdate":
        this.#setInfo(message.value.room ?? this.#info, true);
        break;
      case "roomMoved":
        this.#move(local, message.value);
        break;
      case "refreshToken":
        this.emit("tokenRefreshed", message.value);
        break;
      case "speakersChanged":
        this.#changeSpeakers(message.value.speakers);
        break;
      case "connectionQuality":
        this.#changeQualities(message.value);
        break;
      case "streamStateUpdate":
        this.#changeStreamStates(message.value);
        break;
      case "subscriptionPermissionUpdate":
        this.#changeAllowed(message.value);
        break;
      case "subscriptionResponse":
        this.#failSubscription(message.value);
        break;
      case "requestResponse":
        this.#updates.answered(message.value, local);
        break;
      case "mute":
        this.#publications.mutedByServer(local, message.value.sid, message.value.muted);
        break;
      case "trackSubscribed":
        this.#publications.subscribed(local, message.value.trackSid);
        break;
      case "trackUnpublished":
        this.#publications.revoked(local, message.value.trackSid);
        break;
    }
  }

  /** `disconnected` ends it; whoever still waits is told. */
  setConnectionState(state: RoomConnectionState): void {
    if (state === this.#state) return;
    this.#state = state;
    if (state === "disconnected") this.#end();
    this.emit("connectionStateChanged", state);
  }

  /** What a publication's audio comes by; before or after the server tells of the publication. */
  mediaArrived(trackSid: string, track: RemoteTrack): void {
    this.#roster.mediaArrived(trackSid, track);
  }

  /** It comes no more; the publication may still be there. */
  mediaGone(trackSid: string): void {
    this.#roster.mediaGone(trackSid);
  }

  /** The server took in a track of ours, for the first time or anew under another sid. */
  localPublished(info: TrackInfo, track: LocalTrack): void {
    const previousSid = this.#publications.published(this.localParticipant, info, track);
    if (previousSid === undefined || !this.#permission) return;
    for (const permission of this.#permission.trackPermissions) {
      permission.trackSids = permission.trackSids.map((sid) => (sid === previousSid ? info.sid : sid));
    }
    this.#sendPermission();
  }

  /** Which tracks are not subscribed as the room does by itself: what a resume tells the server. */
  get subscription(): UpdateSubscription {
    return new UpdateSubscription({ trackSids: this.#roster.exceptions, subscribe: !this.#autoSubscribe });
  }

  #updateParticipants(local: LocalParticipant, infos: readonly ParticipantInfo[]): void {
    for (const info of infos) {
      if (info.identity === local.identity || info.sid === local.sid) this.#updateLocal(local, info);
      else this.#roster.update(info);
    }
    this.#speakers = this.#speakers.filter((speaker) => this.#isHere(speaker));
  }

  #updateLocal(local: LocalParticipant, info: ParticipantInfo): void {
    // The end of an earlier visit of ours is no news.
    if (info.sid !== local.sid) return;
    if (!applyInfo(this, local, info)) return;
    this.#publications.changed(local, info.tracks);
    this.#updates.updated(local);
  }

  #setInfo(info: RoomInfo, isTold: boolean): void {
    const before = this.#info;
    if (before.equals(info)) return;
    this.#info = info;
    if (info.sid !== "") this.#sid.resolve(info.sid);
    if (!isTold) return;
    if (before.metadata !== info.metadata) this.emit("roomMetadataChanged", before.metadata, info.metadata);
    this.emit("roomUpdated");
  }

  #move(local: LocalParticipant, { room, token, participant, otherParticipants }: RoomMovedResponse): void {
    if (token !== "") this.emit("tokenRefreshed", token);
    if (room) this.#setInfo(room, false);
    this.#setSpeakers([]);
    this.#roster.clear();
    if (participant) applyInfo(this, local, participant, true);
    this.emit("moved");
    for (const info of otherParticipants) this.#roster.update(info);
  }

  #changeSpeakers(changes: readonly SpeakerInfo[]): void {
    const speaking = new Set(this.#speakers);
    for (const { sid, level, active } of changes) {
      const participant = this.#withSid(sid);
      if (!participant) continue;
      participant.setSpeaking(active ? level : 0, active);
      if (active) speaking.add(participant);
      else speaking.delete(participant);
    }
    const speakers = [...speaking].filter((speaker) => this.#isHere(speaker));
    this.#setSpeakers(speakers.sort((a, b) => b.audioLevel - a.audioLevel));
  }

  #setSpeakers(speakers: AnyParticipant[]): void {
    const before = this.#speakers;
    this.#speakers = speakers;
    for (const speaker of before) if (!speakers.includes(speaker)) speaker.setSpeaking(0, false);
    if (before.length > 0 || speakers.length > 0) this.emit("activeSpeakersChanged", [...speakers]);
  }

  #changeQualities({ updates }: ConnectionQualityUpdate): void {
    for (const { participantSid, quality } of updates) {
      const participant = this.#withSid(participantSid);
      const name = connectionQualityOf(quality);
      if (!participant || participant.connectionQuality === name) continue;
      participant.setConnectionQuality(name);
      this.emit("connectionQualityChanged", participant, name);
    }
  }

  #changeStreamStates({ streamStates }: StreamStateUpdate): void {
    for (const { trackSid, state } of streamStates) {
      const published = this.#roster.find(trackSid);
      const name = streamStateOf(state);
      if (!published?.publication.track || published.publication.streamState === name) continue;
      published.publication.setStreamState(name);
      this.emit("trackStreamStateChanged", published.publication, name, published.participant);
    }
  }

  #changeAllowed({ trackSid, allowed }: SubscriptionPermissionUpdate): void {
    const published = this.#roster.find(trackSid);
    if (!published || published.publication.allowed === allowed) return;
    published.publication.setAllowed(allowed);
    const { publication, participant } = published;
    this.emit("trackSubscriptionPermissionChanged", publication, participant, allowed);
  }

  #failSubscription({ trackSid, err }: SubscriptionResponse): void {
    const participant = this.#roster.find(trackSid)?.participant;
    if (participant) this.emit("trackSubscriptionFailed", participant, trackSid, subscriptionFailureOf(err));
  }

  // What users ask

  #update(change: ParticipantUpdate, signal?: AbortSignal): Promise<void> {
    return this.#updates.request(this.localParticipant, change, signal);
  }

  #permit(permissions: TrackPermissions): void {
    this.#permission = parseTrackPermissions(permissions);
    this.#sendPermission();
  }

  #sendPermission(): void {
    const value = this.#permission;
    if (value) this.#sendOrKeep(() => this.#signal.send({ case: "subscriptionPermission", value }));
  }

  #subscribe({ sid }: RemoteTrackPublication, subscribe: boolean): void {
    this.#ask(new UpdateSubscription({ trackSids: [sid], subscribe }));
  }

  #ask(value: UpdateSubscription): void {
    if (value.trackSids.length === 0) return;
    this.#sendOrKeep(() => this.#signal.send({ case: "subscription", value }));
  }

  /** What is said again after a join need not be said while there is no room. */
  #sendOrKeep(send: () => void): void {
    try {
      send();
    } catch (error) {
      if (!(error instanceof TroupeError && error.code === "INVALID_STATE")) throw error;
    }
  }

  #withSid(sid: string): AnyParticipant | undefined {
    return this.#local?.sid === sid ? this.#local : this.#roster.withSid(sid);
  }

  #isHere(participant: AnyParticipant): boolean {
    return this.participantWithIdentity(participant.identity) === participant;
  }

  #end(): void {
    const error = new TroupeError("CLOSED", "The connection is over");
    this.#updates.close(error);
    this.#sid.reject(error);
    this.#setSpeakers([]);
    this.#roster.end();
    if (this.#local) this.#publications.end(this.#local);
  }
}
