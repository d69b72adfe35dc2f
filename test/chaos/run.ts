// Bots that talk and message while their networks and their server fail, by a seed; then everything must be well.
//   npm run chaos -- sora|livekit --minutes 5 --seed 1 [--bots 20] [--json] [--verbose]
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { monotonicMs } from "troupe/testing";
import { type ChaosBot, SILENCE_MS } from "./ChaosBot.ts";
import { Disturbances } from "./Disturbances.ts";
import { startLiveKit } from "./livekitTarget.ts";
import { MachineStalls } from "./MachineStalls.ts";
import { Random } from "./Random.ts";
import { startSora } from "./soraTarget.ts";
import type { ChaosSeat, ChaosTarget } from "./target.ts";

const TARGETS: Record<string, (bots: number) => Promise<ChaosTarget>> = {
  sora: startSora,
  livekit: startLiveKit,
};

/** Between two faults. */
const FAULT_EVERY_MS = { least: 500, most: 4_000 };
const OUTAGE_MS = { least: 1_000, most: 20_000 };
const SERVER_RESTART_EVERY_MS = 60_000;
/** What the bots get to find each other at the start, and again at the end. */
const SETTLE_MS = 60_000;
/** Nobody waits in one state longer than this: the longest deadline of a connection, that of reconnecting. */
const LONGEST_WAIT_MS = 120_000;
/** After a restart of the server silences are in order for so long. */
const SERVER_RECOVERY_MS = 30_000;
/** Audio that came within this time counts as flowing. */
const FLOWING_MS = 1_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: "string", default: "5" },
    seed: { type: "string", default: "1" },
    bots: { type: "string", default: "20" },
    json: { type: "boolean", default: false },
    verbose: { type: "boolean", default: false },
  },
});
const name = positionals[0] ?? "";
const start = TARGETS[name];
if (!start) throw new Error(`Expected one of ${Object.keys(TARGETS).join(", ")} but received ${name}`);
const random = new Random(Number(values.seed));
const target = await start(Number(values.bots));
const faults: Record<string, number> = {};
/** From the end of an outage of a bot's media path to the first audio that it heard from the other, in ms. */
const recoveriesMs: number[] = [];
/**
 * Outages after which another fault of the pair, or of the server, came before any audio, or that joined an earlier one
 * to one that was longer than any is to be: no figure of one fault.
 */
let recoveriesOvertaken = 0;
const failures: string[] = [];
/**
 * When each bot's media path was away. The server keeps what it sends to one that is away, and asks ever more
 * seldom whether it is back: the wait after an outage may be as long again. It drops the rest after 15 s, and all of
 * it when another outage, or its own restart, comes first.
 */
const outages: { bot: ChaosBot; fromMs: number; toMs: number }[] = [];
/** What the server let go of in that way. */
let messagesLostDuringOutage = 0;
/** How often a bot got what was sent again after a full reconnect only when it had got later messages. */
let messagesSentAgainLate = 0;
/** When the media path of a pair of bots was disturbed, or the server itself (pair -1): silences then are in order. */
const mediaFaults: { pair: number; fromMs: number; toMs: number }[] = [];
/** Pauses that only a disturbed signalling path can have made, in ms. */
const signalSilencesMs: number[] = [];
/** Pauses that the machine made, or the server: those of bots who have nothing to do with each other. */
let silencesOfAll = 0;
const machine = new MachineStalls();
const mediaPaths = new Disturbances();
const signalling = new Disturbances();
const cuts: { bot: ChaosBot; atMs: number }[] = [];
let isServerAway = false;
let serverBackAtMs = 0;
const say = (text: string) => values.json || process.stdout.write(`${Math.round(monotonicMs())} ${text}\n`);

await settle("at the start");
for (const { bot } of target.seats) bot.start();
if (values.verbose) for (const { bot } of target.seats) tellOf(bot);
await untilFlowing();
// Without a start there is nothing to disturb.
if (failures.length === 0) await disturb(Number(values.minutes) * 60_000);
const stoppedMs = monotonicMs();
await settle("at the end");
await untilFlowing();
await pause(2_000);
judge();
await target.close();
report();
process.exit(failures.length === 0 ? 0 : 1);

async function disturb(forMs: number): Promise<void> {
  const endMs = monotonicMs() + forMs;
  const running = new Set<Promise<void>>();
  let restartMs = monotonicMs() + SERVER_RESTART_EVERY_MS;
  while (monotonicMs() < endMs) {
    await pause(random.between(FAULT_EVERY_MS.least, FAULT_EVERY_MS.most));
    const fault =
      monotonicMs() > restartMs ? "serverRestart" : random.pick(["cut", "stall", "slow", "outage", "outage"]);
    if (fault === "serverRestart") restartMs = monotonicMs() + SERVER_RESTART_EVERY_MS;
    faults[fault] = (faults[fault] ?? 0) + 1;
    const work = inflict(fault, random.pick(target.seats), random.between(OUTAGE_MS.least, OUTAGE_MS.most));
    running.add(work);
    void work.finally(() => running.delete(work));
  }
  await Promise.all(running);
}

async function inflict(fault: string, seat: ChaosSeat, forMs: number): Promise<void> {
  const {
    bot,
    way: { network },
  } = seat;
  say(`${fault} ${fault === "serverRestart" ? "" : `${bot.name} ${forMs} ms`}`);
  switch (fault) {
    case "serverRestart": {
      const fromMs = monotonicMs();
      isServerAway = true;
      await target.restartServer();
      isServerAway = false;
      serverBackAtMs = monotonicMs();
      mediaFaults.push({ pair: -1, fromMs, toMs: monotonicMs() + SERVER_RECOVERY_MS });
      return;
    }
    case "cut":
      cuts.push({ bot, atMs: monotonicMs() });
      return network.cutSignalling();
    case "stall":
      return signalling.during(bot, forMs, (on) => {
        if (on) network.stallSignalling();
        else network.resumeSignalling();
      });
    case "slow":
      return signalling.during(bot, forMs, (on) => {
        if (on) network.slowSignalling(2_000);
        else network.resumeSignalling();
      });
    default:
      if (!network.setOutage) return inflict("cut", seat, forMs);
      return outage(bot, network.setOutage, forMs);
  }
}

async function outage(bot: ChaosBot, set: (on: boolean) => Promise<void>, forMs: number): Promise<void> {
  const fromMs = monotonicMs();
  const before = outages.findLast((one) => one.bot === bot);
  const goesOn = mediaPaths.isDisturbed(bot) || (before !== undefined && bot.heardAtMs < before.toMs);
  if (!goesOn) bot.silentSinceMs = fromMs;
  await mediaPaths.during(bot, forMs, set);
  const toMs = monotonicMs();
  outages.push({ bot, fromMs, toMs });
  const sinceMs = bot.silentSinceMs;
  if (toMs - sinceMs > OUTAGE_MS.most + FLOWING_MS) recoveriesOvertaken += 1;
  else await recovery(bot, sinceMs, toMs);
  mediaFaults.push({ pair: pairOf(bot), fromMs, toMs: monotonicMs() + 1_000 });
}

/** For finding causes: what becomes of a bot, beside the faults. */
function tellOf(bot: ChaosBot): void {
  bot.connection.on("state", (state) => say(`  ${bot.name} ${state}`));
  bot.connection.on("reconnecting", (reason) => say(`  ${bot.name} reconnecting: ${reason}`));
}

function pairOf(bot: ChaosBot): number {
  return Math.floor(target.seats.findIndex((seat) => seat.bot === bot) / 2);
}

/** Waits until the bot hears again, unless another fault of its pair or of the server comes over it. */
async function recovery(bot: ChaosBot, fromMs: number, endedMs: number): Promise<void> {
  const other = target.seats[target.seats.findIndex((seat) => seat.bot === bot) ^ 1]?.bot;
  const pair = other ? [bot, other] : [bot];
  while (monotonicMs() - endedMs < SETTLE_MS) {
    if (isServerAway || serverBackAtMs > fromMs || pair.some((one) => isDisturbed(one, endedMs))) {
      recoveriesOvertaken += 1;
      return;
    }
    if (bot.heardAtMs > endedMs) {
      const recoveryMs = Math.round(bot.heardAtMs - endedMs);
      recoveriesMs.push(recoveryMs);
      if (values.verbose) say(`  ${bot.name} hears again after ${recoveryMs} ms`);
      return;
    }
    await pause(10);
  }
  recoveriesMs.push(SETTLE_MS);
}

/** Whether a fault of the bot's goes on, or its signalling was cut since. */
function isDisturbed(bot: ChaosBot, sinceMs: number): boolean {
  if (mediaPaths.isDisturbed(bot) || signalling.isDisturbed(bot)) return true;
  return cuts.some((cut) => cut.bot === bot && cut.atMs >= sinceMs);
}

async function settle(when: string): Promise<void> {
  const endMs = monotonicMs() + SETTLE_MS;
  while (target.seats.some(({ bot }) => !bot.isConnected)) {
    if (monotonicMs() > endMs) {
      for (const { bot } of target.seats)
        if (!bot.isConnected) failures.push(`${bot.name} is ${bot.connection.state} ${when}`);
      return;
    }
    await pause(50);
  }
}

async function untilFlowing(): Promise<void> {
  const endMs = monotonicMs() + SETTLE_MS;
  const silent = () => target.seats.filter(({ bot }) => monotonicMs() - bot.heardAtMs > FLOWING_MS);
  while (silent().length > 0) {
    if (monotonicMs() > endMs) {
      for (const { bot } of silent()) failures.push(`${bot.name} hears nothing (${bot.connection.state})`);
      return;
    }
    await pause(50);
  }
}

function judge(): void {
  for (const [index, { bot }] of target.seats.entries()) {
    const other = target.seats[index ^ 1]?.bot;
    failures.push(...bot.problems.map((problem) => `${bot.name} ${problem}`));
    if (!bot.isConnected && bot.stateMs > LONGEST_WAIT_MS)
      failures.push(`${bot.name} waits in ${bot.connection.state} for ${Math.round(bot.stateMs)} ms`);
    if (target.keepsAudioWithoutSignalling) judgeSilences(bot);
    if (!other) continue;
    const got = new Set(other.received);
    const missing = bot.owedTo(other, stoppedMs).filter((number) => !got.has(number));
    const lost = target.losesDuringOutages
      ? missing.filter((number) => !wasAway(other, bot, number))
      : missing;
    messagesLostDuringOutage += missing.length - lost.length;
    if (lost.length > 0) {
      const [first, last] = [bot.sentAt(lost[0]!), bot.sentAt(lost.at(-1)!)].map((atMs) => Math.round(atMs));
      const when = `sent from ${first} to ${last} ms`;
      failures.push(`${other.name} never got ${lost.length} messages of ${bot.name}, ${when}`);
    }
    if (got.size < other.received.length) failures.push(`${other.name} got messages twice`);
    judgeOrder(bot, other);
  }
}

/** Each full reconnect of the sender, and that alone, may bring what is older than the latest. */
function judgeOrder(sender: ChaosBot, receiver: ChaosBot): void {
  const { received } = receiver;
  const steps = received.filter((number, at) => at > 0 && number <= received[at - 1]!).length;
  if (steps > (target.losesDuringOutages ? sender.sessions.length - 1 : 0))
    failures.push(`${receiver.name} got messages out of order`);
  else messagesSentAgainLate += steps;
}

/**
 * Whether the server could not send it on: the receiver was away, or the server had not noticed its return yet. An outage
 * that comes before that makes one of both.
 */
function wasAway(receiver: ChaosBot, sender: ChaosBot, number: number): boolean {
  const atMs = sender.sent.find((message) => message.number === number)?.atMs ?? 0;
  const own = outages
    .filter(({ bot }) => bot === receiver)
    .toSorted((one, other) => one.fromMs - other.fromMs);
  let away = { fromMs: 0, untilMs: 0 };
  return own.some(({ fromMs, toMs }) => {
    const sinceMs = fromMs <= away.untilMs ? away.fromMs : fromMs;
    away = { fromMs: sinceMs, untilMs: Math.max(away.untilMs, toMs + (toMs - sinceMs)) };
    return atMs >= away.fromMs && atMs <= away.untilMs;
  });
}

function judgeSilences(bot: ChaosBot): void {
  const pair = pairOf(bot);
  for (const { fromMs, toMs } of bot.silences) {
    if (isExpected(pair, fromMs, toMs) || fromMs > stoppedMs) continue;
    // What was heard last before a stall of the machine, and first after it, is a frame or two off.
    const ownMs = toMs - fromMs - machine.during(fromMs - SILENCE_MS / 2, toMs);
    if (ownMs <= SILENCE_MS || isOfAll(fromMs, toMs)) {
      silencesOfAll += 1;
      continue;
    }
    signalSilencesMs.push(Math.round(toMs - fromMs));
    failures.push(
      `${bot.name} heard nothing for ${Math.round(toMs - fromMs)} ms while its media path was well`,
    );
  }
}

/** Whether the media path of a pair was disturbed then, or the server itself. */
function isExpected(pair: number, fromMs: number, toMs: number): boolean {
  return mediaFaults.some(
    (fault) => (fault.pair === pair || fault.pair === -1) && fault.fromMs < toMs && fault.toMs > fromMs,
  );
}

/** Whether three undisturbed pairs and more heard nothing at the same time: faults are of one bot, so it is not theirs. */
function isOfAll(fromMs: number, toMs: number): boolean {
  const pairs = target.seats
    .filter(({ bot }) => bot.silences.some((one) => one.fromMs < toMs && one.toMs > fromMs))
    .map(({ bot }) => pairOf(bot))
    .filter((pair) => !isExpected(pair, fromMs, toMs));
  return new Set(pairs).size >= 3;
}

function report(): void {
  const sorted = recoveriesMs.toSorted((one, other) => one - other);
  const percentile = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? null;
  const bots = target.seats.map(({ bot }) => bot);
  const figures = {
    target: name,
    minutes: Number(values.minutes),
    seed: Number(values.seed),
    bots: bots.length,
    faults,
    reconnects: bots.reduce((sum, bot) => sum + bot.reconnects, 0),
    messagesSent: bots.reduce((sum, { sent }) => sum + sent.length, 0),
    messagesOwed: target.seats.reduce((sum, { bot }, index) => {
      const other = target.seats[index ^ 1]?.bot;
      return sum + (other ? bot.owedTo(other, stoppedMs).length : 0);
    }, 0),
    messagesLostDuringOutage,
    messagesSentAgainLate,
    messagesReceived: bots.reduce((sum, { received }) => sum + received.length, 0),
    audioAfterOutageMs: {
      count: sorted.length,
      p50: percentile(0.5),
      p95: percentile(0.95),
      maximum: sorted.at(-1) ?? null,
      overtakenByAnotherFault: recoveriesOvertaken,
    },
    signalSilencesMs,
    silencesOfAll,
    machineStallsMs: machine.all
      .map(({ fromMs, toMs }) => Math.round(toMs - fromMs))
      .filter((ms) => ms > 100),
    failures,
  };
  process.stdout.write(
    values.json ? `${JSON.stringify(figures)}\n` : `${JSON.stringify(figures, null, 2)}\n`,
  );
  process.stdout.write(`${failures.length === 0 ? 1 : 0} passed, ${failures.length} failed\n`);
}
