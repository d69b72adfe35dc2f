import type { TrackInfo } from "@livekit/protocol";
import type { DialReason, DriverEvent } from "../../actors/index.ts";
import type { ConnectionHost, LocalTrack, StatsEntry, TransportDriver } from "../../connection/index.ts";
import { type Clock, type Logger, logger, systemClock, TroupeError } from "../../core/index.ts";
import { NativePeerTransport, Session, transportOptionsOf } from "../../webrtc/index.ts";
import { Attempt } from "./Attempt.ts";
import type { AttemptContext, CreateSession, IceServer, RoomListener } from "./AttemptContext.ts";
import type { DataKind } from "./DataPath.ts";
import type { RtcStats } from "./media/MediaPath.ts";
import type { LiveKitSettings } from "./options.ts";
import { pause } from "./signal/pause.ts";
import { isCloud } from "./signal/regions.ts";
import { ServerAddresses } from "./signal/ServerAddresses.ts";
import type { SignalMessage } from "./signal/SignalClient.ts";

/** How many kinds of ignored messages are told apart in the log. */
const MAXIMUM_IGNORED_KINDS = 32;

/** The waits between the tries of one join, in ms; the last one repeats. */
const JOIN_WAITS_MS = [200, 500, 1_000, 2_000];

/** What tests replace. */
export interface LiveKitDriverParts {
  createSession?: CreateSession;
  clock?: Clock;
  log?: Logger;
  /** Whether a server of this address has a list of regions; those of LiveKit Cloud have. */
  hasRegions?: (url: URL) => boolean;
}

function createNativeSession(
  iceServers: IceServer[],
  relayOnly: boolean,
  role: "offerer" | "answerer",
  { jitterBuffer, network }: LiveKitSettings,
): Session {
  const controlling = role === "offerer";
  const transport = new NativePeerTransport({
    ...transportOptionsOf(network),
    controlling,
    iceServers,
    relayOnly,
  });
  return new Session({ transport, role, jitterBuffer });
}

/** The connection actor's hands in LiveKit: one membership at a time, taken up again where it can be. */
export class LiveKitDriver implements TransportDriver {
  readonly #context: AttemptContext;
  readonly #ignored = new Set<string>();
  #attempt: Attempt | undefined;

  constructor(
    settings: LiveKitSettings,
    host: ConnectionHost,
    room: RoomListener,
    parts: LiveKitDriverParts = {},
  ) {
    const log = parts.log ?? logger;
    this.#context = {
      settings,
      host,
      room,
      createSession:
        parts.createSession ??
        ((iceServers, relayOnly, role) => createNativeSession(iceServers, relayOnly, role, settings)),
      clock: parts.clock ?? systemClock,
      log,
      token: settings.token,
      addresses: new ServerAddresses(settings.url, parts.hasRegions ?? isCloud, log),
      form: settings.singlePeerConnection ? "single" : "dual",
      roomSid: "",
      trackKeys: new Map(),
      ignored: (what) => this.#ignore(what),
    };
  }

  /** The newest token: the server renews it before it expires. */
  get token(): string {
    return this.#context.token;
  }

  get isDataOpen(): boolean {
    return this.#attempt?.isDataOpen ?? false;
  }

  start(reason: DialReason, report: (event: DriverEvent) => void, signal: AbortSignal): void {
    const before = this.#attempt;
    if (reason === "resume" && before?.canResume) {
      signal.addEventListener("abort", () => before.suspend(), { once: true });
      void before.resume(report);
      return;
    }
    before?.close();
    // The connection actor waits between redials by itself.
    const retries = reason === "dial" ? this.#context.settings.joinRetries : 0;
    this.#join(retries, 0, report, signal);
  }

  async leave(): Promise<{ code: number; reason: string }> {
    if (!this.#attempt?.isOpen) return { code: 0, reason: "" };
    return this.#attempt.leave();
  }

  publish(track: LocalTrack): void {
    this.#attempt?.publish(track);
  }

  unpublish(track: LocalTrack): void {
    this.#attempt?.unpublish(track);
  }

  localTrackMuted(track: LocalTrack): void {
    this.#attempt?.localTrackMuted(track);
  }

  /** What the server knows of a local track; undefined before it answered. */
  infoOf(track: LocalTrack): TrackInfo | undefined {
    return this.#attempt?.infoOf(track);
  }

  keyOf(trackSid: string): string | undefined {
    return this.#attempt?.keyOf(trackSid);
  }

  sidOf(key: string): string | undefined {
    return this.#attempt?.sidOf(key);
  }

  /** Sends now, or once the signalling is back. */
  signal(message: SignalMessage): void {
    if (!this.#attempt?.isJoined) throw new TroupeError("INVALID_STATE", "The connection is not in a room");
    this.#attempt.send(message);
  }

  /** @throws TroupeError CLOSED when the data channels are not open. */
  async sendData(kind: DataKind, data: Uint8Array): Promise<void> {
    if (!this.#attempt) throw new TroupeError("CLOSED", "The data channels are not open");
    await this.#attempt.sendData(kind, data);
  }

  /** A room has no data channels with labels of their own: see the topics of `publishData`. */
  async send(label: string): Promise<void> {
    throw new TroupeError("NOT_SUPPORTED", `A LiveKit room has no data channel ${JSON.stringify(label)}`);
  }

  getStats(): StatsEntry[] {
    return this.#attempt?.getStats() ?? [];
  }

  /** Undefined without a media path. */
  getRtcStats(): RtcStats | undefined {
    return this.#attempt?.getRtcStats();
  }

  close(): void {
    this.#attempt?.close();
  }

  /** Attempts one after the other until one has joined, or there were enough of them. */
  #join(retries: number, tries: number, report: (event: DriverEvent) => void, signal: AbortSignal): void {
    const { clock } = this.#context;
    let isJoined = false;
    const onAbort = () => attempt.suspend();
    const attempt = new Attempt(this.#context, (event) => {
      isJoined ||= event.type === "joined";
      if (isJoined || tries >= retries || !mayPass(event)) {
        report(event);
        return;
      }
      signal.removeEventListener("abort", onAbort);
      attempt.abandon();
      const wait = JOIN_WAITS_MS[Math.min(tries, JOIN_WAITS_MS.length - 1)]!;
      void pause(clock, wait, signal).then(() => {
        if (!signal.aborted) this.#join(retries, tries + 1, report, signal);
      });
    });
    this.#attempt = attempt;
    signal.addEventListener("abort", onAbort, { once: true });
    void attempt.start();
  }

  #ignore(what: string): void {
    if (this.#ignored.has(what) || this.#ignored.size >= MAXIMUM_IGNORED_KINDS) return;
    this.#ignored.add(what);
    this.#context.log.warn("ignored what the server sent", { what });
  }
}

/** Whether an attempt ended by something that another one may not meet. */
function mayPass(event: DriverEvent): boolean {
  if (event.type === "attempt.failed") return !event.permanent;
  return event.type === "signalling.lost" || event.type === "transport.lost";
}
