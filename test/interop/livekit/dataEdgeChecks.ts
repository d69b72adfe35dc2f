import { createHash } from "node:crypto";
import { FINAL_TRANSCRIPTION } from "../../../src/transports/livekit/index.ts";
import { type Checks, expect } from "../sora/Checks.ts";
import type { Counterpart } from "./Counterpart.ts";
import type { TroupeParty } from "./TroupeParty.ts";

/** More than a packet may carry, and characters of three bytes at the cuts of chunks. */
const LONG_TEXT = "€uro ".repeat(20_000);
const TOPIC = "edge";
const TRANSCRIPTION_TOPIC = "lk.transcription";

type Answer = { value?: string; code?: number };

function equal(got: unknown, wanted: unknown, what: string): void {
  const [a, b] = [JSON.stringify(got), JSON.stringify(wanted)];
  expect(a === b, `${what}: ${a?.slice(0, 200)} in place of ${b?.slice(0, 200)}`);
}

/** The edges of data: nothing, too much for a packet, and transcriptions by streams. Calls are taken already. */
export async function dataEdgeChecks(checks: Checks, sdk: string, ours: TroupeParty, theirs: Counterpart) {
  const { data } = ours.room;
  await theirs.ask("takeStreams", { topic: TOPIC });
  await theirs.ask("takeStreams", { topic: TRANSCRIPTION_TOPIC });

  await checks.check(`${sdk}: text without a character both ways`, async () => {
    await data.sendText("", { topic: TOPIC });
    await theirs.until("text", { topic: TOPIC, identity: "ours", size: 0 });
    const came = Promise.withResolvers<unknown>();
    data.registerTextStreamHandler(TOPIC, async (reader, from) =>
      came.resolve([from, await reader.readAll()]),
    );
    await theirs.ask("sendText", { text: "", topic: TOPIC });
    equal(await came.promise, ["theirs", ""], "sender, text");
    return undefined;
  });
  await checks.check(`${sdk}: calls of ${LONG_TEXT.length} characters both ways`, async () => {
    const call = { destinationIdentity: "theirs", method: "echo", payload: LONG_TEXT };
    expect((await data.performRpc(call)) === LONG_TEXT, "another answer to ours");
    const { value, code } = (await theirs.ask("call", {
      to: "ours",
      method: "echo",
      payload: LONG_TEXT,
    })) as Answer;
    expect(value === LONG_TEXT, `another answer to theirs: ${code ?? value?.length}`);
    return undefined;
  });
  await checks.check(`${sdk}: a handler's own error has its message and data`, async () => {
    const call = { destinationIdentity: "theirs", method: "fails", payload: "" };
    const error = await data.performRpc(call).catch((failure) => failure);
    equal([error.message, error.data], ["on purpose", "its data"], "message, data");
    return undefined;
  });
  await checks.check(`${sdk}: our transcription by a stream`, async () => {
    const options = { segmentId: "streamed", participantIdentity: "ours", trackSid: "TR_x" };
    const writer = await data.streamTranscription(options);
    for (const word of ["word ", "by ", "word"]) await writer.write(word);
    await writer.close(FINAL_TRANSCRIPTION);
    const sha256 = createHash("sha256").update("word by word").digest("hex");
    const { attributes } = await theirs.until("text", { topic: TRANSCRIPTION_TOPIC, sha256 });
    equal((attributes as Record<string, string>)["lk.segment_id"], "streamed", "segment");
    return undefined;
  });
  await checks.check(`${sdk}: their transcription by a stream`, async () => {
    const came = Promise.withResolvers<unknown>();
    const off = ours.room.on("transcriptionReceived", ({ segments: [segment] }) => {
      if (segment?.final && segment.id === "s2") came.resolve(segment.text);
    });
    const attributes = { "lk.segment_id": "s2", "lk.transcription_final": "true" };
    await theirs.ask("sendText", { text: "theirs", topic: TRANSCRIPTION_TOPIC, attributes });
    equal(await came.promise.finally(off), "theirs", "text");
    return undefined;
  });
}
