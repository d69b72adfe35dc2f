import { once } from "node:events";
import { type ClientRequestArgs, request } from "node:http";
import { WebSocket } from "ws";

export interface Reply {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
}

/** One HTTP request with any headers, also those that fetch does not let through. */
export async function send(url: string, options: ClientRequestArgs = {}, body = ""): Promise<Reply> {
  const outgoing = request(url, { agent: false, ...options });
  outgoing.end(body);
  const [response] = await once(outgoing, "response");
  let text = "";
  for await (const piece of response) text += piece;
  return { status: response.statusCode, headers: response.headers, text };
}

/** The status of a refused WebSocket, or 101 for one that opened (and is closed again). */
export async function upgradeStatus(url: string, headers: Record<string, string> = {}): Promise<number> {
  const socket = new WebSocket(url, { headers });
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  socket.on("open", () => resolve(101));
  socket.on("unexpected-response", (_request, response) => resolve(response.statusCode ?? 0));
  socket.on("error", reject);
  try {
    return await promise;
  } finally {
    socket.terminate();
  }
}

/** An open WebSocket whose messages and end wait to be read. */
export class TestSocket {
  readonly socket: WebSocket;
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly received: unknown[] = [];
  #waiting: (() => void)[] = [];

  constructor(url: string, headers: Record<string, string> = {}) {
    this.socket = new WebSocket(url, { headers });
    this.socket.on("message", (data) => {
      this.received.push(JSON.parse(String(data)));
      this.#wake();
    });
    this.socket.on("error", () => {});
    this.closed = new Promise((resolve) => {
      this.socket.on("close", (code, reason) => {
        resolve({ code, reason: String(reason) });
        this.#wake();
      });
    });
  }

  async opened(): Promise<this> {
    if (this.socket.readyState === WebSocket.CONNECTING) await once(this.socket, "open");
    return this;
  }

  send(message: unknown): void {
    this.socket.send(
      typeof message === "string" || Buffer.isBuffer(message) ? message : JSON.stringify(message),
    );
  }

  /** The first message, past or to come, that has these members. */
  async next(wanted: Record<string, unknown>): Promise<Record<string, unknown>> {
    for (;;) {
      const found = (this.received as Record<string, unknown>[]).findIndex((message) =>
        Object.entries(wanted).every(([name, value]) => message[name] === value),
      );
      if (found >= 0) return this.received.splice(found, 1)[0] as Record<string, unknown>;
      if (this.socket.readyState === WebSocket.CLOSED)
        throw new Error(`closed before ${JSON.stringify(wanted)}`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  close(): void {
    this.socket.terminate();
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
