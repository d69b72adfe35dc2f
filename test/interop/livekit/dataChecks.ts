import { createHash, randomBytes } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  FINAL_TRANSCRIPTION,
  type LiveKitConnection,
  RpcError,
} from "../../../src/transports/livekit/index.ts";
import { type Checks, expect } from "../sora/Checks.ts";

const FILE_BYTES = 10_000_000;
/** More than a packet of RPC may carry, and characters of three bytes at the cuts of chunks. */
const LONG_TEXT = "€uro ".repeat(20_000);

/** A client on another SDK, in the same room. */
interface Other {
  readonly name: string;
  ask(command: string, args?: object): Promise<unknown>;
  until(event: string, fields?: object): Promise<Record<string, unknown>>;
}

export interface DataParties {
  /** Ours; both are in one room and have the kind of agents, whose transcriptions alone the server passes on. */
  room: LiveKitConnection;
  other: Other;
  /** What the other's client cannot do. One without files makes one of the size that it is told. */
  without?: readonly ("files" | "transcribe" | "transcription" | "dtmf")[];
}

type Answer = { value?: string; code?: number; message?: string; data?: string };

const sha256 = (data: Uint8Array | string) => createHash("sha256").update(data).digest("hex");

function equal(got: unknown, wanted: unknown, what: string): void {
  const [a, b] = [JSON.stringify(got), JSON.stringify(wanted)];
  expect(a === b, `${what}: ${a?.slice(0, 200)} in place of ${b?.slice(0, 200)}`);
}

/** Packets, streams, calls, transcriptions and digits, both ways. */
export async function dataChecks(checks: Checks, parties: DataParties): Promise<void> {
  await packetChecks(checks, parties);
  await streamChecks(checks, parties);
  await callChecks(checks, parties);
  await mediaTextChecks(checks, parties);
}

async function packetChecks(checks: Checks, { room, other }: DataParties): Promise<void> {
  const own = room.localParticipant.identity;
  for (const reliable of [true, false]) {
    const kind = reliable ? "reliable" : "lossy";
    await checks.check(`${other.name} gets our ${kind} data, with its topic`, async () => {
      const text = `${kind} to ${other.name}`;
      await room.data.publishData(text, { reliable, topic: "interop", destinationIdentities: [other.name] });
      await other.until("data", { text, topic: "interop", identity: own });
    });
    await checks.check(`${other.name}'s ${kind} data comes, with its topic`, async () => {
      const text = `${kind} from ${other.name}`;
      const came = Promise.withResolvers<unknown>();
      const off = room.on("dataReceived", ({ data, kind, topic, participantIdentity }) => {
        if (Buffer.from(data).toString() === text)
          came.resolve([kind, topic, identityOf(participantIdentity)]);
      });
      await other.ask("publishData", { text, reliable, topic: "interop", to: [own] });
      equal(await came.promise.finally(off), [kind, "interop", other.name], "kind, topic, sender");
    });
  }
}

/** An event names its participant by identity, or is one. */
function identityOf(participant: unknown): string {
  return typeof participant === "string"
    ? participant
    : String((participant as { identity?: string } | undefined)?.identity);
}

async function streamChecks(checks: Checks, { room, other, without = [] }: DataParties): Promise<void> {
  const own = room.localParticipant.identity;
  const topic = "interop.streams";
  const path = join(tmpdir(), `troupe-interop-${process.pid}.wav`);
  const file = randomBytes(FILE_BYTES);
  await writeFile(path, file);
  await other.ask("takeStreams", { topic });
  try {
    for (const [what, text] of Object.entries({ short: "grüezi", long: LONG_TEXT, empty: "" })) {
      await checks.check(`${other.name} reads our ${what} text`, async () => {
        const attributes = { what };
        await room.data.sendText(text, { topic, attributes });
        const came = await other.until("text", { topic, identity: own, sha256: sha256(text) });
        equal(came.attributes, attributes, "attributes");
      });
      await checks.check(`${other.name}'s ${what} text is read`, async () => {
        const came = Promise.withResolvers<unknown[]>();
        room.data.registerTextStreamHandler(topic, async (reader, from) => {
          came.resolve([from, sha256(await reader.readAll()), reader.info.attributes]);
        });
        await other.ask("sendText", { text, topic, attributes: { what } });
        equal(
          await came.promise.finally(() => room.data.unregisterTextStreamHandler(topic)),
          [other.name, sha256(text), { what }],
          "sender, content, attributes",
        );
      });
    }
    await checks.check(`${other.name} gets our file of 10 MB`, async () => {
      const begin = performance.now();
      await room.data.sendFile(path, { topic });
      const came = await other.until("file", { topic, identity: own });
      equal([came.size, came.sha256], [FILE_BYTES, sha256(file)], "size, content");
      expect(String(came.name).endsWith(".wav"), `name ${came.name}`);
      return `${Math.round(performance.now() - begin)} ms`;
    });
    await checks.check(`${other.name}'s file of 10 MB comes`, async () => {
      const begin = performance.now();
      const came = Promise.withResolvers<unknown[]>();
      room.data.registerByteStreamHandler(topic, async (reader, from) => {
        const hash = createHash("sha256");
        for await (const chunk of reader) hash.update(chunk);
        came.resolve([from, reader.info.size, hash.digest("hex")]);
      });
      const made = await other.ask("sendFile", {
        topic,
        ...(without.includes("files") ? { size: FILE_BYTES } : { path }),
      });
      equal(await came.promise, [other.name, FILE_BYTES, made ?? sha256(file)], "sender, size, content");
      return `${Math.round(performance.now() - begin)} ms`;
    });
  } finally {
    room.data.unregisterByteStreamHandler(topic);
    await rm(path, { force: true });
  }
}

/** What a call gives for each method that both sides have; the code where it fails. */
const CALLS: [what: string, method: string, payload: string, outcome: string | number, timeoutMs?: number][] =
  [
    ["an answer", "echo", "grüezi", "grüezi"],
    ["a long answer", "echo", LONG_TEXT, LONG_TEXT],
    ["the handler's own error", "fails", "", 1234],
    ["1500 for whatever else a handler throws", "breaks", "", 1500],
    ["1400 for a method that is not there", "missing", "", 1400],
    ["1502 for an answer that is late", "slow", "", 1502, 2_000],
  ];

async function callChecks(checks: Checks, { room, other }: DataParties): Promise<void> {
  const own = room.localParticipant.identity;
  await other.ask("takeCalls");
  room.data.registerRpcMethod("echo", ({ payload }) => payload);
  room.data.registerRpcMethod("fails", () => {
    throw new RpcError(1234, "on purpose", "its data");
  });
  room.data.registerRpcMethod("breaks", () => {
    throw new Error("a bug");
  });
  room.data.registerRpcMethod(
    "slow",
    ({ signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      }),
  );
  for (const [what, method, payload, outcome, timeoutMs] of CALLS) {
    await checks.check(`a call of ${other.name}'s gives ${what}`, async () => {
      equal(await ourCall(room, other.name, method, payload, timeoutMs), outcome, "outcome");
    });
    await checks.check(`a call by ${other.name} gives ${what}`, async () => {
      const { value, code } = (await other.ask("call", { to: own, method, payload, timeoutMs })) as Answer;
      equal(value ?? code, outcome, "outcome");
    });
  }
  await checks.check(`${other.name}'s own error has its message and data`, async () => {
    const call = { destinationIdentity: other.name, method: "fails", payload: "" };
    const error = await room.data.performRpc(call).catch((failure) => failure);
    equal([error.message, error.data], ["on purpose", "its data"], "message, data");
  });
  await checks.check("a call of nobody gives 1401", async () => {
    equal(await ourCall(room, "nobody", "echo", ""), 1401, "outcome");
  });
}

async function ourCall(
  room: LiveKitConnection,
  destinationIdentity: string,
  method: string,
  payload: string,
  responseTimeoutMs?: number,
): Promise<string | number> {
  try {
    return await room.data.performRpc({ destinationIdentity, method, payload, responseTimeoutMs });
  } catch (error) {
    if (error instanceof RpcError) return error.rpcCode;
    throw error;
  }
}

/** Transcriptions by packets and by streams, and telephone digits. */
async function mediaTextChecks(checks: Checks, { room, other, without = [] }: DataParties): Promise<void> {
  const own = room.localParticipant.identity;
  const topic = "lk.transcription";
  const segment = { startTime: 0, endTime: 0, language: "en", final: true };
  const heard = (text: string) => {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const off = room.on("transcriptionReceived", ({ segments }) => {
      const [first] = segments;
      if (first?.text === text && first.final) resolve(first.id);
    });
    return promise.finally(off);
  };
  if (!without.includes("transcription")) {
    await checks.check(`${other.name} gets our transcription`, async () => {
      const segments = [{ ...segment, id: "ours", text: "by packet" }];
      await room.data.publishTranscription({ participantIdentity: own, trackSid: "TR_x", segments });
      const came = await other.until("transcription");
      equal(came.segments, [{ id: "ours", text: "by packet", final: true }], "segments");
    });
  }
  await checks.check(`${other.name} reads our transcription stream`, async () => {
    await other.ask("takeStreams", { topic });
    const options = { segmentId: "streamed", participantIdentity: own, trackSid: "TR_x" };
    const writer = await room.data.streamTranscription(options);
    for (const word of ["word ", "by ", "word"]) await writer.write(word);
    await writer.close(FINAL_TRANSCRIPTION);
    const { attributes } = await other.until("text", {
      topic,
      identity: own,
      sha256: sha256("word by word"),
    });
    equal((attributes as Record<string, string>)["lk.segment_id"], "streamed", "segment");
  });
  if (!without.includes("transcribe")) {
    await checks.check(`${other.name}'s transcription comes`, async () => {
      const came = heard("theirs");
      await other.ask("transcribe", { trackSid: "TR_x", text: "theirs" });
      equal(await came, "s1", "segment");
    });
  }
  await checks.check(`${other.name}'s transcription stream comes`, async () => {
    const came = heard("theirs by stream");
    const attributes = { "lk.segment_id": "s2", "lk.transcription_final": "true" };
    await other.ask("sendText", { text: "theirs by stream", topic, attributes });
    equal(await came, "s2", "segment");
  });
  if (without.includes("dtmf")) return;
  await checks.check(`${other.name} gets our digit`, async () => {
    await room.data.publishDtmf({ code: 11, digit: "#" });
    await other.until("dtmf", { digit: "#", identity: own });
  });
  await checks.check(`${other.name}'s digit comes`, async () => {
    const came = Promise.withResolvers<unknown>();
    const off = room.on("sipDtmfReceived", (dtmf, from) => came.resolve([dtmf, identityOf(from)]));
    await other.ask("dtmf", { code: 5, digit: "5" });
    equal(await came.promise.finally(off), [{ code: 5, digit: "5" }, other.name], "digit, sender");
  });
}
