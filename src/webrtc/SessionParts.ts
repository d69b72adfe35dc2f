import { randomId, randomSsrc } from "../core/index.ts";
import type { EnginePeer } from "../native/index.ts";
import type { Bundle } from "./Bundle.ts";
import { extensionIds, type HeaderExtension } from "./sdp/extensions.ts";
import {
  type JitterBufferBounds,
  SessionTransceiver,
  type SessionTransceiverOptions,
  type TrackChange,
} from "./Transceiver.ts";

/** What offerer and answerer share: the engine's peer, the bundle, and what has to be unique in a session. */
export class SessionParts {
  readonly peer: EnginePeer;
  readonly bundle: Bundle;
  readonly #onFlowing: (transceiver: SessionTransceiver) => void;
  readonly #cname = randomId(10);
  readonly #ssrcs = new Set<number>();
  readonly #jitterBuffer: JitterBufferBounds;

  constructor(
    peer: EnginePeer,
    bundle: Bundle,
    onFlowing: (transceiver: SessionTransceiver) => void,
    jitterBuffer: JitterBufferBounds = {},
  ) {
    this.peer = peer;
    this.bundle = bundle;
    this.#onFlowing = onFlowing;
    this.#jitterBuffer = jitterBuffer;
  }

  createTransceiver(
    options: Omit<SessionTransceiverOptions, "cname" | "newSsrc" | "onFlowing" | "jitterBuffer">,
  ): SessionTransceiver {
    return new SessionTransceiver(this.peer, {
      ...options,
      cname: this.#cname,
      newSsrc: () => this.#newSsrc(),
      onFlowing: this.#onFlowing,
      jitterBuffer: this.#jitterBuffer,
    });
  }

  setExtensions(agreed: Iterable<HeaderExtension>): void {
    this.peer.setHeaderExtensions(extensionIds(agreed));
  }

  /** RFC 3550 section 8.1: a collision with one of our own must not be; the far side's are told apart by peer. */
  #newSsrc(): number {
    let ssrc = randomSsrc();
    while (this.#ssrcs.has(ssrc)) ssrc = randomSsrc();
    this.#ssrcs.add(ssrc);
    return ssrc;
  }
}

/** The track events that an exchange leads to; they fire when all of it has been applied. */
export interface Changes {
  removed: SessionTransceiver[];
  added: SessionTransceiver[];
}

export function noChanges(): Changes {
  return { removed: [], added: [] };
}

export function note(changes: Changes, transceiver: SessionTransceiver, change: TrackChange): void {
  if (change.removed) changes.removed.push(transceiver);
  if (change.added) changes.added.push(transceiver);
}
