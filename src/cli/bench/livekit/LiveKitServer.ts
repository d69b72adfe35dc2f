import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { TroupeError } from "../../../core/index.ts";
import { packageRoot } from "../../packageRoot.ts";

const SCRIPT = fileURLToPath(new URL("scripts/livekit-server.sh", packageRoot()));
const START_MS = 20_000;

export interface LiveKitServerOptions {
  /** Another version than the one that everything is tested with. */
  version?: string;
  /** Further lines of its YAML configuration. */
  configuration?: string;
  /** Where it is reached; 127.0.0.1 when left out. */
  address?: string;
}

/** A livekit-server for development on free ports; it may be killed and started again on the same ones. */
export class LiveKitServer {
  readonly port: number;
  readonly #address: string;
  readonly #environment: NodeJS.ProcessEnv;
  #child: ChildProcess | undefined;

  private constructor(port: number, address: string, environment: NodeJS.ProcessEnv) {
    this.port = port;
    this.#address = address;
    this.#environment = environment;
  }

  /**
   * Builds the server where that has not been done yet (minutes, needs Go), and starts one.
   *
   * @throws TroupeError NOT_INSTALLED when it cannot be built, TIMEOUT when it does not answer in time.
   */
  static async start(options: LiveKitServerOptions = {}): Promise<LiveKitServer> {
    const { address = "127.0.0.1" } = options;
    const env = {
      ...process.env,
      LIVEKIT_ADDRESS: address,
      ...(options.version && { LIVEKIT_VERSION: options.version }),
      ...(options.configuration && { LIVEKIT_CONFIG_EXTRA: options.configuration }),
    };
    const building = spawn("bash", [SCRIPT, "--fetch-only"], { stdio: "inherit", env });
    const [code] = await once(building, "close");
    if (code !== 0) throw new TroupeError("NOT_INSTALLED", "livekit-server could not be built");
    const server = new LiveKitServer(await freePorts(), address, env);
    await server.start();
    return server;
  }

  get url(): string {
    return `ws://${this.#address}:${this.port}`;
  }

  get udpPort(): number {
    return this.port + 2;
  }

  /** @throws TroupeError TIMEOUT when it does not answer in time. */
  async start(): Promise<void> {
    this.#child = spawn("bash", [SCRIPT, String(this.port)], {
      stdio: "ignore",
      env: this.#environment,
    });
    const deadline = Date.now() + START_MS;
    while (Date.now() < deadline) {
      const answer = await fetch(`http://${this.#address}:${this.port}`).catch(() => undefined);
      if (answer?.ok) return;
      await pause(100);
    }
    await this.kill();
    throw new TroupeError("TIMEOUT", `livekit-server did not start within ${START_MS} ms`);
  }

  /** At once, as by a crash. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const closed = once(child, "close");
    child.kill("SIGKILL");
    await closed;
  }
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
