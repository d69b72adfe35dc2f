import { benchVoice, type VoiceFigures } from "./voice.ts";

/** The parties of the table in docs/performance.md. */
const PARTIES: { bots: number; complexity: number; speechShare?: number }[] = [
  { bots: 10, complexity: 5 },
  { bots: 50, complexity: 5 },
  { bots: 50, complexity: 5, speechShare: 0.4 },
  { bots: 100, complexity: 5 },
  { bots: 200, complexity: 0 },
];

/** The voice bench with each of the parties in turn, each in processes of its own. */
export async function benchVoices(
  { seconds }: { seconds: number },
  signal: AbortSignal,
): Promise<{ receivedShare: number; parties: VoiceFigures[] }> {
  const parties: VoiceFigures[] = [];
  for (const party of PARTIES) {
    signal.throwIfAborted();
    parties.push(await benchVoice({ ...party, seconds }, signal));
  }
  return { receivedShare: Math.min(...parties.map(({ receivedShare }) => receivedShare)), parties };
}
