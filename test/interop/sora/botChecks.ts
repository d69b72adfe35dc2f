import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { BrowserParty, JoinPage } from "./BrowserParty.ts";
import type { Checks } from "./Checks.ts";
import { hearsTranscript, recognizes } from "./hearing.ts";
import type { Party } from "./Party.ts";
import { PythonParty } from "./PythonParty.ts";
import type { Room } from "./pythonChecks.ts";
import { join16, silence } from "./sound.ts";

const MAIN = fileURLToPath(new URL("../../../agents/reception/main.ts", import.meta.url));
/** How long the bot speaks at most for each character of its text, in ms, and what the wire adds. */
const CHARACTER_MS = 65;
const MARGIN_MS = 2000;
const LABELS = [{ label: "#troupe", direction: "sendrecv" as const, ordered: true }];

export interface BotRoom extends Room {
  joinPage: JoinPage;
}

/** Sora's SDKs talk to the bot of the first template and understand what it answers. */
export async function botChecks(checks: Checks, room: BotRoom): Promise<void> {
  await checks.group("Python talks to the bot", async () => {
    const bot = await startBot(room.url, "bot-python");
    let caller: PythonParty | undefined;
    try {
      caller = await PythonParty.join("Python", room.python, {
        urls: [room.url],
        channel: "bot-python",
        extra: { data_channel_signaling: true, data_channels: LABELS },
      });
      const party = caller;
      // The bot greets whoever comes; a caller who waits for the end of that is not taken for an interruption.
      await checks.check("the bot greets Python", async () => {
        const greeting = await hearsTranscript(party, "bot", "coffee counter");
        await pause(greeting.length * CHARACTER_MS + MARGIN_MS);
        return greeting;
      });
      await party.clear();
      await party.play(join16(room.speech, silence(0.5)), false);
      await answerChecks(checks, party);
    } finally {
      await caller?.close();
      await bot.close();
    }
  });

  const { joinPage } = room;
  await checks.group("JavaScript talks to the bot", async () => {
    const bot = await startBot(room.url, "bot-javascript");
    let caller: BrowserParty | undefined;
    try {
      caller = await joinPage("JavaScript", "bot-javascript", {
        options: { dataChannelSignaling: true, dataChannels: LABELS },
      });
      await answerChecks(checks, caller);
    } finally {
      await caller?.close();
      await bot.close();
    }
  });
}

/** The caller has asked, or is about to. */
async function answerChecks(checks: Checks, caller: Party): Promise<void> {
  await checks.check(`the bot understands ${caller.name}`, () =>
    hearsTranscript(caller, "caller", "opening hours"),
  );
  await caller.clear();
  await checks.check(`${caller.name} understands the bot's answer`, async () => {
    const answer = await hearsTranscript(caller, "bot", "we are open");
    await pause(answer.length * CHARACTER_MS + MARGIN_MS);
    return recognizes(caller, answer);
  });
}

async function startBot(url: string, channel: string): Promise<{ close: () => Promise<void> }> {
  const parameters = ["--conditions=troupe-source", MAIN, "--signaling-url", url, "--channel", channel];
  const child = spawn(process.execPath, parameters, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const ready = new Promise<string>((resolve) =>
    createInterface({ input: child.stdout }).once("line", resolve),
  );
  await Promise.race([ready, ended.then(() => Promise.reject(new Error("the bot did not start")))]);
  return {
    close: async () => {
      child.kill("SIGINT");
      const killer = setTimeout(() => child.kill("SIGKILL"), 5000);
      await ended;
      clearTimeout(killer);
    },
  };
}
