// What a stage on a network meets: floods of broken messages, handshakes that never end, readers that never read.
import { connect, type Socket } from "node:net";
import { WebSocket } from "ws";
import { serveBench } from "./childProcess.ts";

const FLOODING_SOCKETS = 20;
const OVERSIZED_BYTES = 300 * 1024;
const MESSAGES_PER_SOCKET = 50;

const ending = new AbortController();
const sockets: Socket[] = [];
let opened = 0;
let refused = 0;

serveBench({
  /** Attacks until `stop`, with `halfOpen` sockets that begin a handshake and say no more. */
  async attack({ signalingUrl, halfOpen }: { signalingUrl: string; halfOpen: number }) {
    const { hostname, port, pathname } = new URL(signalingUrl);
    for (let index = 0; index < halfOpen; index += 1) {
      const socket = connect(Number(port), hostname, () =>
        socket.write(`GET ${pathname} HTTP/1.1\r\nHost: x\r\n`),
      );
      socket.on("error", () => {});
      sockets.push(socket);
    }
    for (let index = 0; index < FLOODING_SOCKETS; index += 1) void flood(signalingUrl, index);
    void neverRead(signalingUrl);
  },
  async stop() {
    ending.abort();
    for (const socket of sockets) socket.destroy();
    return { opened, refused };
  },
});

/** Sends nonsense of one kind as fast as it may, and comes again when it is thrown out. */
async function flood(url: string, kind: number): Promise<void> {
  while (!ending.signal.aborted) {
    const socket = new WebSocket(url);
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    socket.on("error", () => {});
    const stop = () => socket.terminate();
    ending.signal.addEventListener("abort", stop, { once: true });
    socket.once("open", () => {
      opened += 1;
      for (let count = 0; count < MESSAGES_PER_SOCKET && socket.readyState === WebSocket.OPEN; count += 1)
        socket.send(nonsense(kind + count));
    });
    await closed;
    refused += 1;
    ending.signal.removeEventListener("abort", stop);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function nonsense(kind: number): string | Buffer {
  switch (kind % 5) {
    case 0:
      return "{";
    case 1:
      return Buffer.alloc(1000, kind);
    case 2:
      return JSON.stringify({ type: "connect", role: "everything", channel_id: 7 });
    case 3:
      return "[".repeat(10_000);
    default:
      return "x".repeat(OVERSIZED_BYTES);
  }
}

/** Joins in so far as the stage answers, and reads nothing of it. */
async function neverRead(url: string): Promise<void> {
  const socket = new WebSocket(url);
  socket.on("error", () => {});
  ending.signal.addEventListener("abort", () => socket.terminate(), { once: true });
  socket.once("open", () => {
    socket.send(JSON.stringify({ type: "connect", role: "recvonly", channel_id: "crowd-0" }));
    socket.pause();
  });
}
