import { once } from "node:events";
import { relative, resolve } from "node:path";
import { startReception } from "../../agents/reception/index.ts";
import { Stage } from "../stage/index.ts";
import { type DemoCallEvent, type DemoCallResult, runDemoCall } from "../testing/index.ts";

export interface DemoOptions {
  once?: boolean;
  port: number;
  output: string;
}

const CHANNEL = "reception";

/**
 * `troupe demo`: a stage, the reception bot, one scripted call, and then the page for a person.
 *
 * @returns whether the bot was heard and answered right.
 */
export async function runDemo(options: DemoOptions, signal: AbortSignal): Promise<boolean> {
  await using stage = await Stage.start({ port: options.port });
  const folder = resolve(options.output);
  say(`The stage is open at ${stage.signalingUrl}`);
  await using _bot = await startReception({
    signalingUrl: stage.signalingUrl,
    channelId: CHANNEL,
    feedUrl: stage.feedUrl,
  });
  say(`The reception bot is in channel "${CHANNEL}". A scripted caller rings:\n`);
  const result = await runDemoCall({
    signalingUrl: stage.signalingUrl,
    channelId: CHANNEL,
    outputFolder: folder,
    onEvent: (event) => say(formatEvent(event)),
    signal,
  });
  if (signal.aborted) return true;
  say(formatResult(result));
  if (!options.once) {
    say(`\nTalk to the same bot yourself: ${stage.pageUrl}&channel=${CHANNEL}\nCtrl-C ends it.`);
    if (!signal.aborted) await once(signal, "abort");
  }
  return result.ok;
}

function formatEvent(event: DemoCallEvent): string {
  const seconds = (event.atMs / 1000).toFixed(2).padStart(7);
  return `${seconds} s  ${event.who.padEnd(6)}  ${event.text}`;
}

function formatResult(result: DemoCallResult): string {
  const { measurements } = result;
  const lines = [
    "",
    `speech end to first answer sample   ${formatMs(measurements.responseMs)}`,
    `interruption to silence             ${formatMs(measurements.interruptionMs)}`,
    `mouth to ear                        ${formatMs(measurements.mouthToEarMs)}`,
    `recording                           ${relative(process.cwd(), result.recordingPath)}`,
    `timeline                            ${relative(process.cwd(), result.timelinePath)}`,
  ];
  for (const failure of result.failures) lines.push(`FAILED: ${failure}`);
  lines.push(result.ok ? "The bot was heard and answered right." : "The call did not go as it should.");
  return lines.join("\n");
}

function formatMs(values: number | readonly number[]): string {
  const list = typeof values === "number" ? [values] : values;
  return list.length === 0 ? "none" : `${list.map((ms) => Math.round(ms)).join(", ")} ms`;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
