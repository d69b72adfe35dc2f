import { createSocket, type Socket } from "node:dgram";
import { type MessagePort, workerData } from "node:worker_threads";
import { ImpairedPath, type PathCounters } from "./ImpairedPath.ts";
import type { ImpairmentSettings } from "./impairment.ts";
import { isRtp } from "./PacketPlaces.ts";
import { TimedQueue } from "./TimedQueue.ts";

// The thread of one NetworkLink: its sockets and its clock, so that nothing else in the process delays a packet.
// It imports what it needs to relay, and nothing else of Troupe.

export type Direction = "toClient" | "toServer";

export interface LinkWorkerData {
  port: MessagePort;
  address: string;
  udpPort: number;
  settings: Record<Direction, ImpairmentSettings>;
}

/** From the owner. */
export type LinkCommand =
  | { type: "target"; address: string; port: number }
  | { type: "impair"; id: number; settings: Record<Direction, ImpairmentSettings> }
  | { type: "stats"; id: number }
  | { type: "close" };

/** To the owner. */
export type LinkReply =
  | { type: "listening"; port: number }
  | { type: "failed"; message: string }
  | { type: "done"; id: number; stats: LinkStats };

/** What went through a link since it was opened; in each direction since the last `impair`. */
export interface LinkStats {
  toClient: PathCounters;
  toServer: PathCounters;
  /** Client addresses that packets came from. */
  clients: number;
  /** Packets that wait now, and packets dropped since more waited than the link holds. */
  waiting: number;
  queueFull: number;
  /** Packets dropped since no server address was known. */
  unroutable: number;
  /** Packets that the sockets refused. */
  refused: number;
  /** How much later than due packets were sent, in ms: what the machine adds by itself. */
  latenessMs: { mean: number; maximum: number };
  /** When the first RTP packet of each direction came in since the last `impair`, in monotonic ms; NaN for none. */
  firstRtpMs: Record<Direction, number>;
}

/** What speaks to the server for one client address, so that answers find their way. */
interface Flow {
  socket: Socket;
  /** When the client sent last. */
  usedMs: number;
}

interface Waiting {
  datagram: Uint8Array;
  socket: Socket;
  to: { address: string; port: number };
}

const MAXIMUM_FLOWS = 16;
const MAXIMUM_WAITING = 20_000;
const RECEIVE_BUFFER_BYTES = 1 << 20;

const { port, address, udpPort, settings } = workerData as LinkWorkerData;
const flows = new Map<string, Flow>();
const waiting = new TimedQueue<Waiting>();
const counters = { queueFull: 0, unroutable: 0, refused: 0 };
const lateness = { sent: 0, sumMs: 0, maximumMs: 0 };
let paths = pathsOf(settings);
let firstRtpMs: Record<Direction, number> = { toClient: Number.NaN, toServer: Number.NaN };
let target: { address: string; port: number } | undefined;
let timer: NodeJS.Timeout | undefined;
let timerDueMs = Number.POSITIVE_INFINITY;

const front = openSocket((datagram, from) => {
  const flow = flowOf(from);
  if (!target) counters.unroutable += 1;
  else accept("toServer", { datagram, socket: flow.socket, to: target });
});
port.on("message", (command: LinkCommand) => obey(command));
front.bind(udpPort, address, () => reply({ type: "listening", port: front.address().port }));

function obey(command: LinkCommand): void {
  switch (command.type) {
    case "target":
      target = command;
      return;
    case "impair":
      paths = pathsOf(command.settings);
      firstRtpMs = { toClient: Number.NaN, toServer: Number.NaN };
      reply({ type: "done", id: command.id, stats: stats() });
      return;
    case "stats":
      reply({ type: "done", id: command.id, stats: stats() });
      return;
    case "close":
      clearTimeout(timer);
      for (const { socket } of flows.values()) socket.close();
      front.close();
      port.close();
  }
}

function accept(direction: Direction, packet: Waiting): void {
  const nowMs = monotonicMs();
  if (Number.isNaN(firstRtpMs[direction]) && isRtp(packet.datagram)) firstRtpMs[direction] = nowMs;
  for (const dueMs of paths[direction].accept(packet.datagram, nowMs)) {
    if (dueMs <= nowMs) send(packet);
    else if (waiting.size >= MAXIMUM_WAITING) counters.queueFull += 1;
    else waiting.add(dueMs, packet);
  }
  schedule(nowMs);
}

function schedule(nowMs: number): void {
  const dueMs = waiting.nextDueMs;
  if (dueMs >= timerDueMs) return;
  clearTimeout(timer);
  timerDueMs = dueMs;
  // Timers fire up to a millisecond late and never early, so they are set to the millisecond before.
  timer = setTimeout(sendDue, Math.max(0, Math.floor(dueMs - nowMs)));
}

function sendDue(): void {
  timerDueMs = Number.POSITIVE_INFINITY;
  const nowMs = monotonicMs();
  for (let entry = waiting.take(nowMs); entry; entry = waiting.take(nowMs)) {
    const lateMs = nowMs - entry.dueMs;
    lateness.sent += 1;
    lateness.sumMs += lateMs;
    lateness.maximumMs = Math.max(lateness.maximumMs, lateMs);
    send(entry.value);
  }
  schedule(nowMs);
}

function send({ datagram, socket, to }: Waiting): void {
  try {
    socket.send(datagram, to.port, to.address, (error) => {
      if (error) counters.refused += 1;
    });
  } catch {
    // Its client was forgotten meanwhile.
    counters.refused += 1;
  }
}

/** The way back to a client. */
function flowOf(client: { address: string; port: number }): Flow {
  const key = `${client.address}:${client.port}`;
  let flow = flows.get(key);
  if (flow) {
    flow.usedMs = monotonicMs();
    return flow;
  }
  if (flows.size >= MAXIMUM_FLOWS) forgetQuietest();
  const to = { address: client.address, port: client.port };
  const socket = openSocket((datagram) => accept("toClient", { datagram, socket: front, to }));
  socket.bind(0, address);
  flow = { socket, usedMs: monotonicMs() };
  flows.set(key, flow);
  return flow;
}

/** A client that dials again comes from another port each time: who was quiet longest is gone. */
function forgetQuietest(): void {
  const [key, { socket }] = [...flows].reduce((one, other) =>
    other[1].usedMs < one[1].usedMs ? other : one,
  );
  flows.delete(key);
  socket.close();
}

function openSocket(
  onDatagram: (datagram: Uint8Array, from: { address: string; port: number }) => void,
): Socket {
  const socket = createSocket({ type: "udp4", recvBufferSize: RECEIVE_BUFFER_BYTES });
  socket.on("message", onDatagram);
  socket.on("error", (error) => reply({ type: "failed", message: error.message }));
  return socket;
}

function stats(): LinkStats {
  return {
    toClient: paths.toClient.counters,
    toServer: paths.toServer.counters,
    clients: flows.size,
    waiting: waiting.size,
    ...counters,
    latenessMs: { mean: lateness.sumMs / Math.max(1, lateness.sent), maximum: lateness.maximumMs },
    firstRtpMs,
  };
}

function pathsOf(both: Record<Direction, ImpairmentSettings>): Record<Direction, ImpairedPath> {
  return { toClient: new ImpairedPath(both.toClient), toServer: new ImpairedPath(both.toServer) };
}

function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

function reply(message: LinkReply): void {
  port.postMessage(message);
}
