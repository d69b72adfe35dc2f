import { SignJWT } from "jose";
import PQueue from "p-queue";
import { AudioResampler, AudioSource } from "../../media/index.ts";
import type { LiveKitEgressConfig } from "../../transports/avatar/wire/avatar_pb.ts";

/** A room that the service joins as its avatar, as far as it is used: a LiveKitConnection is one. */
export interface AvatarRoom {
  connected(): Promise<unknown>;
  publish(source: AudioSource): unknown;
  disconnect(): Promise<unknown>;
  /** Where frames of animation go. */
  readonly data?: {
    publishData(data: Uint8Array, options: { topic: string; reliable: boolean }): Promise<unknown>;
  };
}

/** Joins the room that a client named. */
export type JoinRoom = (target: { url: string; token: string }) => AvatarRoom;

const ANIMATION_TOPIC = "avatar";
const CAPACITY_MS = 2_000;
const TOKEN_LIFETIME = "1h";
/** Rates that a source plays as they are; others are resampled. */
const SOURCE_RATES = [8_000, 12_000, 16_000, 24_000, 44_100, 48_000];
const OTHER_RATE = 48_000;

/** The avatar in its room: says what the client sent, at the pace of its audio. */
export class RoomEgress {
  readonly #room: AvatarRoom;
  readonly #source: AudioSource;
  readonly #inputRate: number;
  readonly #writes = new PQueue({ concurrency: 1 });
  #resampler: AudioResampler | undefined;
  /** Of the requests that are said or wait. */
  readonly #cancels = new Map<string, AbortController>();
  /** The one request whose audio is in the source. */
  #sounding: string | undefined;

  /** Joins. @throws what the room throws. */
  static async open(config: LiveKitEgressConfig, sampleRate: number, join: JoinRoom): Promise<RoomEgress> {
    const room = join({ url: config.url, token: config.apiToken || (await tokenFor(config)) });
    const egress = new RoomEgress(room, sampleRate);
    try {
      await room.connected();
      return egress;
    } catch (error) {
      await egress.close();
      throw error;
    }
  }

  private constructor(room: AvatarRoom, sampleRate: number) {
    this.#room = room;
    this.#inputRate = sampleRate;
    const rate = SOURCE_RATES.includes(sampleRate) ? sampleRate : OTHER_RATE;
    this.#source = new AudioSource({ sampleRate: rate, channels: 1, capacityMs: CAPACITY_MS });
    room.publish(this.#source);
  }

  /** Says this of a request, behind what waits. */
  say(requestId: string, pcm: Int16Array): void {
    const { signal } = this.#cancelOf(requestId);
    void this.#writes
      .add(async () => {
        await this.#turnTo(requestId, signal);
        for (const piece of this.#resampled(pcm)) {
          if (!signal.aborted) await this.#source.write(piece, { signal });
        }
      })
      .catch(() => {});
  }

  /** Says nothing more of this request; what waits of others is said. */
  interrupt(requestId: string): void {
    this.#cancels.get(requestId)?.abort();
    this.#cancels.delete(requestId);
    if (this.#sounding !== requestId) return;
    this.#resampler = undefined;
    this.#source.clear();
  }

  show(frame: Uint8Array): void {
    this.#room.data?.publishData(frame, { topic: ANIMATION_TOPIC, reliable: false }).catch(() => {});
  }

  async close(): Promise<void> {
    for (const cancel of this.#cancels.values()) cancel.abort();
    this.#cancels.clear();
    this.#source.close();
    await this.#room.disconnect();
  }

  #cancelOf(requestId: string): AbortController {
    const cancel = this.#cancels.get(requestId) ?? new AbortController();
    this.#cancels.set(requestId, cancel);
    return cancel;
  }

  /** Lets the request before be heard to its end, so that clearing the source cuts one request alone. */
  async #turnTo(requestId: string, signal: AbortSignal): Promise<void> {
    if (this.#sounding === requestId || signal.aborted) return;
    if (this.#sounding !== undefined) {
      // Cleared when that request is cut: no fault of this one's.
      for (const { pcm } of this.#resampler?.flush() ?? []) await this.#source.write(pcm).catch(() => {});
      await this.#source.waitForPlayout();
      this.#cancels.delete(this.#sounding);
    }
    this.#resampler = undefined;
    this.#sounding = requestId;
  }

  #resampled(pcm: Int16Array): Int16Array[] {
    if (this.#source.sampleRate === this.#inputRate) return [pcm];
    this.#resampler ??= new AudioResampler({
      inputRate: this.#inputRate,
      outputRate: this.#source.sampleRate,
    });
    return this.#resampler.push(pcm).map((frame) => frame.pcm);
  }
}

/** As LiveKit's servers take it, for clients that hand over a key in place of a token. */
function tokenFor(config: LiveKitEgressConfig): Promise<string> {
  const video = { roomJoin: true, room: config.roomName, canPublish: true, canPublishData: true };
  return new SignJWT({ video, attributes: config.extraAttributes })
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setIssuer(config.apiKey)
    .setSubject(config.publisherId)
    .setNotBefore("0s")
    .setExpirationTime(TOKEN_LIFETIME)
    .sign(new TextEncoder().encode(config.apiSecret));
}
