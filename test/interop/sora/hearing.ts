import { setTimeout as pause } from "node:timers/promises";
import { expect } from "./Checks.ts";
import { type Party, textOf } from "./Party.ts";
import { bestPurity, join16, recognize, SAMPLE_RATE, silence, wordRecall } from "./sound.ts";

const POLL_MS = 200;
const TONE_MS = 15_000;
/** How much of what was heard last is looked at for a tone. */
const WINDOW_SAMPLES = 1.2 * SAMPLE_RATE;
/** Opus leaves nearly all of a tone where it was. */
const LEAST_PURITY = 0.9;
/** The general model mistakes about one word of ten in clean speech. */
const LEAST_RECALL = 0.75;

/** Waits until `listener` hears the tone; says how pure it is. */
export async function hearsTone(listener: Party, hz: number, waitMs = TONE_MS): Promise<string> {
  await listener.clear();
  const deadline = Date.now() + waitMs;
  let best = 0;
  let samples = 0;
  while (Date.now() < deadline) {
    await pause(POLL_MS);
    const heard = await listener.heard();
    samples = heard.length;
    best = bestPurity(heard.subarray(Math.max(0, heard.length - WINDOW_SAMPLES)), hz);
    if (best >= LEAST_PURITY) return `${hz} Hz, purity ${best.toFixed(3)}`;
  }
  throw new Error(
    `${listener.name} does not hear ${hz} Hz: purity ${best.toFixed(3)} in ${(samples / SAMPLE_RATE).toFixed(1)} s`,
  );
}

/** Waits until what `listener` heard since the call holds the words, looked at `seconds` after the call. */
export async function hearsWords(listener: Party, said: string, seconds: number): Promise<string> {
  await listener.clear();
  await pause(seconds * 1000);
  return recognizes(listener, said);
}

/** Recognises what `listener` heard by now. */
export async function recognizes(listener: Party, said: string): Promise<string> {
  const text = await recognize(await listener.heard());
  const recall = wordRecall(said, text);
  expect(
    recall >= LEAST_RECALL,
    `${listener.name} heard ${JSON.stringify(text)} instead of ${JSON.stringify(said)}`,
  );
  return `"${text}", ${(recall * 100).toFixed(0)} % of the words`;
}

/** `speaker` says a sentence once; `listener` recognises it. */
export async function saysTo(
  speaker: Party,
  listener: Party,
  said: string,
  speech: Int16Array,
): Promise<string> {
  const seconds = speech.length / SAMPLE_RATE;
  await speaker.play(silence(0.1), false);
  await listener.clear();
  await speaker.play(join16(silence(0.5), speech), false);
  await pause((seconds + 1.5) * 1000);
  return recognizes(listener, said);
}

/** Waits until the bot's transcript on `#troupe` has a line of `who` with these words. */
export async function hearsTranscript(party: Party, who: "bot" | "caller", words: string): Promise<string> {
  let said = "";
  await party.until(`line of the ${who} with "${words}"`, (event) => {
    if (event.event !== "message" || event.label !== "#troupe") return false;
    const line = JSON.parse(textOf(event)) as { type: string; who?: string; text?: string; final?: boolean };
    if (line.type !== "transcript" || line.who !== who || !line.final) return false;
    if (!line.text?.toLowerCase().includes(words)) return false;
    said = line.text;
    return true;
  });
  return said;
}
