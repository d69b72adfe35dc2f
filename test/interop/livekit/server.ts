import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { AccessToken, type VideoGrant } from "livekit-server-sdk";

const SCRIPT = fileURLToPath(new URL("../../../scripts/livekit-server.sh", import.meta.url));
const START_MS = 20_000;

/** A livekit-server of our own on free ports; it may be killed and started again on the same ones. */
export class LiveKitServer {
  readonly port: number;
  #end: (() => Promise<void>) | undefined;

  private constructor(port: number) {
    this.port = port;
  }

  static async start(): Promise<LiveKitServer> {
    const server = new LiveKitServer(await freePorts());
    await server.start();
    return server;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}`;
  }

  get udpPort(): number {
    return this.port + 2;
  }

  async start(): Promise<void> {
    const child = spawn("bash", [SCRIPT, String(this.port)], { stdio: "ignore" });
    const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
    this.#end = async () => {
      child.kill("SIGKILL");
      await ended;
    };
    const deadline = Date.now() + START_MS;
    while (Date.now() < deadline) {
      const answer = await fetch(`http://127.0.0.1:${this.port}`).catch(() => undefined);
      if (answer?.ok) return;
      await pause(100);
    }
    await this.#end();
    throw new Error(`livekit-server did not start within ${START_MS} ms`);
  }

  /** At once, as by a crash. */
  async kill(): Promise<void> {
    await this.#end?.();
  }
}

/** As an agent's, whose transcriptions the server passes on. */
export async function agentToken(identity: string, room: string): Promise<string> {
  const access = new AccessToken("devkey", "secret", { identity });
  access.kind = "agent";
  access.addGrant({ roomJoin: true, room, canUpdateOwnMetadata: true, agent: true });
  return access.toJwt();
}

/** A token for a room, with every right that a grant does not take away. */
export async function token(
  identity: string,
  room: string,
  grant: VideoGrant = {},
  ttl = 600,
): Promise<string> {
  const access = new AccessToken("devkey", "secret", { identity, ttl });
  access.addGrant({ roomJoin: true, room, canUpdateOwnMetadata: true, ...grant });
  return access.toJwt();
}

/** Three ports in a row that are free now. */
async function freePorts(): Promise<number> {
  for (;;) {
    const first = 20_000 + Math.floor(Math.random() * 20_000);
    const free = await Promise.all([first, first + 1, first + 2].map(isFree));
    if (free.every(Boolean)) return first;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}
