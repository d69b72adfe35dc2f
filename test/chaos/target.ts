import type { ChaosBot } from "./ChaosBot.ts";
import type { Way } from "./way.ts";

/** The ways in which one bot's network can be disturbed. */
export interface BotNetwork {
  /** Ends its signalling connection at once. */
  cutSignalling(): void;
  /** Passes nothing of its signalling on, and lets nobody know. */
  stallSignalling(): void;
  slowSignalling(bytesPerSecond: number): void;
  resumeSignalling(): void;
  /** Passes no UDP packet on while `on`; undefined where its media path is not led through a link. */
  setOutage: ((on: boolean) => Promise<void>) | undefined;
}

export interface ChaosSeat {
  bot: ChaosBot;
  way: Way;
}

/** A server with bots on it in pairs: bots 2n and 2n + 1 share a room. */
export interface ChaosTarget {
  seats: ChaosSeat[];
  /** Whether audio goes on while only the signalling is disturbed. */
  keepsAudioWithoutSignalling: boolean;
  /**
   * Whether the server lets go of messages to one whose media path is away, and messages of before a full reconnect
   * may come after later ones.
   */
  losesDuringOutages: boolean;
  /** Kills the server and starts another in its place. */
  restartServer(): Promise<void>;
  close(): Promise<void>;
}

/** Seats bots 2n and 2n + 1 in one room each, by its name. */
export async function seatPairs(
  bots: number,
  seat: (index: number, room: string) => Promise<ChaosSeat>,
): Promise<{ seats: ChaosSeat[]; close(): Promise<void> }> {
  const seats: ChaosSeat[] = [];
  for (let index = 0; index < bots; index += 1)
    seats.push(await seat(index, `chaos-${Math.floor(index / 2)}`));
  return {
    seats,
    async close() {
      await Promise.allSettled(seats.map(({ bot }) => bot.close()));
      await Promise.all(seats.map(({ way }) => way.close()));
    },
  };
}
