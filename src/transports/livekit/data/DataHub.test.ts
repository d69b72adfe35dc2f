import { ChatMessage, DataPacket, MetricsBatch } from "@livekit/protocol";
import { describe, expect, it } from "vitest";
import { DataRoom } from "../../../../test/fixtures/DataRoom.ts";
import { ManualClock, settled } from "../../../../test/fixtures/ManualClock.ts";
import { TroupeError } from "../../../core/index.ts";
import { PublishDataError } from "../errors.ts";
import type { DataEncryption, EncryptedData, ReceivedData } from "./index.ts";

const text = ({ data }: ReceivedData) => Buffer.from(data).toString();

function party(options = {}) {
  const room = new DataRoom();
  const clock = new ManualClock();
  const alice = room.join("alice", { clock, ...options });
  const bob = room.join("bob", { clock, ...options });
  const carol = room.join("carol", { clock, ...options });
  const heard: Record<string, ReceivedData[]> = { alice: [], bob: [], carol: [] };
  for (const member of [alice, bob, carol]) {
    member.hub.events.on("dataReceived", (data) => heard[member.localIdentity]!.push(data));
  }
  return { room, clock, alice, bob, carol, heard };
}

describe("data packets", () => {
  it("go to everyone, reliably and without a topic, when nothing else is said", async () => {
    const { alice, heard } = party();
    await alice.hub.publishData("hello");
    expect(heard.bob!.map(text)).toEqual(["hello"]);
    expect(heard.carol![0]).toMatchObject({
      kind: "reliable",
      topic: undefined,
      participantIdentity: "alice",
      isEncrypted: false,
    });
    expect(heard.alice).toEqual([]);
  });

  it("go by the lossy channel, with a topic, to those who are named", async () => {
    const { alice, heard } = party();
    await alice.hub.publishData(new Uint8Array([1, 2]), {
      reliable: false,
      topic: "cursor",
      destinationIdentities: ["carol"],
    });
    expect(heard.bob).toEqual([]);
    expect(heard.carol![0]).toMatchObject({ kind: "lossy", topic: "cursor" });
    expect([...heard.carol![0]!.data]).toEqual([1, 2]);
  });

  it("are numbered from 1 when reliable and not at all when lossy", async () => {
    const { alice } = party();
    await alice.hub.publishData("a");
    await alice.hub.publishData("b", { reliable: false });
    await alice.hub.publishData("c");
    expect(alice.sent.map(({ sequence }) => sequence)).toEqual([1, 0, 2]);
  });

  it("come from nobody when the server's API sent them", () => {
    const { bob, heard } = party();
    bob.hub.receive(
      "reliable",
      new DataPacket({ value: { case: "user", value: { payload: Buffer.from("api") } as never } }).toBinary(),
    );
    expect(heard.bob![0]).toMatchObject({ participantIdentity: undefined });
  });

  it("of 64,000 bytes and more are refused before they are sent", async () => {
    const { alice } = party();
    const failure = await alice.hub.publishData(new Uint8Array(64_000)).catch((error) => error);
    expect(failure).toBeInstanceOf(PublishDataError);
    expect(failure).toMatchObject({ code: "INVALID_OPTION", field: "data" });
    expect(alice.sent).toEqual([]);
  });
});

describe("reliable packets", () => {
  it("that the server had already are not heard twice", async () => {
    const { alice, heard } = party();
    alice.isDoubling = true;
    await alice.hub.publishData("once");
    expect(heard.bob!.map(text)).toEqual(["once"]);
  });

  it("that the server lost are told of, those of before we came are not", async () => {
    const { room, alice, bob, heard } = party();
    const told: unknown[] = [];
    bob.hub.events.on("packetsSkipped", (identity, packets) => told.push([identity, packets]));
    await alice.hub.publishData("1");
    bob.isConnected = false;
    for (const lost of ["2", "3"]) await alice.hub.publishData(lost);
    bob.isConnected = true;
    await alice.hub.publishData("4");
    await alice.hub.publishData("5");
    expect(heard.bob!.map(text)).toEqual(["1", "4", "5"]);
    expect([told, bob.hub.skipped]).toEqual([[["alice", 2]], 2]);
    const dave = room.join("dave");
    await alice.hub.publishData("6");
    expect(dave.hub.skipped).toBe(0);
  });

  it("that arrive twice at a receiver are heard once", async () => {
    const { alice, bob, heard } = party();
    await alice.hub.publishData("once");
    bob.hub.receive("reliable", alice.sent[0]!.toBinary());
    expect(heard.bob!.map(text)).toEqual(["once"]);
  });

  it("that a dead path swallowed are sent again after a resume, in order and once each", async () => {
    const { alice, heard } = party();
    await alice.hub.publishData("1");
    alice.isLosing = true;
    await alice.hub.publishData("2");
    await alice.hub.publishData("3");
    alice.cut();
    const fourth = alice.hub.publishData("4");
    await settled();
    expect(heard.bob!.map(text)).toEqual(["1"]);
    alice.resume();
    await fourth;
    expect(heard.bob!.map(text)).toEqual(["1", "2", "3", "4"]);
  });

  it("survive a full reconnect: heard once by those who had them, and at all by those who had not", async () => {
    const { alice, heard, clock } = party();
    await alice.hub.publishData("old");
    await clock.pass(21_000);
    await alice.hub.publishData("arrived");
    alice.isLosing = true;
    await alice.hub.publishData("swallowed");
    alice.cut();
    const waiting = alice.hub.publishData("waiting");
    await settled();
    alice.rejoin();
    await waiting;
    expect(heard.bob!.map(text)).toEqual(["old", "arrived", "swallowed", "waiting"]);
    expect(alice.sent.slice(-3).map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
  });

  it("are kept for a replay up to a bound, the newest of them", async () => {
    const { alice, heard } = party({ limits: { replayBytes: 400 } });
    alice.isLosing = true;
    for (let index = 0; index < 20; index += 1) await alice.hub.publishData(`message ${index}`.padEnd(60));
    alice.resume();
    await settled();
    const numbers = heard.bob!.map((data) => Number(text(data).split(" ")[1]));
    expect(numbers.length).toBeGreaterThan(0);
    expect(numbers.length).toBeLessThan(7);
    expect(numbers.at(-1)).toBe(19);
  });

  it("are refused when too much waits, and taken again when it was sent", async () => {
    const { alice, heard } = party({ limits: { waitingBytes: 1000 } });
    alice.cut();
    const first = alice.hub.publishData(new Uint8Array(800));
    await expect(alice.hub.publishData(new Uint8Array(800))).rejects.toMatchObject({ code: "QUEUE_FULL" });
    alice.resume();
    await first;
    await alice.hub.publishData("room again");
    expect(heard.bob!.map(({ data }) => data.length)).toEqual([800, 10]);
  });

  it("fail when the room is left", async () => {
    const { alice } = party();
    alice.cut();
    const waiting = alice.hub.publishData("never");
    alice.hub.close();
    await expect(waiting).rejects.toMatchObject({ name: "PublishDataError", code: "CLOSED" });
    await expect(alice.hub.publishData("later")).rejects.toMatchObject({ code: "CLOSED" });
  });

  it("wait when a channel closes under them that looks open, until the next one is there", async () => {
    const { alice, heard } = party();
    alice.refusal = new TroupeError("CLOSED", "The data channel is closed");
    const waiting = alice.hub.publishData("patient");
    await settled();
    expect(alice.hub.waitingBytes).toBeGreaterThan(0);
    alice.refusal = undefined;
    alice.hub.wake();
    await waiting;
    expect(heard.bob!.map(text)).toEqual(["patient"]);
    expect(alice.hub.waitingBytes).toBe(0);
  });

  it("fail alone when the channel is open and does not take them", async () => {
    const { alice, heard } = party();
    alice.refusal = new Error("too long for this channel");
    await expect(alice.hub.publishData("refused")).rejects.toMatchObject({ code: "TRANSPORT_FAILED" });
    alice.refusal = undefined;
    await alice.hub.publishData("taken");
    expect(heard.bob!.map(text)).toEqual(["taken"]);
  });
});

describe("lossy packets", () => {
  it("are dropped while the channel is closed", async () => {
    const { alice, heard } = party();
    alice.cut();
    await alice.hub.publishData("gone", { reliable: false });
    alice.resume();
    await settled();
    expect(heard.bob).toEqual([]);
    expect(alice.hub.lossyDropped).toBe(1);
  });
});

describe("other packets", () => {
  it("bring digits", async () => {
    const { alice, bob } = party();
    const digits: unknown[] = [];
    bob.hub.events.on("sipDtmfReceived", (dtmf, from) => digits.push([dtmf, from]));
    await alice.hub.publishDtmf({ code: 11, digit: "#" });
    expect(digits).toEqual([[{ code: 11, digit: "#" }, "alice"]]);
    await expect(alice.hub.publishDtmf({ code: -1, digit: "?" })).rejects.toMatchObject({ field: "code" });
  });

  it("bring transcriptions with all their segments", async () => {
    const { alice, bob } = party();
    const heard: unknown[] = [];
    bob.hub.events.on("transcriptionReceived", (transcription, from) => heard.push([transcription, from]));
    const segment = { id: "s1", text: "hello", startTime: 5, endTime: 905, language: "en", final: true };
    const transcription = { participantIdentity: "carol", trackSid: "TR_1", segments: [segment] };
    await alice.hub.publishTranscription(transcription);
    expect(heard).toEqual([[transcription, "alice"]]);
  });

  it("bring chat, and its edits under the same id", async () => {
    const { alice, bob } = party();
    const heard: unknown[] = [];
    bob.hub.events.on("chatMessageReceived", (message) => heard.push(["new", message.id, message.message]));
    bob.hub.events.on("chatMessageEdited", (message) => heard.push(["edit", message.id, message.message]));
    const message = await alice.hub.sendChatMessage("helo");
    await alice.hub.editChatMessage("hello", message);
    expect(heard).toEqual([
      ["new", message.id, "helo"],
      ["edit", message.id, "hello"],
    ]);
  });

  it("that are metrics or unknown are let go", () => {
    const { bob } = party();
    const value = { case: "metrics" as const, value: new MetricsBatch() };
    bob.hub.receive("lossy", new DataPacket({ value }).toBinary());
    bob.hub.receive("lossy", new DataPacket().toBinary());
    expect(bob.hub.dropped).toBe(0);
  });

  it("do not stop the rest when a listener throws", async () => {
    const { alice, bob, heard } = party();
    bob.hub.events.on("dataReceived", () => {
      throw new Error("listener");
    });
    await alice.hub.publishData("1");
    await alice.hub.publishData("2");
    expect(heard.bob!.map(text)).toEqual(["1", "2"]);
  });
});

describe("transcription streams", () => {
  it("report a segment as it grows and when it is final", async () => {
    const { alice, bob } = party();
    const heard: unknown[] = [];
    bob.hub.events.on("transcriptionReceived", ({ participantIdentity, trackSid, segments }) =>
      heard.push([participantIdentity, trackSid, segments[0]!.id, segments[0]!.text, segments[0]!.final]),
    );
    const writer = await alice.hub.streamTranscription({
      segmentId: "s1",
      participantIdentity: "carol",
      trackSid: "TR_1",
    });
    await writer.write("good ");
    await writer.write("morning");
    await writer.close({ attributes: { "lk.transcription_final": "true" } });
    await settled();
    expect(heard).toEqual([
      ["carol", "TR_1", "s1", "good ", false],
      ["carol", "TR_1", "s1", "good morning", false],
      ["carol", "TR_1", "s1", "good morning", true],
    ]);
  });

  it("go to a handler of the user's where there is one", async () => {
    const { alice, bob } = party();
    let reported = 0;
    bob.hub.events.on("transcriptionReceived", () => {
      reported += 1;
    });
    const whole: string[] = [];
    bob.hub.registerTextStreamHandler("lk.transcription", async (reader) => {
      whole.push(await reader.readAll());
    });
    await alice.hub.sendText("mine", { topic: "lk.transcription" });
    await settled();
    expect([whole, reported]).toEqual([["mine"], 0]);
  });
});

/** Turns every bit over, under key 3 alone, and only for what alice sends. */
const mirror = (bytes: Uint8Array) => bytes.map((byte) => byte ^ 0xff);
class Mirror implements DataEncryption {
  readonly isEnabled = true;
  readonly #listeners = new Set<() => void>();
  hasKey = true;

  encrypt(payload: Uint8Array) {
    return { payload: mirror(payload), iv: new Uint8Array(12), keyIndex: 3 };
  }

  decrypt({ payload, keyIndex }: EncryptedData, from: string): Uint8Array | undefined {
    if (keyIndex !== 3 || from !== "alice") throw new Error("no such key");
    if (!this.hasKey) return undefined;
    // As a ratchet does that finds the next key by what it opens.
    for (const listener of [...this.#listeners]) listener();
    return mirror(payload);
  }

  onKeys(_from: string, listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  forget(): void {}

  /** What somebody waits for. */
  get awaited(): number {
    return this.#listeners.size;
  }

  setKey(): void {
    this.hasKey = true;
    for (const listener of [...this.#listeners]) listener();
  }
}

describe("encryption", () => {
  it("covers messages, chat and streams, and leaves digits readable", async () => {
    const { alice, bob, heard } = party({ encryption: new Mirror() });
    const others: unknown[] = [];
    bob.hub.events.on("sipDtmfReceived", ({ digit }) => others.push(digit));
    bob.hub.events.on("chatMessageReceived", ({ message }) => others.push(message));
    bob.hub.registerTextStreamHandler("t", async (reader) => {
      others.push(await reader.readAll(), reader.info.isEncrypted);
    });
    await alice.hub.publishData("secret");
    await alice.hub.publishDtmf({ code: 1, digit: "1" });
    await alice.hub.sendChatMessage("chat");
    await alice.hub.sendText("stream", { topic: "t" });
    await settled();
    expect(heard.bob).toMatchObject([{ isEncrypted: true }]);
    expect(text(heard.bob![0]!)).toBe("secret");
    expect(others).toEqual(["1", "chat", "stream", true]);
    expect(alice.sent.map(({ value }) => value.case)).toEqual([
      "encryptedPacket",
      "sipDtmf",
      ...Array(4).fill("encryptedPacket"),
    ]);
  });

  it("drops what no key opens, and what is encrypted in a room that is not", async () => {
    const { room, alice, carol } = party({ encryption: new Mirror() });
    const dave = room.join("dave");
    await carol.hub.publishData("not for us");
    expect(alice.hub.dropped).toBe(1);
    expect(dave.hub.dropped).toBe(1);
  });

  it("keeps what comes before its key, and what comes behind it, until the key is there", async () => {
    const { room, clock, alice } = party({ encryption: new Mirror() });
    const encryption = new Mirror();
    const dave = room.join("dave", { clock, encryption });
    const heard: string[] = [];
    dave.hub.events.on("dataReceived", (data) => heard.push(text(data)));
    dave.hub.events.on("sipDtmfReceived", ({ digit }) => heard.push(digit));
    encryption.hasKey = false;
    await alice.hub.publishData("1");
    await alice.hub.publishDtmf({ code: 2, digit: "2" });
    await alice.hub.publishData("3");
    await alice.hub.publishData("lossy", { reliable: false });
    encryption.setKey();
    expect(heard).toEqual(["1", "2", "3"]);
    await alice.hub.publishData("4");
    expect(heard).toEqual(["1", "2", "3", "4"]);
    expect([dave.hub.dropped, encryption.awaited, clock.pending]).toEqual([1, 0, 0]);
  });

  it("gives up waiting for a key after 10 s, and then goes on with what is behind", async () => {
    const { room, clock, alice } = party({ encryption: new Mirror() });
    const encryption = new Mirror();
    const dave = room.join("dave", { clock, encryption });
    const heard: string[] = [];
    dave.hub.events.on("dataReceived", (data) => heard.push(text(data)));
    encryption.hasKey = false;
    await alice.hub.publishData("never");
    await clock.pass(4_000);
    await alice.hub.publishData("late");
    await clock.pass(5_000);
    expect([heard, dave.hub.dropped]).toEqual([[], 0]);
    // As a key of another index, which does not open the first.
    encryption.hasKey = true;
    await clock.pass(2_000);
    expect([heard, dave.hub.dropped, clock.pending]).toEqual([["late"], 1, 0]);
  });

  it("keeps no more than its bound for keys that do not come, and nothing after it was closed", async () => {
    const { room, clock, alice } = party({ encryption: new Mirror() });
    const encryption = new Mirror();
    const dave = room.join("dave", { clock, encryption, limits: { undecryptedBytes: 1_000 } });
    encryption.hasKey = false;
    for (let count = 0; count < 4; count += 1) await alice.hub.publishData(new Uint8Array(400));
    expect(dave.hub.dropped).toBe(2);
    dave.hub.close();
    expect([encryption.awaited, clock.pending]).toEqual([0, 0]);
  });
});

describe("malformed packets", () => {
  it("never throw out of receive, and are counted", () => {
    const { bob } = party();
    const whole = new DataPacket({
      sequence: 1,
      participantSid: "PA_9",
      value: { case: "chatMessage", value: new ChatMessage({ id: "1", message: "hello", timestamp: 5n }) },
    }).toBinary();
    for (let cut = 0; cut <= whole.length; cut += 1) bob.hub.receive("reliable", whole.subarray(0, cut));
    for (let bit = 0; bit < whole.length * 8; bit += 1) {
      const turned = whole.slice();
      turned[bit >> 3]! ^= 1 << (bit & 7);
      bob.hub.receive("lossy", turned);
    }
    let state = 1;
    for (let round = 0; round < 20_000; round += 1) {
      const noise = new Uint8Array(round % 90);
      for (let at = 0; at < noise.length; at += 1) {
        state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
        noise[at] = state >>> 16;
      }
      bob.hub.receive(round % 2 ? "reliable" : "lossy", noise);
    }
    expect(bob.hub.dropped).toBeGreaterThan(10_000);
  });
});
