// Mutated offers and answers against the SDP reader and both sides of a session.
// node --conditions=troupe-source test/fuzz/sdp.ts SECONDS [SEED]
import { pathToFileURL } from "node:url";
import { TroupeError } from "../../src/core/index.ts";
import { Session } from "../../src/webrtc/Session.ts";
import { parseDescription } from "../../src/webrtc/sdp/parse.ts";
import { application, audio, bundle, offer, SORA_OFFERS, track, video } from "../fixtures/sdp.ts";
import { FakeEngine, FakeTransport } from "../fixtures/webrtc.ts";
import { processorMsSince } from "./processorTime.ts";
import { type Random, seeded } from "./random.ts";

/** A single input that takes longer than this, in processor time, is a fault. */
const SLOW_MS = 2000;

/** Mutations that repeat would else multiply until no string can hold them; the reader's own bound is far below. */
const MAXIMUM_INPUT_CHARACTERS = 1_000_000;

export interface FuzzResult {
  inputs: number;
  accepted: number;
  refused: number;
  slowestMs: number;
}

/** Answers of the shapes that libwebrtc gives, made by our own answerer. */
function corpus(): string[] {
  const offers = [
    ...Object.values(SORA_OFFERS),
    offer({
      session: bundle("0", "1", "2", "3"),
      media: [
        audio("0", "recvonly"),
        video(
          "1",
          "sendonly",
          "a=rid:r0 send",
          "a=simulcast:send r0",
          "a=ssrc-group:FID 8 9",
          ...track("s+/", 8),
        ),
        application("2"),
        audio("3", "sendrecv", ...track("t", 4)),
      ],
    }),
  ];
  return [...offers, ...offers.map((sdp) => answerTo(sdp))];
}

function answerTo(sdp: string): string {
  const session = new Session({
    transport: new FakeTransport(),
    peer: new FakeEngine().createPeer(),
    role: "answerer",
  });
  const answer = session.acceptOffer(sdp, () => ({ send: { streamId: "me" } }));
  session.close();
  return answer;
}

const ODD = [
  "\0",
  "\r",
  "\n",
  "\r\n",
  " ",
  ":",
  "/",
  "=",
  ";",
  ",",
  "-",
  "~",
  "*",
  "é",
  "\u{1F399}",
  "__proto__",
  "a=",
  "m=",
];
const NUMBERS = [
  "0",
  "-1",
  "1",
  "127",
  "128",
  "255",
  "65535",
  "65536",
  "4294967295",
  "4294967296",
  "1e9",
  "NaN",
  "9".repeat(40),
];

type Mutation = (random: Random, text: string, other: string) => string;

function onLines(change: (random: Random, all: string[], others: string[]) => void): Mutation {
  return (random, text, other) => {
    const all = text.split("\r\n");
    change(random, all, other.split("\r\n"));
    return all.join("\r\n");
  };
}

const MUTATIONS: Mutation[] = [
  onLines((random, all) => all.splice(random(all.length), 1 + random(4))),
  onLines((random, all) =>
    all.splice(random(all.length), 0, ...all.slice(random(all.length)).slice(0, 1 + random(5))),
  ),
  onLines((random, all, others) => all.splice(random(all.length), 0, others[random(others.length)] ?? "")),
  onLines((random, all) => {
    const [from, to] = [random(all.length), random(all.length)];
    [all[from], all[to]] = [all[to] ?? "", all[from] ?? ""];
  }),
  onLines((random, all) => {
    const at = random(all.length);
    all[at] = (all[at] ?? "").replace(/\d+/, () => NUMBERS[random(NUMBERS.length)] ?? "");
  }),
  onLines((random, all) => {
    const at = random(all.length);
    const line = all[at] ?? "";
    const cut = random(line.length + 1);
    all[at] = line.slice(0, cut) + (ODD[random(ODD.length)] ?? "") + line.slice(cut + random(3));
  }),
  onLines((random, all) => {
    const at = random(all.length);
    all[at] = (all[at] ?? "") + (ODD[random(ODD.length)] ?? "").repeat(1 + random(3000));
  }),
  (random, text) => text.slice(0, random(text.length + 1)),
  (random, text, other) => text.slice(0, random(text.length)) + other.slice(random(other.length)),
  (random, text) => {
    const at = text.indexOf("m=");
    return text.slice(0, at) + text.slice(at).repeat(1 + random(30));
  },
  (random, text) => text + `a=${ODD[random(ODD.length)]}:x ][\r\n`.repeat(random(2000)),
];

function mutate(random: Random, inputs: readonly string[]): string {
  let text = inputs[random(inputs.length)] ?? "";
  for (let count = 1 + random(5); count > 0; count -= 1) {
    const mutation = MUTATIONS[random(MUTATIONS.length)];
    if (mutation && text)
      text = mutation(random, text, inputs[random(inputs.length)] ?? "").slice(0, MAXIMUM_INPUT_CHARACTERS);
  }
  return text;
}

/** True when it was taken. Anything thrown but a TroupeError goes on up. */
function survives(work: () => void): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (error instanceof TroupeError) return false;
    throw error;
  }
}

/** One input against everything that reads SDP; true when something took it. */
function tryInput(random: Random, text: string, good: string): boolean {
  const engine = new FakeEngine();
  const answerer = new Session({
    transport: new FakeTransport(),
    peer: engine.createPeer(),
    role: "answerer",
  });
  if (random(2) === 0) answerer.acceptOffer(good);
  const before = answerer.transceivers.length;
  const taken = survives(() => {
    const answer = parseDescription(answerer.acceptOffer(text, () => ({ send: { streamId: "me" } })));
    if (answer.lines.length !== parseDescription(text).lines.length)
      throw new Error("an answer of another length");
  });
  if (!taken && answerer.transceivers.length !== before)
    throw new Error("a refused offer changed the session");
  // A refused offer left the session able to take a good one; after a taken one that depends.
  if (taken) survives(() => answerer.acceptOffer(good));
  else answerer.acceptOffer(good);
  answerer.close();
  if (engine.receivers.size + engine.senders.size + engine.peersOpen > 0)
    throw new Error("handles left open");

  const offerer = new Session({
    transport: new FakeTransport(),
    peer: new FakeEngine().createPeer(),
    role: "offerer",
  });
  offerer.addTransceiver({ kind: "audio", direction: "recvonly" });
  const own = offerer.createOffer();
  const answered = survives(() => offerer.acceptAnswer(text));
  if (!answered) offerer.acceptAnswer(answerTo(own));
  offerer.close();
  return taken || answered;
}

/** Runs until `isDone`, and throws with the input at hand when anything but a TroupeError comes out. */
export function fuzzSdp(seed: number, isDone: (inputs: number) => boolean): FuzzResult {
  const random = seeded(seed);
  const inputs = corpus();
  const result: FuzzResult = { inputs: 0, accepted: 0, refused: 0, slowestMs: 0 };
  while (!isDone(result.inputs)) {
    const text = mutate(random, inputs);
    const started = process.cpuUsage();
    try {
      const taken = tryInput(random, text, inputs[0] ?? "");
      result.accepted += taken ? 1 : 0;
      result.refused += taken ? 0 : 1;
    } catch (cause) {
      throw new Error(`seed ${seed}, input ${result.inputs}: ${JSON.stringify(text.slice(0, 4000))}`, {
        cause,
      });
    }
    result.inputs += 1;
    result.slowestMs = Math.max(result.slowestMs, processorMsSince(started));
  }
  return result;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const seconds = Number(process.argv[2] ?? 10);
  const seed = Number(process.argv[3] ?? Date.now() % 2 ** 31);
  const end = performance.now() + seconds * 1000;
  const result = fuzzSdp(seed, () => performance.now() >= end);
  console.log(JSON.stringify({ seed, ...result, slowestMs: Math.round(result.slowestMs) }));
  if (result.slowestMs > SLOW_MS) throw new Error(`An input took ${result.slowestMs} ms`);
  if (result.accepted === 0 || result.refused === 0) throw new Error("The inputs test nothing");
}
