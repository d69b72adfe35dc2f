import {
  type JoinResponse,
  type ParticipantInfo,
  type SignalResponse,
  UpdateSubscription as SubscriptionUpdate,
  SyncState,
} from "@livekit/protocol";
import type { DriverEvent } from "../../actors/index.ts";
import { AudioFilter, type EngineReceiver } from "../../media/index.ts";
import type { AttemptContext } from "./AttemptContext.ts";
import type { TransformTarget } from "./e2ee/index.ts";
import { LocalTracks } from "./LocalTracks.ts";
import type { MediaPath } from "./media/MediaPath.ts";
import { RemoteTracks } from "./RemoteTracks.ts";
import type { Outbox } from "./signal/Outbox.ts";

/** Who we are in a room, what we publish there and whom we hear. */
export class Membership {
  readonly local: LocalTracks;
  readonly remote: RemoteTracks;
  readonly #context: AttemptContext;
  readonly #outbox: Outbox;
  #participant: ParticipantInfo | undefined;

  constructor(context: AttemptContext, outbox: Outbox, tell: (event: DriverEvent) => void) {
    this.#context = context;
    this.#outbox = outbox;
    this.local = new LocalTracks(context.room, outbox);
    this.remote = new RemoteTracks(context.host, tell, context.trackKeys, (identity, info, target) =>
      context.room.decrypt(identity, info, target),
    );
  }

  get isJoined(): boolean {
    return this.#participant !== undefined;
  }

  /** `""` before the join. */
  get participantSid(): string {
    return this.#participant?.sid ?? "";
  }

  /** The server let us in. */
  join(join: JoinResponse): void {
    const context = this.#context;
    this.#participant = join.participant;
    const roomSid = join.room?.sid ?? "";
    this.remote.update(join.otherParticipants);
    // After a restart of the server everybody comes back one by one: their tracks wait for them.
    if (roomSid === context.roomSid) this.remote.endAbsent();
    context.roomSid = roomSid;
    context.room.joined(join);
    this.#refuseVideo();
  }

  /** Publishes by this path what the user publishes, and makes room for what the others do. */
  start(media: MediaPath): void {
    const { host, settings } = this.#context;
    this.local.use(media);
    for (const track of host.localTracks) if (track.state !== "ended") this.local.publish(track);
    media.start(settings.autoSubscribe ? this.remote.audioCount : 0);
  }

  /** A message of the server's that is about the room, and not about how we reach it. */
  receive(response: SignalResponse): void {
    const { message } = response;
    if (message.case === "refreshToken") this.#renewToken(message.value);
    else if (message.case === "trackPublished") this.local.taken(message.value);
    else if (message.case === "requestResponse") this.local.answered(message.value);
    else if (message.case === "update") this.#update(message.value.participants);
    else if (message.case === "roomMoved") {
      const { token, participant, otherParticipants } = message.value;
      this.#context.token = token || this.#context.token;
      this.#participant = participant ?? this.#participant;
      this.remote.update(otherParticipants);
      this.remote.endOthers(otherParticipants);
    }
    this.#context.room.response(response);
  }

  receiverReady(sid: string, receiver: EngineReceiver, target: TransformTarget): void {
    this.remote.ready(sid, receiver, target);
    const key = this.remote.keyOf(sid);
    if (key) this.#context.room.mediaArrived(sid, key);
  }

  receiverGone(sid: string): void {
    this.remote.gone(sid);
    this.#context.room.mediaGone(sid);
  }

  /** What the server forgets with the signalling. */
  syncState(media: MediaPath): SyncState {
    const { subscription, trackSidsDisabled, receiveStates } = this.#context.room.syncState();
    return new SyncState({
      ...media.descriptions,
      subscription,
      trackSidsDisabled,
      publishTracks: this.local.published,
      datachannelReceiveStates: receiveStates,
      dataChannels: media.channels,
    });
  }

  /** Lets go of what a media path carried; what is published and heard waits for the next one. */
  detach(): void {
    const { host } = this.#context;
    for (const { id } of host.localTracks) host.senderGone(id);
    this.remote.detach();
  }

  #renewToken(token: string): void {
    const context = this.#context;
    context.token = token;
    for (const filter of AudioFilter.registered())
      filter.updateToken({ url: context.addresses.current, token });
  }

  #update(participants: readonly ParticipantInfo[]): void {
    const own = this.#participant?.identity;
    for (const participant of participants) if (participant.identity === own) this.#participant = participant;
    this.remote.update(participants.filter(({ identity }) => identity !== own));
    this.#refuseVideo();
  }

  /** Nothing here decodes video yet: what is subscribed for us is given back. */
  #refuseVideo(): void {
    const trackSids = this.remote.takeNewVideo();
    if (trackSids.length === 0 || !this.#context.settings.autoSubscribe) return;
    const value = new SubscriptionUpdate({ trackSids, subscribe: false });
    this.#outbox.send({ case: "subscription", value });
  }
}
