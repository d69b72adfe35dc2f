import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEFAULT_SPEECH_GATE } from "../../../media/vad/SpeechGate.ts";
import { findSound, readRecording, ScriptedCaller, silenceMs } from "../../../testing/index.ts";
import { BenchChild } from "../childProcess.ts";
import { percentile, rounded } from "../figures.ts";
import { environment } from "../party.ts";
import { measureClear } from "./clear.ts";

export interface InterruptionFigures {
  /** From the caller's first voiced sample to the bot's last one as the caller's recording has them, in ms. */
  interruptionMs: number[];
  /** How long a voice must last until it counts as one, in ms, and what interruptions took beyond it. */
  onsetMs: number;
  beyondOnsetMs: { p50: number; maximum: number };
  /** From `clear()` until the last packet with sound leaves. */
  clearMs: { p50: number; maximum: number; count: number };
  environment: Record<string, string | number>;
}

const CHANNEL = "interruption";
const QUESTION = "What are your opening hours";
const INTERRUPTION = "Stop please";
/** How long the bot may speak before it is interrupted. */
const AFTER_MS = 1_800;
const CLEARS = 12;
/** Loud for the bot's channel, above its room tone. */
const BOT_SOUND = 400;

/** How fast the demo's bot falls silent when it is interrupted `bots` times, and how fast a cleared source does. */
export async function benchInterruption(
  { bots: interruptions }: { bots: number },
  signal: AbortSignal,
): Promise<InterruptionFigures> {
  const folder = await mkdtemp(join(tmpdir(), "troupe-interruption-"));
  const reception = new BenchChild("interruption/receptionProcess");
  try {
    const { signalingUrl } = await reception.request<{ signalingUrl: string }>("start", {
      channelId: CHANNEL,
    });
    const clearMs = await measureClear(signalingUrl, `${CHANNEL}-clear`, CLEARS);
    const recordingPath = join(folder, "call.wav");
    await using caller = await ScriptedCaller.join({
      signalingUrl,
      channelId: CHANNEL,
      recordingPath,
      signal,
    });
    await caller.listen();
    for (let time = 0; time < interruptions; time++)
      await caller.askAndInterrupt(QUESTION, INTERRUPTION, AFTER_MS);
    await caller.leave();
    const interruptionMs = await interruptionsIn(recordingPath);
    const beyond = interruptionMs.map((ms) => ms - DEFAULT_SPEECH_GATE.onsetMs);
    return {
      interruptionMs: interruptionMs.map((ms) => rounded(ms, 1)),
      onsetMs: DEFAULT_SPEECH_GATE.onsetMs,
      beyondOnsetMs: { p50: rounded(percentile(beyond, 0.5), 1), maximum: rounded(Math.max(...beyond), 1) },
      clearMs: {
        p50: rounded(percentile(clearMs, 0.5), 1),
        maximum: rounded(Math.max(...clearMs), 1),
        count: clearMs.length,
      },
      environment: environment(),
    };
  } finally {
    await reception.request("stop").catch(() => {});
    reception.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function interruptionsIn(path: string): Promise<number[]> {
  const { channels, sampleRate } = await readRecording(path);
  const bot = findSound(channels[1]!, sampleRate, { threshold: BOT_SOUND });
  return findSound(channels[0]!, sampleRate)
    .map((span) => silenceMs(span, bot))
    .filter((ms) => ms !== undefined);
}
