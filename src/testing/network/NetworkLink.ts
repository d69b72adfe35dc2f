import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { TroupeError } from "../../index.ts";
import { removeCandidates, replaceCandidates, type UdpAddress } from "./candidates.ts";
import { type Impairment, parseImpairment } from "./impairment.ts";
import type { LinkCommand, LinkReply, LinkStats, LinkWorkerData } from "./link.worker.ts";

/** How a link treats packets, each way by itself. */
export interface LinkImpairment {
  /** From the server to the client. */
  toClient?: Impairment;
  /** From the client to the server. */
  toServer?: Impairment;
}

export interface NetworkLinkOptions extends LinkImpairment {
  /** IPv4 address of its sockets; 127.0.0.1 when left out. */
  address?: string;
  /** UDP port that clients send to; any free one when left out. */
  port?: number;
  /** The server's address; {@link NetworkLink.throughSdp} finds it in an offer when left out. */
  target?: UdpAddress;
}

/** How long the thread may take to answer. */
const ANSWER_MS = 5_000;

/**
 * A network between a client and a server: a UDP relay that loses, delays, reorders and duplicates, by a seed. It runs
 * in a thread of its own. Clients send to its port and are told apart by their addresses, as by a NAT; STUN, DTLS, RTP
 * and RTCP pass alike, so it works under any client and any server that are led to it: by {@link SignallingProxy},
 * or by changing candidates with {@link NetworkLink.throughSdp}.
 *
 * @example
 * await using link = await NetworkLink.open({ toClient: { loss: 0.05, delayMs: 20 }, toServer: { delayMs: 20 } });
 */
export class NetworkLink {
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #pending = new Map<number, PromiseWithResolvers<LinkStats>>();
  readonly #ended: Promise<void>;
  #nextId = 1;
  #address: UdpAddress = { address: "", port: 0 };
  #failure: TroupeError | undefined;

  private constructor(worker: Worker, port: MessagePort) {
    this.#worker = worker;
    this.#port = port;
    this.#ended = new Promise((resolve) => worker.once("exit", () => resolve()));
  }

  /** @throws TroupeError INVALID_OPTION, and INTERNAL when the port cannot be had. */
  static async open(options: NetworkLinkOptions = {}): Promise<NetworkLink> {
    const { address = "127.0.0.1", port = 0, target } = options;
    const settings = settingsOf(options);
    const { port1, port2 } = new MessageChannel();
    const data: LinkWorkerData = { port: port2, address, udpPort: port, settings };
    const worker = new Worker(workerUrl(), { workerData: data, transferList: [port2] });
    const link = new NetworkLink(worker, port1);
    try {
      link.#address = { address, port: await link.#listening() };
    } catch (error) {
      await link.close();
      throw error;
    }
    if (target) link.setTarget(target);
    return link;
  }

  /** Where clients send to. */
  get address(): UdpAddress {
    return this.#address;
  }

  /** Says where the server is. */
  setTarget(target: UdpAddress): void {
    this.#tell({ type: "target", address: target.address, port: target.port });
  }

  /**
   * Leads the reader of a server's SDP to this link, and this link to the server.
   *
   * @returns the SDP with this link as its only candidate.
   */
  throughSdp(sdp: string): string {
    const changed = replaceCandidates(sdp, this.#address);
    if (changed.target) this.setTarget(changed.target);
    return changed.sdp;
  }

  /** A client's SDP without its candidates, so that the server answers where packets come from: this link. */
  withoutCandidates(sdp: string): string {
    return removeCandidates(sdp);
  }

  /**
   * Treats packets like this from now on. Counting, seeds and sequence numbers begin anew: call it while no media
   * flows, on two links, and both lose the same packets from then on.
   *
   * @throws TroupeError INVALID_OPTION that names the field; the link is then as it was.
   */
  async impair(impairment: LinkImpairment): Promise<void> {
    const settings = settingsOf(impairment);
    await this.#ask((id) => ({ type: "impair", id, settings }));
  }

  /** What it did since the last `impair`. */
  stats(): Promise<LinkStats> {
    return this.#ask((id) => ({ type: "stats", id }));
  }

  /** Ends it; what waits in it is lost. A second call does nothing more. */
  async close(): Promise<void> {
    this.#fail(new TroupeError("CLOSED", "The network link is closed"));
    this.#port.postMessage({ type: "close" } satisfies LinkCommand);
    const hung = setTimeout(() => void this.#worker.terminate(), ANSWER_MS);
    await this.#ended;
    clearTimeout(hung);
    this.#port.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #listening(): Promise<number> {
    const listening = Promise.withResolvers<number>();
    const fail = (why: string) => {
      const error = new TroupeError("INTERNAL", `The network link failed: ${why}`);
      listening.reject(error);
      this.#fail(error);
    };
    this.#worker.on("error", (error) => fail(error.message));
    this.#worker.on("exit", () => fail("its thread ended"));
    this.#port.on("message", (reply: LinkReply) => {
      if (reply.type === "listening") listening.resolve(reply.port);
      else if (reply.type === "failed") fail(reply.message);
      else this.#pending.get(reply.id)?.resolve(reply.stats);
    });
    return listening.promise;
  }

  async #ask(command: (id: number) => LinkCommand): Promise<LinkStats> {
    const id = this.#nextId++;
    const answer = Promise.withResolvers<LinkStats>();
    this.#pending.set(id, answer);
    const timer = setTimeout(
      () => answer.reject(new TroupeError("TIMEOUT", `The network link did not answer in ${ANSWER_MS} ms`)),
      ANSWER_MS,
    );
    try {
      this.#tell(command(id));
      return await answer.promise;
    } finally {
      clearTimeout(timer);
      this.#pending.delete(id);
    }
  }

  #tell(command: LinkCommand): void {
    if (this.#failure) throw this.#failure;
    this.#port.postMessage(command);
  }

  #fail(error: TroupeError): void {
    this.#failure ??= error;
    for (const { reject } of this.#pending.values()) reject(this.#failure);
  }
}

function settingsOf({ toClient = {}, toServer = {} }: LinkImpairment): LinkWorkerData["settings"] {
  return { toClient: parseImpairment(toClient, "toClient"), toServer: parseImpairment(toServer, "toServer") };
}

function workerUrl(): URL {
  return new URL(import.meta.url.endsWith(".ts") ? "./link.worker.ts" : "./link.worker.js", import.meta.url);
}
