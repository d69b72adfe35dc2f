import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "./Ours.ts";

/** coturn on loopback, with a certificate of its own making for `localhost`. */
export class TurnServer {
  readonly port: number;
  readonly tlsPort: number;
  readonly username = "troupe";
  readonly credential = "secret";
  /** The certificate, in PEM; it is its own authority. */
  readonly certificate: string;
  readonly #folder: string;
  #process: ChildProcess;

  private constructor(port: number, folder: string) {
    this.port = port;
    this.tlsPort = port + 1;
    this.#folder = folder;
    execFileSync("openssl", [
      ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost".split(
        " ",
      ),
      ...["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
      ...["-keyout", join(folder, "key.pem"), "-out", join(folder, "certificate.pem")],
    ]);
    this.certificate = readFileSync(join(folder, "certificate.pem"), "utf8");
    this.#process = this.#spawn();
  }

  static async start(port = 17_820): Promise<TurnServer> {
    const server = new TurnServer(port, mkdtempSync(join(tmpdir(), "troupe-turn-")));
    await server.#listening();
    return server;
  }

  /** As a server that dies: nobody is told. */
  async kill(): Promise<void> {
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await ended;
  }

  async restart(): Promise<void> {
    this.#process = this.#spawn();
    await this.#listening();
  }

  async close(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) await this.kill();
    rmSync(this.#folder, { recursive: true });
  }

  #spawn(): ChildProcess {
    return spawn(
      "turnserver",
      [
        ...["-n", "--no-cli", "--no-dtls", "--lt-cred-mech", "--realm", "troupe", "--allow-loopback-peers"],
        ...["--listening-ip", "127.0.0.1", "--relay-ip", "127.0.0.1", "--log-file", "stdout", "--simple-log"],
        ...["--listening-port", `${this.port}`, "--tls-listening-port", `${this.tlsPort}`],
        ...["--user", `${this.username}:${this.credential}`],
        ...["--cert", join(this.#folder, "certificate.pem"), "--pkey", join(this.#folder, "key.pem")],
        ...["--pidfile", join(this.#folder, "pid"), "--userdb", join(this.#folder, "users")],
      ],
      { stdio: "ignore" },
    );
  }

  async #listening(): Promise<void> {
    await until("coturn listens", () => isOpen(this.tlsPort));
  }
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("connect", () => resolve(true));
    socket.on("error", () => resolve(false));
    socket.on("close", () => resolve(false));
    socket.on("connect", () => socket.destroy());
  });
}
