// One side of the transport bench's pairs, in a process of its own: what is the same whatever library is under it.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { serveBench } from "../childProcess.ts";

/** What each end sends and gets: 20 ms of Opus at 32 kbit/s a packet. */
export const PACKET_MS = 20;
export const PAYLOAD_BYTES = 80;
export const PAYLOAD_TYPE = 111;

/** `bursty`: all ends of a process send at the same moment; `staggered`: by turns, a millisecond apart. */
export type Spread = "bursty" | "staggered";

/** One end of a connection with audio both ways and one data channel, which the side that offers opens. */
export interface End {
  offer(): Promise<string>;
  answer(offer: string): Promise<string>;
  accept(answer: string): void;
  /** Resolves when media and data channel can be used. */
  readonly connected: Promise<void>;
  /** RTP packets that came in until now. */
  received(): number;
  close(): void;
}

/** What a library brings for {@link serveEnds}. */
export interface Library {
  createEnd(isOfferer: boolean): End;
  /** Has every open end send from now on, one packet each 20 ms. */
  send(ends: readonly End[], spread: Spread): void;
  fallSilent(): void;
  stop(): void;
}

/** Figures of one side over the measured time. */
export interface SideUsage {
  cpuMs: number;
  wallMs: number;
  received: number;
}

/** Answers the requests of {@link TransportPairs}. */
export function serveEnds(library: Library): void {
  const ends = new Map<number, End>();
  const received = () => [...ends.values()].reduce((sum, end) => sum + end.received(), 0);
  serveBench({
    async offer({ id }: { id: number }) {
      const end = library.createEnd(true);
      ends.set(id, end);
      return end.offer();
    },
    async answer({ id, offer }: { id: number; offer: string }) {
      const end = library.createEnd(false);
      ends.set(id, end);
      return end.answer(offer);
    },
    async accept({ id, answer }: { id: number; answer: string }) {
      ends.get(id)!.accept(answer);
    },
    async connected({ id }: { id: number }) {
      await ends.get(id)!.connected;
    },
    async send({ spread }: { spread: Spread }) {
      library.send([...ends.values()], spread);
    },
    async fallSilent() {
      library.fallSilent();
    },
    async measure({ seconds }: { seconds: number }): Promise<SideUsage> {
      const [began, before, had] = [performance.now(), process.cpuUsage(), received()];
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
      const { user, system } = process.cpuUsage(before);
      return { cpuMs: (user + system) / 1000, wallMs: performance.now() - began, received: received() - had };
    },
    async rssBytes() {
      collectGarbage();
      return process.memoryUsage.rss();
    },
    async closeAll() {
      library.fallSilent();
      for (const end of ends.values()) end.close();
      ends.clear();
    },
    async stop() {
      for (const end of ends.values()) end.close();
      library.stop();
    },
  });
}

function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
}
