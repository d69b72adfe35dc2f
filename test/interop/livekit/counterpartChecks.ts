import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { type Checks, expect } from "../sora/Checks.ts";
import { bestPurity } from "../sora/sound.ts";
import type { Counterpart } from "./Counterpart.ts";
import { dataEdgeChecks } from "./dataEdgeChecks.ts";
import { agentToken, token } from "./server.ts";
import { TroupeParty } from "./TroupeParty.ts";

const FILE_BYTES = 10 * 1024 * 1024;
const TONE_MS = 15_000;
/** Opus leaves nearly all of a tone where it was. */
const LEAST_PURITY = 0.9;
/** What is encrypted and heard without the key is noise or nothing. */
const MOST_PURITY_IN_NOISE = 0.3;

export interface Listener {
  heard(identity: string): Int16Array | Promise<Int16Array>;
}

export interface CounterpartOptions {
  url: string;
  folder: string;
  /** Makes a client of the SDK that has not joined yet. */
  open: (name: string) => Promise<Counterpart>;
  /** What the SDK cannot do at all, as its own documentation says. */
  lacks: readonly ("mute" | "transcription" | "covering data" | "dtmf")[];
}

/** Waits until `listener` hears the tone from `identity`. */
export async function hears(
  listener: Listener,
  identity: string,
  hz: number,
  waitMs = TONE_MS,
): Promise<string> {
  const deadline = Date.now() + waitMs;
  let best = 0;
  while (Date.now() < deadline) {
    best = bestPurity(await listener.heard(identity), hz);
    if (best >= LEAST_PURITY) return `${hz} Hz, purity ${best.toFixed(3)}`;
    await pause(100);
  }
  throw new Error(`${hz} Hz of ${identity} is not heard: purity ${best.toFixed(3)}`);
}

/** Our client with one of LiveKit's own SDKs in a room. */
export async function counterpartChecks(
  checks: Checks,
  sdk: string,
  options: CounterpartOptions,
): Promise<void> {
  await checks.group(sdk, async () => {
    const room = `${sdk}-room`;
    const theirs = await options.open("theirs");
    const ours = await TroupeParty.join({ url: options.url, token: await token("ours", room) }, 880);
    try {
      await theirs.ask("join", { url: options.url, token: await agentToken("theirs", room), hz: 440 });
      await checks.check(`${sdk}: ours hears theirs`, () => hears(ours, "theirs", 440));
      await checks.check(`${sdk}: theirs hears ours`, () => hears(theirs, "ours", 880));
      await participantChecks(checks, sdk, ours, theirs);
      await muteChecks(checks, sdk, ours, theirs, options);
      await dataChecks(checks, sdk, ours, theirs);
      await streamChecks(checks, sdk, ours, theirs, options);
      await callChecks(checks, sdk, ours, theirs);
      await dataEdgeChecks(checks, sdk, ours, theirs);
      await smallChecks(checks, sdk, ours, theirs, options);
      await subscriptionChecks(checks, sdk, ours, theirs);
      await comebackChecks(checks, sdk, ours, theirs);
      await checks.check(`${sdk}: theirs leaves in the middle of our call`, async () => {
        const call = { destinationIdentity: "theirs", method: "slow", payload: "" };
        const failed = ours.room.data.performRpc(call).catch((error: { rpcCode: number }) => error.rpcCode);
        const left = once(ours, "participantDisconnected");
        await theirs.ask("leave");
        const [participant] = await left;
        expect((participant as { identity: string }).identity === "theirs", "somebody else left");
        expect((await failed) === 1503, `the call gave ${await failed}`);
        return "1503";
      });
    } finally {
      await Promise.all([ours.close(), theirs.close()]);
    }
  });
  await encryptionChecks(checks, sdk, options, "audio");
  if (!options.lacks.includes("covering data")) await encryptionChecks(checks, sdk, options, "data");
}

async function participantChecks(checks: Checks, sdk: string, ours: TroupeParty, theirs: Counterpart) {
  const them = () => ours.room.remoteParticipants.get("theirs");
  await checks.check(`${sdk}: their attributes, metadata and name`, async () => {
    const changed = once(ours, "participantAttributesChanged");
    await theirs.ask("setAttributes", { attributes: { mood: "good" } });
    expect(JSON.stringify((await changed)[0]) === '{"mood":"good"}', "other attributes changed");
    const metadata = once(ours, "participantMetadataChanged");
    await theirs.ask("setMetadata", { metadata: "about theirs" });
    await metadata;
    const name = once(ours, "participantNameChanged");
    await theirs.ask("setName", { name: "Their Name" });
    await name;
    expect(them()?.metadata === "about theirs" && them()?.name === "Their Name", "not what was set");
    return undefined;
  });
  await checks.check(`${sdk}: our attributes, metadata and name`, async () => {
    const { localParticipant } = ours.room;
    await localParticipant.setAttributes({ mood: "fine" });
    await theirs.until("attributes", { identity: "ours" });
    await localParticipant.setMetadata("about ours");
    await theirs.until("metadata", { identity: "ours", metadata: "about ours" });
    await localParticipant.setName("Our Name");
    await theirs.until("name", { identity: "ours", name: "Our Name" });
    const seen = (await theirs.ask("participants")) as Record<string, { attributes: object }>;
    expect(JSON.stringify(seen.ours?.attributes) === '{"mood":"fine"}', JSON.stringify(seen));
    return undefined;
  });
}

async function muteChecks(
  checks: Checks,
  sdk: string,
  ours: TroupeParty,
  theirs: Counterpart,
  { lacks }: CounterpartOptions,
) {
  await checks.check(`${sdk}: ours is muted and heard again`, async () => {
    const [publication] = ours.room.localParticipant.trackPublications.values();
    publication?.mute();
    await theirs.until("trackMuted", { identity: "ours" });
    publication?.unmute();
    await theirs.until("trackUnmuted", { identity: "ours" });
    await theirs.ask("forget");
    return hears(theirs, "ours", 880);
  });
  if (lacks.includes("mute")) return;
  await checks.check(`${sdk}: theirs is muted and heard again`, async () => {
    const muted = once(ours, "trackMuted");
    await theirs.ask("mute", { muted: true });
    await muted;
    const unmuted = once(ours, "trackUnmuted");
    await theirs.ask("mute", { muted: false });
    await unmuted;
    ours.forget();
    return hears(ours, "theirs", 440);
  });
}

async function dataChecks(checks: Checks, sdk: string, ours: TroupeParty, theirs: Counterpart) {
  for (const reliable of [true, false]) {
    const kind = reliable ? "reliable" : "lossy";
    await checks.check(`${sdk}: ${kind} data both ways`, async () => {
      await ours.room.data.publishData(`from ours ${kind}`, { reliable, topic: "t" });
      await theirs.until("data", { identity: "ours", topic: "t", text: `from ours ${kind}` });
      const received = once(ours, "dataReceived");
      await theirs.ask("publishData", { text: `from theirs ${kind}`, reliable, topic: "t", to: ["ours"] });
      const [{ data, topic, participantIdentity, kind: label }] = (await received) as [
        { data: Uint8Array; topic: string; participantIdentity: string; kind: string },
      ];
      const got = [Buffer.from(data).toString(), topic, participantIdentity, label].join("|");
      expect(got === `from theirs ${kind}|t|theirs|${kind}`, got);
      return undefined;
    });
  }
}

async function streamChecks(
  checks: Checks,
  sdk: string,
  ours: TroupeParty,
  theirs: Counterpart,
  { folder }: CounterpartOptions,
) {
  const path = `${folder}/${sdk}.bin`;
  const bytes = Buffer.from(Uint8Array.from({ length: FILE_BYTES }, (_, at) => (at * 31) & 255));
  await writeFile(path, bytes);
  const text = "Grüße, 世界 🙂 ".repeat(4000);
  await theirs.ask("takeStreams", { topic: "stream" });
  await checks.check(`${sdk}: text from ours`, async () => {
    await ours.room.data.sendText(text, { topic: "stream", attributes: { a: "1" } });
    const { attributes } = await theirs.until("text", { identity: "ours", sha256: sha256(text) });
    expect(JSON.stringify(attributes) === '{"a":"1"}', JSON.stringify(attributes));
    return `${text.length} characters`;
  });
  await checks.check(`${sdk}: text from theirs`, async () => {
    const received = Promise.withResolvers<string>();
    ours.room.data.registerTextStreamHandler(
      "stream",
      (reader) => void reader.readAll().then(received.resolve, received.reject),
    );
    await theirs.ask("sendText", { text, topic: "stream" });
    expect((await received.promise) === text, "not the same text");
    return undefined;
  });
  await checks.check(`${sdk}: a file of 10 MB from ours`, async () => {
    const started = performance.now();
    await ours.room.data.sendFile(path, { topic: "stream" });
    await theirs.until("file", { identity: "ours", size: FILE_BYTES, sha256: sha256(bytes) });
    return `${(performance.now() - started).toFixed(0)} ms`;
  });
  await checks.check(`${sdk}: a file of 10 MB from theirs`, async () => {
    const received = Promise.withResolvers<string>();
    ours.room.data.registerByteStreamHandler("stream", async (reader) => {
      const hash = createHash("sha256");
      try {
        for await (const chunk of reader) hash.update(chunk);
        received.resolve(hash.digest("hex"));
      } catch (error) {
        received.reject(error);
      }
    });
    const started = performance.now();
    await theirs.ask("sendFile", { path, size: FILE_BYTES, topic: "stream" });
    expect((await received.promise) === sha256(bytes), "not the same bytes");
    return `${(performance.now() - started).toFixed(0)} ms`;
  });
}

/** What a call of each method comes to: its value, or the code of its error. */
const CALLS: readonly [
  method: string,
  payload: string,
  timeoutMs: number | undefined,
  outcome: string | number,
][] = [
  ["echo", "hello", undefined, "hello"],
  ["echo", "x".repeat(14_000), undefined, "x".repeat(14_000)],
  ["absent", "", undefined, 1400],
  ["fails", "", undefined, 1234],
  ["breaks", "", undefined, 1500],
  ["slow", "", 2_000, 1502],
];

async function callChecks(checks: Checks, sdk: string, ours: TroupeParty, theirs: Counterpart) {
  await theirs.ask("takeCalls");
  const { data } = ours.room;
  const { RpcError } = await import("troupe/livekit");
  data.registerRpcMethod("echo", ({ payload }) => payload);
  data.registerRpcMethod("fails", () => {
    throw new RpcError(1234, "on purpose", "its data");
  });
  data.registerRpcMethod("breaks", () => {
    throw new Error("a bug");
  });
  data.registerRpcMethod("slow", () => pause(30_000, "", { ref: false }));
  for (const [method, payload, timeoutMs, outcome] of CALLS) {
    const name = `${method}${payload.length > 100 ? `, ${payload.length} bytes` : ""}`;
    await checks.check(`${sdk}: ours calls ${name}`, async () => {
      const call = { destinationIdentity: "theirs", method, payload, responseTimeoutMs: timeoutMs };
      const got = await data.performRpc(call).catch((error: InstanceType<typeof RpcError>) => error.rpcCode);
      expect(got === outcome, `gave ${String(got).slice(0, 40)} and not ${String(outcome).slice(0, 40)}`);
      return String(got).slice(0, 10);
    });
    await checks.check(`${sdk}: theirs calls ${name}`, async () => {
      const answer = (await theirs.ask("call", { to: "ours", method, payload, timeoutMs })) as {
        value?: string;
        code?: number;
      };
      const got = answer.value ?? answer.code;
      expect(got === outcome, `gave ${JSON.stringify(answer).slice(0, 80)}`);
      return String(got).slice(0, 10);
    });
  }
  await checks.check(`${sdk}: theirs calls nobody`, async () => {
    const call = { to: "nobody", method: "echo", payload: "" };
    const { code } = (await theirs.ask("call", call)) as { code?: number };
    expect(code === 1401 || code === 1501, `gave ${code}`);
    return String(code);
  });
  await checks.check(`${sdk}: ours calls nobody`, async () => {
    const call = { destinationIdentity: "nobody", method: "echo", payload: "" };
    const code = await data.performRpc(call).catch((error: InstanceType<typeof RpcError>) => error.rpcCode);
    expect(code === 1401, `gave ${code}`);
    return "1401";
  });
}

async function smallChecks(
  checks: Checks,
  sdk: string,
  ours: TroupeParty,
  theirs: Counterpart,
  { lacks }: CounterpartOptions,
) {
  if (!lacks.includes("dtmf")) {
    await checks.check(`${sdk}: DTMF both ways`, async () => {
      await ours.room.data.publishDtmf({ code: 5, digit: "5" });
      await theirs.until("dtmf", { identity: "ours", digit: "5" });
      const received = once(ours, "sipDtmfReceived");
      await theirs.ask("dtmf", { code: 11, digit: "#" });
      const [{ code, digit }] = (await received) as [{ code: number; digit: string }];
      expect(code === 11 && digit === "#", `${code} ${digit}`);
      return undefined;
    });
  }
  if (lacks.includes("transcription")) return;
  await checks.check(`${sdk}: transcription from theirs`, async () => {
    const [publication] = ours.room.remoteParticipants.get("theirs")!.trackPublications.values();
    const received = once(ours, "transcriptionReceived");
    await theirs.ask("transcribe", { trackSid: publication?.sid, text: "their words" });
    const [{ segments }] = (await received) as [{ segments: { text: string; final: boolean }[] }];
    expect(segments[0]?.text === "their words" && segments[0].final, JSON.stringify(segments));
    return undefined;
  });
}

async function subscriptionChecks(checks: Checks, sdk: string, ours: TroupeParty, theirs: Counterpart) {
  await checks.check(`${sdk}: ours unsubscribes and subscribes again`, async () => {
    const [publication] = ours.room.remoteParticipants.get("theirs")!.trackPublications.values();
    const gone = once(ours, "trackUnsubscribed");
    publication?.setSubscribed(false);
    await gone;
    const back = once(ours, "trackSubscribed");
    publication?.setSubscribed(true);
    await back;
    return hears(ours, "theirs", 440);
  });
  await checks.check(`${sdk}: ours forbids and allows subscribing`, async () => {
    const { localParticipant } = ours.room;
    localParticipant.setTrackSubscriptionPermissions({
      allParticipantsAllowed: false,
      participantPermissions: [],
    });
    await isQuiet(theirs, "ours", 880);
    localParticipant.setTrackSubscriptionPermissions({ allParticipantsAllowed: true });
    return hears(theirs, "ours", 880);
  });
}

/** What the server does to us costs the other side neither sound nor words. */
async function comebackChecks(checks: Checks, sdk: string, ours: TroupeParty, theirs: Counterpart) {
  for (const scenario of ["migration", "nodeFailure"] as const) {
    await checks.check(`${sdk}: ours comes back from ${scenario}`, async () => {
      const back = ours.next("reconnected");
      ours.room.simulateScenario(scenario);
      await back;
      await theirs.ask("forget");
      ours.forget();
      await Promise.all([hears(theirs, "ours", 880), hears(ours, "theirs", 440)]);
      await ours.room.data.publishData(`after ${scenario}`, { topic: "t" });
      await theirs.until("data", { identity: "ours", topic: "t", text: `after ${scenario}` });
      return undefined;
    });
  }
}

async function encryptionChecks(
  checks: Checks,
  sdk: string,
  options: CounterpartOptions,
  cover: "audio" | "data",
) {
  await checks.group(`${sdk}, encrypted ${cover}`, async () => {
    const room = `${sdk}-encrypted-${cover}`;
    const theirs = await options.open("theirs");
    const encryption = { keyProvider: { sharedKey: "a shared secret" } };
    const given = cover === "data" ? { encryption } : { e2ee: encryption };
    const ours = await TroupeParty.join(
      { url: options.url, token: await token("ours", room), ...given },
      880,
    );
    const deaf = await TroupeParty.join({ url: options.url, token: await token("deaf", room) });
    try {
      const join = {
        url: options.url,
        token: await token("theirs", room),
        hz: 440,
        key: "a shared secret",
        cover,
      };
      await theirs.ask("join", join);
      await checks.check(`${sdk}: ours hears theirs, encrypted, ${cover}`, () => hears(ours, "theirs", 440));
      await checks.check(`${sdk}: theirs hears ours, encrypted, ${cover}`, () => hears(theirs, "ours", 880));
      await checks.check(`${sdk}: nothing to hear without the key, ${cover}`, async () => {
        const heard = Math.max(bestPurity(deaf.heard("theirs"), 440), bestPurity(deaf.heard("ours"), 880));
        const packets = deaf.room
          .getStats()
          .filter(({ type }) => type === "inbound-rtp")
          .map(({ packetsReceived }) => Number(packetsReceived));
        // A packet that came before the answer which names its stream may count as one of its own.
        expect(packets.length >= 2 && packets.every((count) => count > 0), `packets: ${packets}`);
        expect(heard < MOST_PURITY_IN_NOISE, `purity ${heard.toFixed(3)}`);
        return `purity ${heard.toFixed(3)}`;
      });
      if (cover === "audio") return;
      await checks.check(`${sdk}: encrypted data both ways`, async () => {
        await ours.room.data.publishData("secret of ours");
        await theirs.until("data", { identity: "ours", text: "secret of ours" });
        const received = once(ours, "dataReceived");
        await theirs.ask("publishData", { text: "secret of theirs" });
        const [{ data, isEncrypted }] = (await received) as [{ data: Uint8Array; isEncrypted: boolean }];
        expect(
          isEncrypted && Buffer.from(data).toString() === "secret of theirs",
          "not encrypted, or other data",
        );
        return undefined;
      });
      await ratchetChecks(checks, sdk, ours, theirs);
    } finally {
      await Promise.all([ours.close(), deaf.close(), theirs.close()]);
    }
  });
}

/** Whoever ratchets a shared key sends under the next one, and hears the others once they have ratcheted too. */
async function ratchetChecks(checks: Checks, sdk: string, ours: TroupeParty, theirs: Counterpart) {
  const [track] = ours.room.localTracks;
  await checks.check(`${sdk}: theirs ratchets its key, and ours loses no message and hears on`, async () => {
    const got: string[] = [];
    const texts = Array.from({ length: 5 }, (_, number) => `behind the ratchet ${number}`);
    const off = ours.room.on("dataReceived", ({ data }) => got.push(Buffer.from(data).toString()));
    // At a frame that does not open libwebrtc tries the next keys in place of the one that it sends under.
    track?.setMuted(true);
    await isQuiet(theirs, "ours", 880);
    await theirs.ask("ratchet");
    for (const text of texts) await theirs.ask("publishData", { text });
    const deadline = Date.now() + TONE_MS;
    while (got.length < texts.length && Date.now() < deadline) await pause(20);
    off();
    expect(got.join() === texts.join(), `got ${got}`);
    ours.forget();
    return hears(ours, "theirs", 440);
  });
  await checks.check(`${sdk}: ours ratchets its key too, and theirs hears on`, async () => {
    await ours.room.encryption.keyProvider?.ratchetSharedKey();
    track?.setMuted(false);
    await theirs.ask("forget");
    return hears(theirs, "ours", 880);
  });
}

/** Waits until nothing of the tone comes any more. */
async function isQuiet(theirs: Counterpart, identity: string, hz: number): Promise<void> {
  const deadline = Date.now() + TONE_MS;
  while (Date.now() < deadline) {
    await theirs.ask("forget");
    await pause(500);
    if (bestPurity(await theirs.heard(identity), hz) < MOST_PURITY_IN_NOISE) return;
  }
  throw new Error(`${identity} is still heard`);
}

function sha256(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

/** The arguments of the next event of this name. */
function once(party: TroupeParty, name: string): Promise<unknown[]> {
  return new Promise((resolve) => party.room.once(name as "dataReceived", (...args) => resolve(args)));
}
