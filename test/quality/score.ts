// ViSQOL by Python: does its score fall as more is lost, with what was heard aligned first? Needs Python 3.11 with venv.
import assert from "node:assert/strict";
import { alignSegments, ImpairedPath, parseImpairment, scoreSpeech } from "troupe/testing";
import { findPython } from "../../src/cli/bench/quality/python.ts";
import { makeSpeech, SAMPLE_RATE } from "../../src/cli/bench/quality/speech.ts";

const SECONDS = 8;
const PACKET = SAMPLE_RATE / 50;
/** The degraded recordings come so much later. */
const DELAY = 4_321;

const python = await findPython(new AbortController().signal);
const reference = await makeSpeech(SECONDS);
const pairs = [0, 0.01, 0.2].map((loss) => {
  const heard = new Int16Array(reference.length + 2 * DELAY);
  heard.set(withLoss(reference, loss), DELAY);
  const [first] = alignSegments(reference, heard);
  assert.equal(first!.delay, DELAY);
  return { reference, degraded: heard.slice(DELAY, DELAY + reference.length) };
});
const [clean, few, many] = await scoreSpeech(pairs, { python });
process.stdout.write(`clean ${clean}, 1 % ${few}, 20 % ${many}\n`);
assert(clean! > 3.5 && clean! > few! + 0.02 && few! > many! + 0.5, "the score does not fall with the loss");
process.stdout.write("1 passed, 0 failed\n");

/** Silence where packets are lost. */
function withLoss(pcm: Int16Array, loss: number): Int16Array {
  const path = new ImpairedPath(parseImpairment({ loss, seed: 3 }));
  const result = pcm.slice();
  const packet = Buffer.alloc(12);
  packet.writeUInt16BE(0x806f, 0);
  for (let index = 0; (index + 1) * PACKET <= pcm.length; index++) {
    packet.writeUInt16BE(index, 2);
    if (path.accept(packet, index * 20).length === 0) result.fill(0, index * PACKET, (index + 1) * PACKET);
  }
  return result;
}
