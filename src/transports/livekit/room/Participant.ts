import {
  type ClientInfo_Capability,
  type ParticipantInfo,
  ParticipantInfo_State,
  type ParticipantPermission,
} from "@livekit/protocol";
import { disconnectReasonOf, type LiveKitDisconnectReason } from "../disconnectReason.ts";
import type { TrackPublication } from "./TrackPublication.ts";
import {
  type ConnectionQuality,
  type ParticipantKind,
  type ParticipantKindDetail,
  participantKindDetailOf,
  participantKindOf,
  type TrackSource,
  trackSourceOf,
} from "./values.ts";

/** What the server lets a participant do. */
export interface ParticipantPermissions {
  canSubscribe: boolean;
  canPublish: boolean;
  canPublishData: boolean;
  /** The sources that may be published; every one when empty. */
  canPublishSources: readonly TrackSource[];
  /** Whether metadata, name and attributes of its own may be changed. */
  canUpdateOwnMetadata: boolean;
  canSubscribeMetrics: boolean;
  /** The others do not see it. */
  hidden: boolean;
}

/** What local and remote participants have in common. */
export abstract class Participant {
  #info: ParticipantInfo;
  #attributes: Readonly<Record<string, string>> = {};
  #quality: ConnectionQuality = "unknown";
  #audioLevel = 0;
  #isSpeaking = false;

  protected constructor(info: ParticipantInfo) {
    this.#info = info;
    this.#attributes = Object.freeze({ ...info.attributes });
  }

  /** By the sid of their tracks, in order of publication. */
  abstract readonly trackPublications: ReadonlyMap<string, TrackPublication>;

  /** The server's id of this visit: another one after each full reconnect of the participant. */
  get sid(): string {
    return this.#info.sid;
  }

  /** Unique in the room, and the same over reconnects. */
  get identity(): string {
    return this.#info.identity;
  }

  /** For people. */
  get name(): string {
    return this.#info.name;
  }

  get metadata(): string {
    return this.#info.metadata;
  }

  get attributes(): Readonly<Record<string, string>> {
    return this.#attributes;
  }

  get kind(): ParticipantKind {
    return participantKindOf(this.#info.kind);
  }

  get kindDetails(): ParticipantKindDetail[] {
    return this.#info.kindDetails.map(participantKindDetailOf);
  }

  /** Undefined when the server does not tell. */
  get permissions(): ParticipantPermissions | undefined {
    return this.#info.permission && permissionsOf(this.#info.permission);
  }

  /** Whether its media path is up, so that it takes data. */
  get isActive(): boolean {
    return this.#info.state === ParticipantInfo_State.ACTIVE;
  }

  /** Null while it is there, or when the server does not say why it left. */
  get disconnectReason(): LiveKitDisconnectReason | null {
    const reason = disconnectReasonOf(this.#info.disconnectReason);
    return reason === "unknown" ? null : reason;
  }

  /** Null when the server does not tell. */
  get joinedAt(): Date | null {
    const { joinedAt, joinedAtMs } = this.#info;
    const ms = Number(joinedAtMs) || Number(joinedAt) * 1000;
    return ms === 0 ? null : new Date(ms);
  }

  get connectionQuality(): ConnectionQuality {
    return this.#quality;
  }

  /** 0 (silent) to 1 (loudest), as the server last said. */
  get audioLevel(): number {
    return this.#audioLevel;
  }

  get isSpeaking(): boolean {
    return this.#isSpeaking;
  }

  /** Which RPC and data streams its client speaks: 0 by packets, 1 RPC by streams, 2 short streams too. */
  get clientProtocol(): number {
    return this.#info.clientProtocol;
  }

  /** What its client says that it can take. */
  get capabilities(): readonly ClientInfo_Capability[] {
    return this.#info.capabilities;
  }

  /** For the room. */
  get info(): ParticipantInfo {
    return this.#info;
  }

  /** For the room: what the server said of it last. */
  setInfo(info: ParticipantInfo): void {
    this.#info = info;
    this.#attributes = Object.freeze({ ...info.attributes });
  }

  /** For the room. */
  setConnectionQuality(quality: ConnectionQuality): void {
    this.#quality = quality;
  }

  /** For the room. */
  setSpeaking(audioLevel: number, isSpeaking: boolean): void {
    this.#audioLevel = audioLevel;
    this.#isSpeaking = isSpeaking;
  }
}

function permissionsOf(permission: ParticipantPermission): ParticipantPermissions {
  return {
    canSubscribe: permission.canSubscribe,
    canPublish: permission.canPublish,
    canPublishData: permission.canPublishData,
    canPublishSources: permission.canPublishSources.map(trackSourceOf),
    canUpdateOwnMetadata: permission.canUpdateMetadata,
    canSubscribeMetrics: permission.canSubscribeMetrics,
    hidden: permission.hidden,
  };
}
