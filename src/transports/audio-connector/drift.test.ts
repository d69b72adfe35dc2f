import { describe, expect, it } from "vitest";
import type { Clock } from "../../core/index.ts";
import type { EngineSource } from "../../native/index.ts";
import { IncomingAudio } from "./IncomingAudio.ts";
import { OutgoingAudio } from "./OutgoingAudio.ts";

const SAMPLE_RATE = 16_000;
const FRAME_US = 20_000;
const MINUTES = 10;
/** A frame each of ours and theirs is late by up to this, as on a machine with other work. */
const JITTER_US = 8_000;
const LOUD = new Int16Array(320).map((_, at) => 8_000 * Math.sin((2 * Math.PI * 440 * at) / SAMPLE_RATE));
const QUIET = new Int16Array(320);

/** A call whose far side sends and plays on a clock of its own, in simulated time, by the default delays. */
class DriftingCall {
  readonly incoming: IncomingAudio;
  readonly outgoing: OutgoingAudio;
  /** What waits for our ears, in ms, as each frame came. */
  readonly waitingMs: number[] = [];
  /** What the far side has of ours, in frames, as it plays each. */
  readonly farFrames: number[] = [];
  /** Of the messages that the far side gets, in bytes. */
  readonly sizes = new Set<number>();
  underruns = 0;
  #nowUs = 0;
  #random = 1;
  /** When what waits for our ears ends. */
  #endUs = 0;
  #far = 0;

  constructor() {
    const clock: Clock = { nowUs: () => this.#nowUs, setTimeout: () => undefined, clearTimeout: () => {} };
    const ring = this.#ring() as unknown as EngineSource;
    this.incoming = new IncomingAudio(ring, { sampleRate: SAMPLE_RATE, delayMs: 40, clock });
    this.outgoing = new OutgoingAudio({
      sampleRate: SAMPLE_RATE,
      leadMs: 80,
      activeSeconds: 5,
      clock,
      farAheadUs: () => this.incoming.farClock.aheadUs,
      send: (pcm) => {
        this.sizes.add(pcm.length);
        this.#far += 1;
        return true;
      },
    });
  }

  /** Sound both ways all the time. */
  run({ driftPpm, isOurs, isTheirs }: { driftPpm: number; isOurs: Sounds; isTheirs: Sounds }): void {
    const periodUs = FRAME_US / (1 + driftPpm / 1_000_000);
    let [ours, theirs, farPlays] = [1, 1, 1];
    const endUs = MINUTES * 60_000_000;
    let [oursLateUs, theirsLateUs] = [0, 0];
    while (this.#nowUs < endUs) {
      const oursUs = ours * FRAME_US + oursLateUs;
      const theirsUs = theirs * periodUs + theirsLateUs;
      const playUs = farPlays * periodUs + 7_000;
      this.#nowUs = Math.min(oursUs, theirsUs, playUs);
      if (this.#nowUs === playUs) {
        farPlays += 1;
        this.#play();
      } else if (this.#nowUs === theirsUs) {
        this.#hear(isTheirs(theirs) ? LOUD : QUIET);
        theirs += 1;
        theirsLateUs = this.#jitterUs();
      } else {
        this.outgoing.live(isOurs(ours) ? LOUD : QUIET, (ours - 1) * FRAME_US);
        ours += 1;
        oursLateUs = this.#jitterUs();
      }
    }
  }

  #hear(pcm: Int16Array): void {
    this.waitingMs.push(Math.max(0, this.#endUs - this.#nowUs) / 1_000);
    this.incoming.push(Buffer.from(pcm.buffer));
  }

  #play(): void {
    if (this.outgoing.counts.framesSent === 0) return;
    this.farFrames.push(this.#far);
    if (this.#far > 0) this.#far -= 1;
    else this.underruns += 1;
  }

  #ring() {
    const queuedUs = () => Math.max(0, this.#endUs - this.#nowUs);
    return {
      get queuedUs() {
        return queuedUs();
      },
      write: (pcm: Int16Array, dueUs = this.#nowUs) => {
        this.#endUs = Math.max(this.#endUs, dueUs) + (pcm.length * 1_000_000) / SAMPLE_RATE;
        return pcm.length;
      },
      clear: () => 0,
    };
  }

  /** Up to {@link JITTER_US}, the same in each run. */
  #jitterUs(): number {
    this.#random = (this.#random * 1_103_515_245 + 12_345) % 2_147_483_648;
    return (this.#random / 2_147_483_648) * JITTER_US;
  }
}

type Sounds = (frame: number) => boolean;
const always: Sounds = () => true;
/** Two seconds of each three. */
const talking: Sounds = (frame) => frame % 150 < 100;

describe.each([200, -200])("ten minutes with a far clock that is off by %i ppm", (driftPpm) => {
  it.each([
    ["sound without a pause", always],
    ["talk with pauses", talking],
  ])("lose nothing of %s, and the delay stays", (_, sounds) => {
    const call = new DriftingCall();
    call.run({ driftPpm, isOurs: sounds, isTheirs: sounds });
    expect([...call.sizes]).toEqual([640]);
    expect(call.underruns).toBe(0);
    expect(call.outgoing.counts.starts).toBe(1);
    expect(Math.max(...call.farFrames)).toBeLessThanOrEqual(8);
    expect(call.incoming.counts.gaps).toBe(1);
    expect(Math.max(...call.waitingMs)).toBeLessThanOrEqual(90);
    if (sounds !== always) return;
    expect(call.incoming.counts.framesDropped).toBe(0);
    expect(call.outgoing.counts).toMatchObject({ framesDropped: 0, framesSkipped: 0, framesRepeated: 0 });
  });
});
