import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEFAULT_SPEECH_GATE } from "../../../media/vad/SpeechGate.ts";
import { findSound, readRecording, ScriptedCaller, silenceMs } from "../../../testing/index.ts";
import { firstVoicedMs } from "../../../testing/recording.ts";
import { BenchChild } from "../childProcess.ts";
import { percentile, rounded } from "../figures.ts";
import { environment } from "../party.ts";
import { measureClear } from "./clear.ts";

export interface InterruptionFigures {
  /** From the caller's first sound to the bot's last one as the caller's recording has them, in ms. */
  fromFirstSoundMs: number[];
  /** The same from the caller's first voiced sample: the "st" of "stop" is sound, but no voice. */
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
    const measured = await interruptionsIn(recordingPath);
    const interruptionMs = measured.map(({ fromVoiceMs }) => fromVoiceMs);
    const beyond = interruptionMs.map((ms) => ms - DEFAULT_SPEECH_GATE.onsetMs);
    return {
      fromFirstSoundMs: measured.map(({ fromSoundMs }) => rounded(fromSoundMs, 1)),
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

async function interruptionsIn(path: string): Promise<{ fromSoundMs: number; fromVoiceMs: number }[]> {
  const { channels, sampleRate } = await readRecording(path);
  const [caller, bot] = channels as [Int16Array, Int16Array];
  const botSpans = findSound(bot, sampleRate, { threshold: BOT_SOUND });
  return findSound(caller, sampleRate).flatMap((span) => {
    const fromSoundMs = silenceMs(span, botSpans);
    if (fromSoundMs === undefined) return [];
    const voicedMs = firstVoicedMs(caller, sampleRate, span) ?? span.fromMs;
    return [{ fromSoundMs, fromVoiceMs: fromSoundMs - (voicedMs - span.fromMs) }];
  });
}
