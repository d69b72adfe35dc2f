import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type Party, type PartyEvent, PartyEvents } from "./Party.ts";
import { fromBase64, toBase64 } from "./sound.ts";

const SCRIPT = fileURLToPath(new URL("client.py", import.meta.url));

export interface PythonOptions {
  urls: string[];
  channel: string;
  role?: "sendrecv" | "sendonly" | "recvonly";
  /** Hexadecimal bytes behind each encoded frame of audio, put on and taken off by an encoded transform. */
  trailer?: string;
  /** What it shows; it has no pictures to send when left out. Whether it asks for video is in `extra`. */
  camera?: Camera;
  /** Whether it has H.264 too, by OpenH264. */
  openh264?: boolean;
  /** More arguments of create_connection. */
  extra?: object;
}

/** A source of pictures of one colour. */
export interface Camera {
  width: number;
  height: number;
  fps: number;
  /** Blue, green and red, 0 to 255. */
  color: [number, number, number];
}

/** A video track as a party sees it. */
export interface SeenTrack {
  /** The connection_id of its sender. */
  stream_id: string;
  frames: number;
  width: number;
  height: number;
  /** Mean of the last picture's first corner. */
  color: number[];
}

/** A client on Sora's Python SDK, in a process of its own. */
export class PythonParty implements Party {
  readonly name: string;
  readonly #events: PartyEvents;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<void>;
  #errors = "";
  #id = 0;

  private constructor(name: string, python: string, options: PythonOptions) {
    this.name = name;
    this.#events = new PartyEvents(name);
    const parameters = JSON.stringify({ ...options, role: options.role ?? "sendrecv" });
    this.#child = spawn(python, ["-u", SCRIPT, parameters]);
    this.#child.stdin.on("error", () => {});
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#errors = (this.#errors + text).slice(-4000);
    });
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      if (line.startsWith("{")) this.#events.push(JSON.parse(line) as PartyEvent);
    });
    this.#ended = new Promise((resolve) => this.#child.once("close", () => resolve()));
  }

  /** Starts to join; how that goes is in its events. */
  static start(name: string, python: string, options: PythonOptions): PythonParty {
    return new PythonParty(name, python, options);
  }

  /** Resolves once it was told of its own arrival. */
  static async join(name: string, python: string, options: PythonOptions): Promise<PythonParty> {
    const party = PythonParty.start(name, python, options);
    try {
      await party.until("own connection.created", ({ event, own }) => event === "notify" && own === true);
    } catch (error) {
      await party.close();
      throw error;
    }
    return party;
  }

  get events(): readonly PartyEvent[] {
    return this.#events.all;
  }

  async until(what: string, fits: (event: PartyEvent) => boolean): Promise<PartyEvent> {
    try {
      return await this.#events.until(what, fits);
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${this.#errors}`);
    }
  }

  async play(pcm: Int16Array, loop: boolean): Promise<void> {
    this.#tell({ command: "play", pcm: toBase64(pcm), loop });
  }

  async clear(): Promise<void> {
    this.#tell({ command: "clear" });
  }

  async heard(): Promise<Int16Array> {
    const { pcm } = await this.#ask({ command: "heard" }, "heard");
    return fromBase64(String(pcm));
  }

  /** The video tracks so far. */
  async seen(): Promise<SeenTrack[]> {
    const { tracks } = await this.#ask({ command: "seen" }, "seen");
    return tracks as SeenTrack[];
  }

  /** The engines for video that the SDK knows, each with its codecs. */
  async capability(): Promise<
    { name: string; codecs: { type: string; decoder: boolean; encoder: boolean }[] }[]
  > {
    const { engines } = await this.#ask({ command: "capability" }, "capability");
    return engines as [];
  }

  async send(label: string, text: string): Promise<void> {
    const data = Buffer.from(text).toString("base64");
    const { sent } = await this.#ask({ command: "send", label, data }, "sent");
    if (sent !== true) throw new Error(`${this.name}: send_data_channel gave ${sent}`);
  }

  async stats(): Promise<{ type: string; [member: string]: unknown }[]> {
    const { stats } = await this.#ask({ command: "stats" }, "stats");
    return stats as { type: string }[];
  }

  async leave(): Promise<void> {
    this.#tell({ command: "disconnect" });
    await this.until("disconnect", ({ event }) => event === "disconnect");
    await this.#ended;
  }

  async close(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }

  #tell(command: object): void {
    this.#child.stdin.write(`${JSON.stringify(command)}\n`);
  }

  #ask(command: object, answer: string): Promise<PartyEvent> {
    this.#id += 1;
    const asked = this.#id;
    this.#tell({ ...command, id: asked });
    return this.until(answer, ({ event, id }) => event === answer && id === asked);
  }
}
