import { ConnectionProxy } from "troupe/testing";
import type { BrowserParty, JoinPage } from "./BrowserParty.ts";
import type { Checks } from "./Checks.ts";
import { expect } from "./Checks.ts";
import { hearsTone, hearsWords } from "./hearing.ts";
import type { Party } from "./Party.ts";
import { PythonParty } from "./PythonParty.ts";
import { MODES, messageChecks, pythonMode, type Room, troupeMode } from "./pythonChecks.ts";
import { tone } from "./sound.ts";
import { TroupeParty } from "./TroupeParty.ts";

export interface BrowserRoom extends Room {
  joinPage: JoinPage;
  /** What its microphone hums. */
  hz: number;
  /** After how long its microphone starts over. */
  loopSeconds: number;
}

export async function browserChecks(checks: Checks, room: BrowserRoom): Promise<void> {
  const both = MODES["both paths"];
  for (const [name, mode] of Object.entries(MODES)) {
    await checks.group(`JavaScript and Troupe, ${name}`, async () => {
      const channel = `javascript-troupe-${name.replaceAll(" ", "-")}`;
      const parties: Party[] = [];
      try {
        const page = await room.joinPage("JavaScript", channel, { options: javaScriptMode(mode) });
        parties.push(page);
        const bot = await TroupeParty.join("Troupe", {
          signalingUrls: [room.url],
          channelId: channel,
          role: "sendrecv",
          ...troupeMode(mode),
        });
        parties.push(bot);
        await bot.play(tone(880, 1), true);
        await checks.check(`JavaScript hears Troupe, ${name}`, () => hearsTone(page, 880));
        await checks.check(`Troupe hears JavaScript, ${name}`, () => hearsTone(bot, room.hz));
        if (mode === MODES["WebSocket only"]) {
          await checks.check("Troupe understands JavaScript", () =>
            hearsWords(bot, room.sentence, room.loopSeconds * 2),
          );
        }
        if (mode.signalling) await messageChecks(checks, name, page, bot);
        await checks.check(`JavaScript leaves, ${name}`, async () => {
          await page.leave();
          const { type, code } = await page.until("disconnect", ({ event }) => event === "disconnect");
          expect(type === "normal", `it ended with ${type} ${code}`);
          return `${type} ${code ?? ""}`;
        });
      } finally {
        await Promise.all(parties.map((party) => party.close().catch(() => {})));
      }
    });
  }

  for (const name of ["both paths", "data channels only"] as const) {
    await checks.group(`JavaScript comes back, ${name}`, () => comesBack(checks, room, name));
  }

  await checks.group("JavaScript and Python", async () => {
    const parties: Party[] = [];
    try {
      const channel = "javascript-python";
      const page = await room.joinPage("JavaScript", channel, { options: javaScriptMode(both) });
      parties.push(page);
      const python = await PythonParty.join("Python", room.python, {
        urls: [room.url],
        channel,
        extra: pythonMode(both),
      });
      parties.push(python);
      await python.play(tone(440, 1), true);
      await checks.check("JavaScript hears Python", () => hearsTone(page, 440));
      await checks.check("Python hears JavaScript", () => hearsTone(python, room.hz));
      await checks.check("Python understands JavaScript", () =>
        hearsWords(python, room.sentence, room.loopSeconds * 2),
      );
      await messageChecks(checks, "SDK to SDK", page, python);
    } finally {
      await Promise.all(parties.map((party) => party.close().catch(() => {})));
    }
  });
}

/** In the end of order and in that of a lost path: the SDK's connection joins again, hears and is understood. */
async function comesBack(checks: Checks, room: BrowserRoom, name: keyof typeof MODES): Promise<void> {
  const proxy = await ConnectionProxy.before(room.url);
  const parties: Party[] = [];
  try {
    const mode = MODES[name];
    const channel = `javascript-back-${name.replaceAll(" ", "-")}`;
    const bot = await TroupeParty.join("Troupe", {
      signalingUrls: [room.url],
      channelId: channel,
      role: "sendrecv",
      ...troupeMode(mode),
    });
    parties.push(bot);
    await bot.play(tone(880, 1), true);
    const page = await room.joinPage("JavaScript", channel, {
      url: proxy.through(room.url),
      options: javaScriptMode(mode),
    });
    parties.push(page);
    // Channels that close before the switch make the SDK leave once more each, and the timers of these end what joins next.
    await page.until("switched", ({ event }) => event === "switched");
    await checks.check(`JavaScript joins again after it left, ${name}`, async () => {
      const ended = await endingOf(page, () => page.disconnect());
      expect(ended === "normal", `it ended with ${ended}`);
      await page.rejoin();
      await hearsTone(bot, room.hz);
      return hearsTone(page, 880);
    });
    await messageChecks(checks, `${name}, after it came back`, page, bot);
    if (mode.ignore) return;
    await checks.check(`JavaScript joins again after its WebSocket was cut, ${name}`, async () => {
      const ended = await endingOf(page, () => proxy.cut());
      expect(ended === "abend WEBSOCKET-ONCLOSE", `it ended with ${ended}`);
      await page.rejoin();
      await hearsTone(bot, room.hz);
      return hearsTone(page, 880);
    });
  } finally {
    await Promise.all(parties.map((party) => party.close().catch(() => {})));
    await proxy.close();
  }
}

/** The type of the end that `end` brings about, and its title where it is none of order. */
async function endingOf(page: BrowserParty, end: () => unknown): Promise<string> {
  const before = page.events.length;
  await end();
  const { type, title } = await page.until("disconnect", (event) => {
    return event.event === "disconnect" && page.events.indexOf(event) >= before;
  });
  return type === "normal" ? "normal" : `${type} ${title}`;
}

function javaScriptMode({ signalling, ignore }: (typeof MODES)[keyof typeof MODES]): object {
  if (!signalling) return { dataChannelSignaling: false };
  const { dataChannels } = troupeMode({ signalling, ignore } as never) as { dataChannels: object[] };
  return { dataChannelSignaling: true, ignoreDisconnectWebSocket: ignore, dataChannels };
}
