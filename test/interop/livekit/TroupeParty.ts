import { AudioSink, AudioSource, connect } from "troupe";
import { type LiveKitConnection, type LiveKitOptions, livekit } from "troupe/livekit";
import { generateTone } from "troupe/testing";
import { SAMPLE_RATE } from "../sora/sound.ts";

/** How much of what was heard is kept of each participant, in samples. */
const HEARD_SAMPLES = 1.5 * SAMPLE_RATE;
const CHUNK = 960;

/** Our client in a room: plays a tone and keeps what it hears. */
export class TroupeParty {
  readonly room: LiveKitConnection;
  readonly #heard = new Map<string, Int16Array[]>();
  readonly #sources: AudioSource[] = [];
  /** The longest time between two frames of each participant's, in ms. */
  readonly gaps = new Map<string, { last: number; longest: number }>();
  #playing = true;

  private constructor(room: LiveKitConnection) {
    this.room = room;
    room.on("trackSubscribed", (track, _publication, { identity }) => {
      const kept: Int16Array[] = [];
      this.#heard.set(identity, kept);
      new AudioSink(track, { sampleRate: SAMPLE_RATE, channels: 1, frameMs: 20 }).on(
        "frame",
        ({ pcm, timestampUs, concealed }) => {
          kept.push(pcm.slice());
          if (kept.length * 320 > HEARD_SAMPLES) kept.shift();
          if (!concealed) this.#measureGap(identity, timestampUs / 1000);
        },
      );
    });
  }

  /** Joins; with `hz` above 0 it publishes that tone. */
  static async join(options: LiveKitOptions, hz = 0): Promise<TroupeParty> {
    const party = new TroupeParty(connect(livekit(options)));
    await party.room.connected();
    if (hz > 0) await party.publish(hz);
    return party;
  }

  /** For a connection that was made otherwise. */
  static of(room: LiveKitConnection): TroupeParty {
    return new TroupeParty(room);
  }

  async publish(hz: number, options: object = {}) {
    const source = new AudioSource();
    this.#sources.push(source);
    void this.#play(source, hz);
    return this.room.publishTrack(source, { name: "tone", source: "microphone", dtx: false, ...options });
  }

  heard(identity: string): Int16Array {
    return Int16Array.from((this.#heard.get(identity) ?? []).flatMap((pcm) => [...pcm]));
  }

  forget(): void {
    for (const kept of this.#heard.values()) kept.length = 0;
    this.gaps.clear();
  }

  /** Resolves when the next event of this name fires. */
  next(name: "reconnected" | "reconnecting" | "trackMuted" | "moved" | "tokenRefreshed"): Promise<void> {
    return new Promise((resolve) => this.room.once(name as "reconnected", () => resolve()));
  }

  async close(): Promise<void> {
    this.#playing = false;
    await this.room.disconnect();
    for (const source of this.#sources) source.close();
  }

  async #play(source: AudioSource, hz: number): Promise<void> {
    // A whole second holds whole periods, so that it can go round and round.
    const pcm = generateTone({ frequency: hz, durationMs: 1000 });
    for (let at = 0; this.#playing; at = (at + CHUNK) % pcm.length) {
      await source.write(pcm.subarray(at, at + CHUNK)).catch(() => {
        this.#playing = false;
      });
    }
  }

  /** Of what really came, by the engine's time: a busy event loop makes no gap, and concealment hides none. */
  #measureGap(identity: string, atMs: number): void {
    const gap = this.gaps.get(identity) ?? { last: atMs, longest: 0 };
    this.gaps.set(identity, { last: atMs, longest: Math.max(gap.longest, atMs - gap.last) });
  }
}
