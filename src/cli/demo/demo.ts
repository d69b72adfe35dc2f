import { once } from "node:events";
import { access, constants, mkdir } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { startReception } from "../../../agents/reception/index.ts";
import { TroupeError } from "../../core/index.ts";
import { type DemoCallEvent, type DemoCallResult, runDemoCall } from "../../testing/index.ts";
import { openAudioConnectorPlace } from "./audioConnectorPlace.ts";
import { Faces } from "./faces.ts";
import { openLiveKitPlace } from "./liveKitPlace.ts";
import type { OpenPlace } from "./place.ts";
import { openSoraPlace } from "./soraPlace.ts";

/** What the demo runs over. */
export const DEMO_TRANSPORTS = ["sora", "livekit", "audio-connector"] as const;
type DemoTransport = (typeof DEMO_TRANSPORTS)[number];

export interface DemoOptions {
  once?: boolean;
  port: number;
  output: string;
  transport: DemoTransport;
  /** The bot speaks through a face. */
  avatar?: boolean;
}

const PLACES: Record<DemoTransport, OpenPlace> = {
  sora: openSoraPlace,
  livekit: openLiveKitPlace,
  "audio-connector": openAudioConnectorPlace,
};

/**
 * `troupe demo`: a place of one transport with the reception bot in it, one scripted call, and then, over Sora, the page
 * for a person.
 *
 * @returns whether the bot was heard and answered right.
 */
export async function runDemo(options: DemoOptions, signal: AbortSignal): Promise<boolean> {
  const folder = await makeFolder(options.output);
  await using faces = options.avatar ? await Faces.open() : null;
  const startBot = faces ? faces.startBot.bind(faces) : startReception;
  await using place = await PLACES[options.transport](startBot, options);
  say(`${place.description}. A scripted caller rings:\n`);
  const result = await runDemoCall({
    ...place.caller,
    outputFolder: folder,
    onEvent: (event) => say(formatEvent(event)),
    signal,
  });
  if (signal.aborted) return true;
  const shown = faces?.summary();
  if (shown && !shown.ok) result.failures.push("The face did not show all that was said");
  const ok = result.ok && shown?.ok !== false;
  if (shown) say(`\nthe face                            ${shown.text}`);
  say(formatResult({ ...result, ok }));
  if (!options.once && place.invitation) {
    say(`\n${place.invitation}\nCtrl-C ends it.`);
    if (!signal.aborted) await once(signal, "abort");
  }
  return ok;
}

/** Before anything is started: what cannot be written is to be told of at once. */
async function makeFolder(path: string): Promise<string> {
  if (path.trim() === "") throw TroupeError.expected("INVALID_OPTION", "--output", "a folder", path);
  const folder = resolve(path);
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK);
  } catch (error) {
    throw TroupeError.from("INVALID_OPTION", error, `Expected a folder that can be written for --output`);
  }
  return folder;
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
    ...(measurements.mouthToEarMs.length > 0
      ? [`mouth to ear                        ${formatMs(measurements.mouthToEarMs)}`]
      : []),
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
