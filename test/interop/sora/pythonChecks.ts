import type { Checks } from "./Checks.ts";
import { expect } from "./Checks.ts";
import { hearsTone, saysTo } from "./hearing.ts";
import { type Party, textOf } from "./Party.ts";
import { type PythonOptions, PythonParty } from "./PythonParty.ts";
import { tone } from "./sound.ts";
import { TroupeParty } from "./TroupeParty.ts";

export interface Room {
  url: string;
  /** The interpreter that has Sora's SDK. */
  python: string;
  sentence: string;
  speech: Int16Array;
}

/** The ways in which signalling can run, as options of Sora's SDKs. */
export const MODES = {
  "WebSocket only": { signalling: false, ignore: false },
  "both paths": { signalling: true, ignore: false },
  "data channels only": { signalling: true, ignore: true },
} as const;
export type Mode = (typeof MODES)[keyof typeof MODES];

const MESSAGES = [
  { label: "#plain", direction: "sendrecv" as const },
  { label: "#packed", direction: "sendrecv" as const, compress: true },
  { label: "#signed", direction: "sendrecv" as const, header: [{ type: "sender_connection_id" as const }] },
];

export async function pythonChecks(checks: Checks, room: Room): Promise<void> {
  const python = (name: string, options: Omit<PythonOptions, "urls">) =>
    PythonParty.join(name, room.python, { urls: [room.url], ...options });
  const ours = (name: string, channelId: string, options: object = {}) =>
    TroupeParty.join(name, { signalingUrls: [room.url], channelId, role: "sendrecv", ...options });

  for (const [name, mode] of Object.entries(MODES)) {
    await checks.group(`Python and Troupe, ${name}`, async () => {
      const channel = `python-troupe-${name.replaceAll(" ", "-")}`;
      const parties: Party[] = [];
      try {
        const ann = await python("Python", { channel, extra: pythonMode(mode) });
        parties.push(ann);
        const bob = await ours("Troupe", channel, troupeMode(mode));
        parties.push(bob);
        await ann.play(tone(440, 1), true);
        await bob.play(tone(880, 1), true);
        await checks.check(`Troupe hears Python, ${name}`, () => hearsTone(bob, 440));
        await checks.check(`Python hears Troupe, ${name}`, () => hearsTone(ann, 880));
        if (mode.ignore) await switchedChecks(checks, [ann, bob]);
        if (mode.signalling) await messageChecks(checks, name, ann, bob);
        if (!mode.signalling) {
          await checks.check("Troupe understands Python", () => saysTo(ann, bob, room.sentence, room.speech));
          await checks.check("Python understands Troupe", () => saysTo(bob, ann, room.sentence, room.speech));
        }
        await checks.check(`Troupe leaves, ${name}`, () => leaves(bob, ann));
        await checks.check(`Python leaves, ${name}`, () => leaves(ann));
      } finally {
        await Promise.all(parties.map((party) => party.close()));
      }
    });
  }

  await checks.group("Python and Python", async () => {
    const parties: Party[] = [];
    try {
      const ann = await python("Ann", { channel: "python-python" });
      parties.push(ann);
      const ben = await python("Ben", { channel: "python-python" });
      parties.push(ben);
      await ann.play(tone(440, 1), true);
      await ben.play(tone(880, 1), true);
      await checks.check("Python hears Python", () => hearsTone(ben, 440));
      await checks.check("Python hears Python, the other way", () => hearsTone(ann, 880));
      await checks.check("Python understands Python", () => saysTo(ann, ben, room.sentence, room.speech));
    } finally {
      await Promise.all(parties.map((party) => party.close()));
    }
  });

  await checks.group("one-way roles", async () => {
    const parties: Party[] = [];
    try {
      const speaker = await python("sending Python", { channel: "one-way", role: "sendonly" });
      parties.push(speaker);
      const listener = await python("listening Python", { channel: "one-way", role: "recvonly" });
      parties.push(listener);
      const ourListener = await ours("listening Troupe", "one-way", { role: "recvonly" });
      parties.push(ourListener);
      await speaker.play(tone(550, 1), true);
      await checks.check("a recvonly Python hears a sendonly one", () => hearsTone(listener, 550));
      await checks.check("a recvonly Troupe hears a sendonly Python", () => hearsTone(ourListener, 550));
      const ourSpeaker = await ours("sending Troupe", "one-way", { role: "sendonly" });
      parties.push(ourSpeaker);
      await speaker.play(new Int16Array(0), false);
      await ourSpeaker.play(tone(770, 1), true);
      await checks.check("a recvonly Python hears a sendonly Troupe", () => hearsTone(listener, 770));
    } finally {
      await Promise.all(parties.map((party) => party.close()));
    }
  });
}

export function pythonMode({ signalling, ignore }: Mode): object {
  if (!signalling) return { data_channel_signaling: false };
  return { data_channel_signaling: true, ignore_disconnect_websocket: ignore, data_channels: MESSAGES };
}

export function troupeMode({ signalling, ignore }: Mode): object {
  if (!signalling) return { dataChannelSignaling: false };
  return { dataChannelSignaling: true, ignoreDisconnectWebsocket: ignore, dataChannels: MESSAGES };
}

async function switchedChecks(checks: Checks, parties: Party[]): Promise<void> {
  for (const party of parties) {
    await checks.check(`${party.name} gives its WebSocket up after switched`, async () => {
      await party.until("switched", ({ event }) => event === "switched");
      const { code, reason } = await party.until("ws_close", ({ event }) => event === "ws_close");
      expect(code === 1000 && reason === "SELF-CLOSED", `it closed with ${code} ${reason}`);
      return `${code} ${reason}`;
    });
  }
}

/** Messages both ways on each kind of label. */
export async function messageChecks(checks: Checks, name: string, theirs: Party, ours: Party): Promise<void> {
  for (const { label } of MESSAGES) {
    for (const [from, to] of [
      [theirs, ours],
      [ours, theirs],
    ] as const) {
      await checks.check(`${from.name} to ${to.name} on ${label}, ${name}`, async () => {
        const opened = ({ event, label: it }: { event: string; label?: unknown }) =>
          event === "data_channel" && it === label;
        await Promise.all([from.until(`open ${label}`, opened), to.until(`open ${label}`, opened)]);
        const text = `from ${from.name} on ${label}: äöü`;
        await from.send(label, text);
        const message = await to.until(`message on ${label}`, (event) => {
          return event.event === "message" && event.label === label && textOf(event).endsWith(text);
        });
        const header = textOf(message).length - text.length;
        const signed = label === "#signed";
        // Sora's SDKs leave the header on; ours takes it off and says who it was.
        const sender = message.sender ?? textOf(message).slice(0, header);
        if (signed) expect(String(sender).length === 26, `the header is ${JSON.stringify(sender)}`);
        return signed ? `sender ${sender}` : undefined;
      });
    }
  }
}

/** In order, with the code that says so; whoever stays is told. */
export async function leaves(party: Party, witness?: Party): Promise<string> {
  await party.leave();
  const { code, message } = await party.until("disconnect", ({ event }) => event === "disconnect");
  expect(code === "CLOSE_SUCCEEDED", `it ended with ${code}: ${message}`);
  await witness?.until("connection.destroyed", ({ event, message: it }) => {
    return event === "notify" && (it as { event_type?: string }).event_type === "connection.destroyed";
  });
  return `${code}, ${message}`;
}
