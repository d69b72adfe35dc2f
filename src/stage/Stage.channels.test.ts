import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { RecordingIndex } from "./ChannelRecording.ts";
import { Stage } from "./Stage.ts";
import { send, TestSocket } from "./testing/request.ts";
import { ScriptedMember } from "./testing/ScriptedMember.ts";

const stages: Stage[] = [];
const members: ScriptedMember[] = [];
const folders: string[] = [];

async function start(...options: Parameters<typeof Stage.start>): Promise<Stage> {
  const stage = await Stage.start(...options);
  stages.push(stage);
  return stage;
}

async function join(stage: Stage, connect: Record<string, unknown> = {}): Promise<ScriptedMember> {
  const member = await ScriptedMember.join(stage.signalingUrl, connect);
  members.push(member);
  return member;
}

async function callApi(
  stage: Stage,
  target: string,
  body: object,
): Promise<{ status: number; body: unknown }> {
  const headers = { "x-sora-target": target };
  const { status, text } = await send(stage.apiUrl, { method: "POST", headers }, JSON.stringify(body));
  return { status, body: JSON.parse(text) };
}

afterEach(async () => {
  for (const member of members.splice(0)) member.close();
  await Promise.all(stages.splice(0).map((stage) => stage.close()));
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

describe("a stage that redirects", () => {
  it("sends newcomers on and closes, and lets those in that were sent", async () => {
    const redirectUrl = "ws://127.0.0.1:9/signaling";
    const stage = await start({ redirectUrl });
    const client = await new TestSocket(stage.signalingUrl).opened();
    client.send({ type: "connect", role: "sendrecv", channel_id: "lobby" });
    expect(await client.next({ type: "redirect" })).toEqual({ type: "redirect", location: redirectUrl });
    expect(await client.closed).toMatchObject({ code: 1000 });
    expect((await join(stage, { redirect: true })).connectionId).toHaveLength(26);
  });
});

describe("a spotlight", () => {
  it("is on who spoke last, and its members are told", async () => {
    const stage = await start();
    const viewer = await join(stage, { role: "recvonly", spotlight: true, spotlight_number: 1 });
    expect(viewer.offer.spotlight).toBe(true);
    const ann = await join(stage, { role: "sendonly" });
    const focused = (connection_id: string) =>
      viewer.socket.next({ event_type: "spotlight.focused", connection_id });
    expect(await focused(ann.connectionId)).toMatchObject({ audio: true, video: false, fixed: false });
    const ben = await join(stage, { role: "sendonly" });
    ben.sound(440, 2);
    await focused(ben.connectionId);
    await viewer.socket.next({ event_type: "spotlight.changed", connection_id: ben.connectionId });
    await viewer.socket.next({ event_type: "spotlight.unfocused", connection_id: ann.connectionId });
  });
});

describe("a recording", () => {
  it("has a file for each connection, from when it came, and an index", async () => {
    const folder = await mkdtemp(joinPath(tmpdir(), "troupe-recording-"));
    folders.push(folder);
    const stage = await start({ recordingFolder: folder });
    const channel_id = "../the lobby";
    const ann = await join(stage, { channel_id, client_id: "../ann" });
    const started = await callApi(stage, "Troupe_20261128.StartRecording", { channel_id });
    const { recording_id } = started.body as { recording_id: string };
    ann.sound(440, 1);
    const ben = await join(stage, { channel_id });
    ben.sound(880, 1);
    await ann.listen(ben.connectionId, 0.5);
    const stopped = await callApi(stage, "Troupe_20261128.StopRecording", { channel_id });
    const index = stopped.body as RecordingIndex;
    expect(index).toMatchObject({ recording_id, channel_id });
    expect(index.files.map(({ connection_id }) => connection_id)).toEqual([
      ann.connectionId,
      ben.connectionId,
    ]);
    expect(index.files[0]!.client_id).toBe("../ann");
    expect(index.files[1]!.from_ms).toBeGreaterThan(0);
    const place = joinPath(folder, recording_id);
    expect(JSON.parse(await readFile(joinPath(place, "recording.json"), "utf8"))).toEqual(index);
    expect((await readdir(place)).toSorted()).toEqual(
      [...index.files.map(({ file }) => file), "recording.json"].toSorted(),
    );
    for (const { file, from_ms, to_ms } of index.files) {
      expect(file).toMatch(/^[0-9A-Z]{26}\.ogg$/);
      const recordedMs = durationMs(await readFile(joinPath(place, file)));
      expect(Math.abs(recordedMs - (to_ms - from_ms))).toBeLessThan(100);
    }
    expect(await callApi(stage, "Troupe_20261128.StopRecording", { channel_id })).toMatchObject({
      status: 404,
    });
  });

  it("begins and ends with the channel where every channel is recorded", async () => {
    const folder = await mkdtemp(joinPath(tmpdir(), "troupe-recording-"));
    folders.push(folder);
    const stage = await start({ recordingFolder: folder, recordChannels: true });
    (await join(stage)).close();
    await stage.close();
    const [recording, ...others] = await readdir(folder);
    expect(others).toEqual([]);
    expect(await readdir(joinPath(folder, recording!))).toContain("recording.json");
  });

  it("is refused where there is no folder for it", async () => {
    const stage = await start();
    await join(stage);
    const reply = await callApi(stage, "Troupe_20261128.StartRecording", { channel_id: "lobby" });
    expect(reply).toEqual({ status: 404, body: { error_type: "NO-RECORDING-FOLDER" } });
    await expect(Stage.start({ recordChannels: true })).rejects.toMatchObject({ code: "INVALID_OPTION" });
  });
});

/** By the last page's granule position, less what the head says is to be skipped (RFC 7845). */
function durationMs(ogg: Buffer): number {
  const page = ogg.lastIndexOf("OggS");
  const skipped = ogg.readUInt16LE(ogg.indexOf("OpusHead") + 10);
  return (Number(ogg.readBigUInt64LE(page + 6)) - skipped) / 48;
}
