import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AudioSource, connect } from "troupe";
import type { SpeechStream, SpeechToText } from "troupe/agent";
import { Pocketsphinx } from "troupe/agent";
import { AvatarSession } from "troupe/avatar";
import { sora } from "troupe/sora";
import { AvatarService, Stage } from "troupe/stage";
import { runDemoCall, ScriptedCaller, type Timeline } from "troupe/testing";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { RECEPTION_GRAMMAR } from "./dialogue.ts";
import { startReception } from "./index.ts";

/** A call is as long as what is said in it. */
const CALL_MS = 120_000;

let stage: Stage;
let folder: string;

beforeAll(async () => {
  stage = await Stage.start();
  folder = await mkdtemp(join(tmpdir(), "troupe-reception-"));
});

afterAll(async () => {
  await stage.close();
  await rm(folder, { recursive: true });
});

/** Hears everything, and takes it for something else. */
const mishearing: SpeechToText = {
  open(options): SpeechStream {
    const stream = new Pocketsphinx({ grammar: RECEPTION_GRAMMAR }).open(options);
    return {
      events: stream.events,
      write: (audio) => stream.write(audio),
      end: async () => ({ ...(await stream.end()), text: "three croissants" }),
      close: () => stream.close(),
    };
  },
};

const says = (timeline: Timeline) =>
  timeline.entries.filter(({ who, event }) => who === "bot" && event === "says").map(({ text }) => text);

describe("the reception", { timeout: CALL_MS }, () => {
  it("is heard and answers right over the stage", async () => {
    const { signalingUrl } = stage;
    await using _bot = await startReception({ signalingUrl, channelId: "right" });
    const result = await runDemoCall({
      signalingUrl,
      channelId: "right",
      outputFolder: join(folder, "right"),
    });
    expect(result.failures).toEqual([]);
    expect(result.ok).toBe(true);
    expect(result.measurements.mouthToEarMs.length).toBeGreaterThan(0);
    expect(result.measurements.responseMs.length).toBeGreaterThanOrEqual(4);
    expect(JSON.parse(await readFile(result.timelinePath, "utf8")).length).toBeGreaterThan(20);
  });

  it("fails the call when it mishears", async () => {
    const { signalingUrl } = stage;
    await using _bot = await startReception({ signalingUrl, channelId: "wrong", recognizer: mishearing });
    const controller = new AbortController();
    let heard = 0;
    const result = await runDemoCall({
      signalingUrl,
      channelId: "wrong",
      outputFolder: join(folder, "wrong"),
      // Twice over the order; the rest of the call would tell nothing new.
      onEvent: ({ who, text }) =>
        who === "bot" && text.startsWith("(heard") && ++heard === 3 && controller.abort(),
      signal: controller.signal,
    });
    expect(result.ok).toBe(false);
    expect(result.failures.join(" ")).toContain('The bot heard "three croissants"');
  });

  it("takes commands on its data channel, and is not troubled by anything else there", async () => {
    const { signalingUrl } = stage;
    const channelId = "commands";
    await using _bot = await startReception({ signalingUrl, channelId });
    const recordingPath = join(folder, "commands.wav");
    await using caller = await ScriptedCaller.join({ signalingUrl, channelId, recordingPath });
    await caller.listen();
    const rubbish = [
      "",
      "{",
      "null",
      "[1]",
      '{"type":"command"}',
      '{"type":"command","name":"fly"}',
      "x".repeat(20_000),
    ];
    for (const text of rubbish) await caller.line.send(text);
    await caller.line.send(Uint8Array.of(255, 0, 1));
    await caller.command("say", "six croissants please");
    const order = "Six croissants. That is twenty four euros.";
    const { entries } = caller.timeline;
    await vi.waitFor(() => expect(says(caller.timeline)).toContain(order), 10_000);
    const saidAt = entries.findIndex(({ text }) => text === order);
    await caller.command("stop");
    // Behind it comes what the caller's own recogniser made of what it heard, sooner or later.
    const attending = expect.objectContaining({ event: "state", value: "attending" });
    await vi.waitFor(() => expect(entries.slice(saidAt)).toContainEqual(attending), 5_000);
    await caller.command("repeat");
    await vi.waitFor(
      () => expect(says(caller.timeline).filter((text) => text === order)).toHaveLength(2),
      10_000,
    );
  });

  it("speaks through a face, whose frames come over a data channel beside the voice", async () => {
    const { signalingUrl } = stage;
    const channelId = "face";
    await using service = await AvatarService.start();
    await using avatar = new AvatarSession({ ...service.client, avatarId: "reception" });
    await avatar.start();
    // It greets whoever can speak.
    using source = new AudioSource({ sampleRate: 16_000 });
    const guest = connect(
      sora({
        signalingUrls: [signalingUrl],
        channelId,
        role: "sendrecv",
        audioSource: source,
        dataChannels: [{ label: "#avatar", direction: "recvonly" }],
      }),
    );
    const frames: Uint8Array[] = [];
    guest.on("message", (label, data) => label === "#avatar" && frames.push(data));
    await guest.connected();
    await using bot = await startReception({ signalingUrl, channelId, avatar });
    await vi.waitFor(() => expect(frames.length).toBeGreaterThan(20), 15_000);
    const [request] = service.sessions[0]!.requests;
    expect(frames.every((frame) => Buffer.from(frame).includes(request!.id))).toBe(true);
    await bot.close();
    await guest.disconnect();
  });

  it("says clearly why it can not start", async () => {
    const options = { signalingUrl: "ws://127.0.0.1:9/signaling", channelId: "nowhere" };
    await expect(startReception(options)).rejects.toMatchObject({ name: "TroupeError" });
    await expect(startReception({ ...options, signalingUrl: "http://nowhere" })).rejects.toMatchObject({
      code: "INVALID_OPTION",
    });
  });
});
