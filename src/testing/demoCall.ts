import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Pocketsphinx } from "../agent/index.ts";
import { TroupeError } from "../index.ts";
import type { OpenLine } from "./CallerLine.ts";
import { measureMouthToEar } from "./mouthToEar.ts";
import { findSound, readRecording, responseMs, type SoundSpan, silenceMs } from "./recording.ts";
import { type Answer, type CallerPlace, ScriptedCaller } from "./ScriptedCaller.ts";
import { Timeline, type TimelineEntry } from "./Timeline.ts";

/** Where a reception bot waits, and what becomes of the call. */
export type DemoCallOptions = CallerPlace & {
  /** Recording and timeline go here; it is made if it is not there. */
  outputFolder: string;
  /** Told as it happens. */
  onEvent?: (event: DemoCallEvent) => void;
  signal?: AbortSignal;
};

/** A line of the call for people to read. */
export interface DemoCallEvent {
  /** ms since the beginning of the recording. */
  atMs: number;
  who: "caller" | "bot";
  text: string;
}

/** What was measured; ms everywhere. */
export interface DemoMeasurements {
  /** From the end of each question to the first sample of its answer, in the recording. */
  responseMs: number[];
  /** From the first sample of the interruption to the bot's last one; NaN when it was not found. */
  interruptionMs: number;
  /** From the write of a click to the far sink's callback; in a Sora channel alone. */
  mouthToEarMs: number[];
}

export interface DemoCallResult {
  ok: boolean;
  /** What did not go as it should, a sentence each. */
  failures: string[];
  measurements: DemoMeasurements;
  recordingPath: string;
  timelinePath: string;
}

const GREETING = /coffee counter/;
const ORDER = "I would like two coffees and a green tea please";
const HOURS = "What are your opening hours";
const INTERRUPTION = "Stop please";
const GOODBYE = "Thank you. Goodbye.";
/** How long the bot may speak before it is interrupted. */
const INTERRUPT_AFTER_MS = 1_800;
/** An interruption that lasts longer was not obeyed. */
const LONGEST_INTERRUPTION_MS = 1_000;
/** Loud for the bot's channel, above its room tone; the caller has none. */
const BOT_SOUND = 400;

/** What the reception may say, with every count and price, so that hearing the right one means something. */
const ANSWERS = `#JSGF V1.0;
grammar answers;
public <answer> = <greeting> | <order> | <hours> | all right | <goodbye> | you are welcome | sorry i did not understand that;
<greeting> = good morning this is the coffee counter what would you like;
<order> = <item> [and <item>] that is <number> euros;
<item> = <number> (coffee | coffees | green tea | green teas | croissant | croissants);
<number> = one | two | three | four | five | six | seven | eight | nine | ten | eleven | twelve | fourteen | sixteen;
<hours> = we are open [every day of the week] [from eight in the morning] [until six in the evening];
<goodbye> = thank you for calling goodbye;
`;

/**
 * Plays the scripted call against a reception bot: an order, a question whose long answer is interrupted, and a
 * goodbye. Checks what each side understood of the other, and measures from the recording.
 */
export async function runDemoCall(options: DemoCallOptions): Promise<DemoCallResult> {
  const { outputFolder } = options;
  await mkdir(outputFolder, { recursive: true });
  const recordingPath = join(outputFolder, "call.wav");
  const timelinePath = join(outputFolder, "timeline.json");
  const timeline = new Timeline({ onEntry: (entry) => tell(entry, options.onEvent) });
  const failures: string[] = [];
  const measurements: DemoMeasurements = { responseMs: [], interruptionMs: Number.NaN, mouthToEarMs: [] };
  try {
    if (!options.line) measurements.mouthToEarMs = await probe(options, failures);
    await using caller = await ScriptedCaller.join({
      ...options,
      recordingPath,
      timeline,
      recognizer: new Pocketsphinx({ grammar: ANSWERS }),
    });
    await playScript(caller, failures);
    await caller.leave();
    await measure(recordingPath, measurements, failures);
  } catch (error) {
    failures.push(`The call broke off: ${error instanceof Error ? error.message : error}.`);
  }
  timeline.note("caller", "measured", { ...measurements, failures });
  await timeline.save(timelinePath);
  return { ok: failures.length === 0, failures, measurements, recordingPath, timelinePath };
}

/** Clicks in a Sora channel beside the call's. */
async function probe(
  options: Exclude<DemoCallOptions, { line: OpenLine }>,
  failures: string[],
): Promise<number[]> {
  const { signalingUrl, channelId, metadata, signal } = options;
  const channel = { signalingUrl, channelId: `${channelId}-probe`, metadata, signal };
  const delays = await measureMouthToEar(channel);
  if (delays.length === 0) failures.push("No click came through.");
  return delays;
}

async function playScript(caller: ScriptedCaller, failures: string[]): Promise<void> {
  let greeting = await caller.listen();
  if (!GREETING.test(greeting)) {
    caller.timeline.note("caller", "tries again", { greeting });
    await caller.command("repeat");
    greeting = await caller.listen();
  }
  if (!GREETING.test(greeting)) failures.push(`The greeting was heard as "${greeting}".`);
  const check = async (line: string, answer: RegExp, attempt: () => Promise<Answer>) =>
    failures.push(...(await tryTwice(caller, line, answer, attempt)));
  const right = /two coffees and one green tea that is eight euros/;
  await check(ORDER, right, () => caller.ask(ORDER));
  const interrupt = () => caller.askAndInterrupt(HOURS, INTERRUPTION, INTERRUPT_AFTER_MS);
  await check(INTERRUPTION, /all right/, interrupt);
  await check(GOODBYE, /thank you for calling goodbye/, () => caller.ask(GOODBYE));
}

/** People say it again when they are not understood; once is enough to be sure that it was not a hiccup. */
async function tryTwice(
  caller: ScriptedCaller,
  line: string,
  answer: RegExp,
  attempt: () => Promise<Answer>,
): Promise<string[]> {
  const failures = await tryOnce(line, answer, attempt);
  if (failures.length === 0) return [];
  caller.timeline.note("caller", "tries again", { failures });
  return await tryOnce(line, answer, attempt);
}

async function tryOnce(line: string, answer: RegExp, attempt: () => Promise<Answer>): Promise<string[]> {
  try {
    return judge(line, answer, await attempt());
  } catch (error) {
    if (!(error instanceof TroupeError) || error.code !== "TIMEOUT") throw error;
    return [`Nothing came back to "${line}": ${error.message}.`];
  }
}

function judge(line: string, answer: RegExp, { text, heardByBot }: Answer): string[] {
  const said = plain(line);
  const failures: string[] = [];
  if (plain(heardByBot) !== said)
    failures.push(`The bot heard "${heardByBot}" where the caller said "${said}".`);
  if (!answer.test(text)) failures.push(`The answer to "${said}" was heard as "${text}".`);
  return failures;
}

async function measure(path: string, measurements: DemoMeasurements, failures: string[]): Promise<void> {
  const { channels, sampleRate } = await readRecording(path);
  const caller = findSound(channels[0]!, sampleRate);
  const bot = findSound(channels[1]!, sampleRate, { threshold: BOT_SOUND });
  const interruption = caller.find((span) => silenceMs(span, bot) !== undefined);
  measurements.interruptionMs = (interruption && silenceMs(interruption, bot)) ?? Number.NaN;
  measurements.responseMs = caller
    .map((span: SoundSpan) => responseMs(span, bot))
    .filter((ms): ms is number => ms !== undefined);
  if (!(measurements.interruptionMs <= LONGEST_INTERRUPTION_MS))
    failures.push("The bot did not stop when it was interrupted.");
  if (measurements.responseMs.length < 4) failures.push("Not every line has an answer in the recording.");
}

function plain(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^a-z]+/g, " ")
    .trim();
}

function tell({ at, who, event, text }: TimelineEntry, onEvent: DemoCallOptions["onEvent"]): void {
  if (!onEvent || typeof text !== "string") return;
  if (event === "says") onEvent({ atMs: at, who: who as "caller" | "bot", text });
  else if (event === "recognised")
    onEvent({ atMs: at, who: who as "caller" | "bot", text: `(heard: ${text || "nothing"})` });
}
