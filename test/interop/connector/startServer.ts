import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** A server in a process of its own, which obeys the messages of its calls. */
export interface OrderedServer {
  name: string;
  address: string;
  stop(): Promise<void>;
}

export function startOfficial(python: string): Promise<OrderedServer> {
  return start("official", python, ["-u", pathOf("server.py")]);
}

export function startOurs(): Promise<OrderedServer> {
  return start("ours", process.execPath, ["--conditions=troupe-source", pathOf("serverProcess.ts")]);
}

async function start(name: string, command: string, parameters: string[]): Promise<OrderedServer> {
  const child = spawn(command, [...parameters, String(await freePort())], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "close");
  for await (const line of createInterface({ input: child.stdout! })) {
    if (!line.startsWith("{")) continue;
    const { address } = JSON.parse(line) as { address: string };
    child.stdout!.resume();
    return { name, address, stop: () => stop(child, ended) };
  }
  throw new Error(`the server ${name} did not start`);
}

async function stop(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  child.kill("SIGKILL");
  await ended;
}

/** The official one refuses port 0. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

function pathOf(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url));
}
