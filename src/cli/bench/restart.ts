import { setTimeout as pause } from "node:timers/promises";
import { Engine, type EngineReceiver, type EngineSource } from "../../native/index.ts";
import { type IceRestart, NativePeerTransport, Session } from "../../webrtc/index.ts";
import { ControlTimer } from "./ControlTimer.ts";
import { percentile, rounded } from "./figures.ts";
import { environment } from "./party.ts";
import { synthesizeVoice } from "./voiceSignal.ts";

const RATE = 48_000;
/** Between two restarts of a pair: the old path has been let go of by then. */
const ROUND_MS = 1_000;
const SETTLE_MS = 2_000;

interface FormFigures {
  restarts: number;
  /** From the restart's offer until the new path carries packets, in ms. */
  movedMs: { p50: number; maximum: number } | null;
  /** The longest time between two packets around each restart, as the far engine received them, in ms. */
  gapMs: { p50: number; p95: number; maximum: number };
  packetsLost: number;
}

export interface RestartFigures {
  bots: number;
  seconds: number;
  sameSockets: FormFigures;
  newSockets: FormFigures;
  /** The longest gap while nothing restarts, and the longest beat of a 20 ms timer in a thread of its own. */
  quietGapMs: number;
  controlLongestGapMs: number;
  receivedShare: number;
  environment: Record<string, string | number>;
}

/** Pairs of sessions that talk while ICE restarts, by turns on the same and on new sockets. */
export async function benchRestart(
  options: { bots: number; seconds: number; complexity: number },
  signal: AbortSignal,
): Promise<RestartFigures> {
  const control = new ControlTimer();
  const voice = synthesizeVoice(RATE, 10);
  const pairs = Array.from({ length: options.bots }, () => new Pair(voice, options.complexity));
  try {
    await Promise.all(pairs.map((pair) => pair.connected));
    await pause(SETTLE_MS, undefined, { signal });
    for (const pair of pairs) pair.takeGapMs();
    await control.take();
    await pause(SETTLE_MS, undefined, { signal });
    const quietGapMs = Math.max(...pairs.map((pair) => pair.takeGapMs()));
    const rounds = Math.max(2, Math.round((options.seconds * 1000) / ROUND_MS));
    const forms = { "same-sockets": new Figures(), "new-sockets": new Figures() };
    for (let round = 0; round < rounds; round++) {
      const form = round % 2 === 0 ? "same-sockets" : "new-sockets";
      for (const pair of pairs) {
        pair.takeGapMs();
        void forms[form].follow(pair.restart(form));
      }
      await pause(ROUND_MS, undefined, { signal });
      for (const pair of pairs) forms[form].add(pair.takeGapMs(), pair.takeLost());
    }
    return {
      bots: options.bots,
      seconds: options.seconds,
      sameSockets: forms["same-sockets"].summary(),
      newSockets: forms["new-sockets"].summary(),
      quietGapMs: rounded(quietGapMs),
      controlLongestGapMs: rounded(await control.take()),
      receivedShare: rounded(Math.min(...pairs.map((pair) => pair.receivedShare)), 5),
      environment: environment(),
    };
  } finally {
    for (const pair of pairs) pair.close();
    control.close();
    Engine.stop();
  }
}

class Figures {
  readonly #gaps: number[] = [];
  readonly #moves: number[] = [];
  #lost = 0;

  add(gapMs: number, lost: number): void {
    this.#gaps.push(gapMs);
    this.#lost += lost;
  }

  async follow(moved: Promise<number | null>): Promise<void> {
    const ms = await moved;
    if (ms !== null) this.#moves.push(ms);
  }

  summary(): FormFigures {
    const moves = this.#moves;
    return {
      restarts: this.#gaps.length,
      movedMs:
        moves.length === 0
          ? null
          : { p50: rounded(percentile(moves, 0.5)), maximum: rounded(Math.max(...moves)) },
      gapMs: {
        p50: rounded(percentile(this.#gaps, 0.5)),
        p95: rounded(percentile(this.#gaps, 0.95)),
        maximum: rounded(Math.max(...this.#gaps)),
      },
      packetsLost: this.#lost,
    };
  }
}

/** One session that talks and one that receives. */
class Pair {
  readonly connected: Promise<void>;
  readonly #near = new Session({
    role: "offerer",
    transport: new NativePeerTransport({ controlling: true }),
  });
  readonly #far = new Session({ role: "answerer", transport: new NativePeerTransport() });
  readonly #source: EngineSource;
  readonly #timer: NodeJS.Timeout;
  readonly #receiver: EngineReceiver;
  #lost = 0;

  constructor(voice: Int16Array, complexity: number) {
    this.#near.events.on("candidate", (candidate, mid) => this.#far.addRemoteCandidate(candidate, mid));
    this.#far.events.on("candidate", (candidate, mid) => this.#near.addRemoteCandidate(candidate, mid));
    const track = this.#near.addTransceiver({
      kind: "audio",
      direction: "sendonly",
      streamId: "voice",
      opus: { complexity, dtx: false },
    });
    this.#source = Engine.shared().createSource({ sampleRate: RATE, channels: 1, capacityMs: 1_000 });
    track.setProducer(this.#source);
    this.#exchange();
    this.#receiver = this.#far.transceivers[0]!.receiver!;
    let at = 0;
    const fill = () => {
      for (let taken = 1; taken > 0; at = (at + taken) % voice.length)
        taken = this.#source.write(voice.subarray(at));
    };
    fill();
    this.#timer = setInterval(fill, 200);
    this.connected = new Promise((resolve, reject) => {
      this.#near.events.on("state", (state, reason) => {
        if (state === "connected") resolve();
        else if (state === "failed") reject(new Error(reason));
      });
    });
  }

  /** Resolves with the time until the path is another, or null when nothing shows it. */
  async restart(form: IceRestart): Promise<number | null> {
    const before = this.#near.transport.stats().localCandidate;
    const began = performance.now();
    this.#near.restartIce(form);
    this.#exchange();
    if (form === "same-sockets") return null;
    while (performance.now() - began < ROUND_MS / 2) {
      if (this.#near.transport.stats().localCandidate !== before) return performance.now() - began;
      await pause(2);
    }
    return null;
  }

  takeGapMs(): number {
    return this.#receiver.takeLongestGapUs() / 1000;
  }

  takeLost(): number {
    const before = this.#lost;
    this.#lost = this.#inbound?.packetsLost ?? 0;
    return this.#lost - before;
  }

  get receivedShare(): number {
    const { packetsReceived = 0, packetsLost = 0 } = this.#inbound ?? {};
    return packetsReceived / Math.max(1, packetsReceived + packetsLost);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#near.close();
    this.#far.close();
    this.#source.close();
  }

  get #inbound() {
    return this.#far.peer.stats().inbound[0];
  }

  #exchange(): void {
    this.#near.acceptAnswer(this.#far.acceptOffer(this.#near.createOffer()));
  }
}
