// What is the same for the bots of both clients: how they talk, listen, join and are measured.
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import { TroupeError } from "../../../core/index.ts";
import { serveBench } from "../childProcess.ts";
import { ClickEar, clickDelaysMs, writeClicks } from "../clicks.ts";
import { synthesizeVoice } from "../voiceSignal.ts";

/** What bots write, and the rate at which they hear; both mono. */
export const WRITTEN_RATE = 48_000;
export const HEARD_RATE = 16_000;
/** What a sink gives at a time, and how much a source holds that is not sent yet: the defaults of both clients. */
export const HEARD_FRAME_MS = 10;
export const CAPACITY_MS = 1_000;

const WRITE_MS = 200;
const VOICE_SECONDS = 4;
const JOINS_AT_ONCE = 4;
/** A sample above this is audio of the far side and not what stands in for it before it comes. */
const AUDIBLE = 100;
const FIRST_AUDIO_MS = 20_000;

export interface Seat {
  url: string;
  token: string;
  complexity: number;
}

export interface ReceivedPackets {
  received: number;
  lost: number;
  concealed: number;
  samples: number;
}

export function sumOf(all: Iterable<ReceivedPackets>): ReceivedPackets {
  const sum: ReceivedPackets = { received: 0, lost: 0, concealed: 0, samples: 0 };
  for (const one of all)
    for (const key of Object.keys(sum) as (keyof ReceivedPackets)[]) sum[key] += one[key];
  return sum;
}

/** A bot in a room, by whichever client. */
export interface RoomBot {
  /** Queues 48 kHz mono; resolves when there is room for more. */
  write(pcm: Int16Array): Promise<unknown>;
  packets(): Promise<ReceivedPackets>;
  leave(): Promise<void>;
}

export interface RoomClient {
  /** Joins, publishes, and hands over what it hears at 16 kHz mono; `isConcealed` where the client tells it. */
  join(seat: Seat, hear: (pcm: Int16Array, isConcealed: boolean) => void): Promise<RoomBot>;
  stop(): Promise<void>;
}

export interface RoomMeasurement {
  wallMs: number;
  cpuMs: number;
  samplesHeard: number;
  packets: ReceivedPackets;
}

/** How late the clicks were heard, and the event loop's delay meanwhile: watching it costs CPU time. */
export interface ClickMeasurement {
  clickMs: number[];
  eventLoopDelayMs: { p99: number; maximum: number };
}

interface Member {
  bot: RoomBot;
  samplesHeard: number;
}

/** Serves the requests of the bench with bots of `client`. */
export function serveRoomBots(client: RoomClient): void {
  const members: Member[] = [];
  const ending = new AbortController();
  const voice = synthesizeVoice(WRITTEN_RATE, VOICE_SECONDS);

  serveBench({
    /** Joins each seat and talks; gives how long each took from the call to the first audio, in ms. */
    async join({ seats }: { seats: Seat[] }): Promise<number[]> {
      const joinMs: number[] = [];
      const waiting = [...seats];
      const joinNext = async () => {
        for (let seat = waiting.shift(); seat; seat = waiting.shift()) {
          const began = performance.now();
          const member = await joinAndHear(client, seat);
          joinMs.push(performance.now() - began);
          members.push(member);
          void speak(member.bot, voice, members.length, ending.signal);
        }
      };
      await Promise.all(Array.from({ length: JOINS_AT_ONCE }, joinNext));
      return joinMs;
    },
    async rss(): Promise<number> {
      return process.memoryUsage.rss();
    },
    async measure({ seconds }: { seconds: number }): Promise<RoomMeasurement> {
      const before = await snapshot(members);
      await pause(seconds * 1000);
      return difference(before, await snapshot(members));
    },
    /** Two quiet bots in a room of their own click to each other. */
    async clicks({ seats, seconds }: { seats: Seat[]; seconds: number }): Promise<ClickMeasurement> {
      const pair = await Promise.all(
        seats.map(async (seat) => {
          const ear = new ClickEar();
          return { ear, bot: await client.join(seat, (pcm) => ear.hear({ pcm })) };
        }),
      );
      const loopDelay = monitorEventLoopDelay({ resolution: 1 });
      loopDelay.enable();
      const signal = AbortSignal.timeout(seconds * 1000);
      const written = await Promise.all(
        pair.map(({ bot }) => writeClicks({ tryWrite: (pcm) => void bot.write(pcm) }, WRITTEN_RATE, signal)),
      );
      loopDelay.disable();
      await Promise.all(pair.map(({ bot }) => bot.leave()));
      return {
        clickMs: pair.flatMap(({ ear }, index) => clickDelaysMs(written[1 - index]!, ear.heardUs)),
        eventLoopDelayMs: { p99: loopDelay.percentile(99) / 1e6, maximum: loopDelay.max / 1e6 },
      };
    },
    async stop() {
      ending.abort();
      await Promise.allSettled(members.map(({ bot }) => bot.leave()));
      await client.stop();
    },
  });
}

async function joinAndHear(client: RoomClient, seat: Seat): Promise<Member> {
  const firstAudio = Promise.withResolvers<void>();
  const timer = setTimeout(() => {
    firstAudio.reject(new TroupeError("TIMEOUT", `No audio came within ${FIRST_AUDIO_MS} ms`));
  }, FIRST_AUDIO_MS);
  const member = { samplesHeard: 0 };
  let isHeard = false;
  const joining = client.join(seat, (pcm, isConcealed) => {
    if (!isConcealed) member.samplesHeard += pcm.length;
    if (isHeard || !pcm.some((sample) => Math.abs(sample) > AUDIBLE)) return;
    isHeard = true;
    firstAudio.resolve();
  });
  try {
    const [bot] = await Promise.all([joining, firstAudio.promise]);
    return Object.assign(member, { bot });
  } finally {
    clearTimeout(timer);
  }
}

/** Speaks without a pause; each bot begins elsewhere in the voice. */
async function speak(bot: RoomBot, voice: Int16Array, number: number, signal: AbortSignal): Promise<void> {
  const length = (WRITTEN_RATE * WRITE_MS) / 1000;
  let at = (number * 7919 * 160) % voice.length;
  try {
    while (!signal.aborted) {
      if (at + length > voice.length) at = 0;
      await bot.write(voice.slice(at, at + length));
      at += length;
    }
  } catch (error) {
    // A bot that has left cannot write any more.
    if (!signal.aborted) throw error;
  }
}

type Snapshot = Awaited<ReturnType<typeof snapshot>>;

async function snapshot(members: readonly Member[]) {
  return {
    cpu: process.cpuUsage(),
    wallMs: performance.now(),
    samplesHeard: members.reduce((sum, { samplesHeard }) => sum + samplesHeard, 0),
    packets: sumOf(await Promise.all(members.map(({ bot }) => bot.packets()))),
  };
}

function difference(before: Snapshot, after: Snapshot): RoomMeasurement {
  return {
    wallMs: after.wallMs - before.wallMs,
    cpuMs: (after.cpu.user + after.cpu.system - before.cpu.user - before.cpu.system) / 1000,
    samplesHeard: after.samplesHeard - before.samplesHeard,
    packets: {
      received: after.packets.received - before.packets.received,
      lost: after.packets.lost - before.packets.lost,
      concealed: after.packets.concealed - before.packets.concealed,
      samples: after.packets.samples - before.packets.samples,
    },
  };
}
