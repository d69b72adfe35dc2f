import { createSocket, type Socket } from "node:dgram";
import type { AddressInfo } from "node:net";

/** A UDP proxy before a server's media port: each client gets a socket of its own towards the server, as by a NAT. */
export class UdpProxy {
  readonly #front: Socket;
  readonly #target: number;
  readonly #clients = new Map<number, Socket>();
  /** While true every packet is dropped, both ways. */
  blocked = false;

  private constructor(front: Socket, target: number) {
    this.#front = front;
    this.#target = target;
    front.on("message", (data, { port }) => {
      if (!this.blocked) this.#towardsServer(port).send(data, this.#target, "127.0.0.1");
    });
  }

  static async start(target: number): Promise<UdpProxy> {
    const front = createSocket("udp4");
    await new Promise<void>((resolve) => front.bind(0, "127.0.0.1", resolve));
    return new UdpProxy(front, target);
  }

  get port(): number {
    return (this.#front.address() as AddressInfo).port;
  }

  /** The candidate with the proxy in the server's place; undefined for one that would go around it. */
  redirect(candidate: string): string | undefined {
    const fields = candidate.split(" ");
    if (fields[2]?.toLowerCase() !== "udp" || fields[5] !== String(this.#target)) return undefined;
    fields[4] = "127.0.0.1";
    fields[5] = String(this.port);
    return fields.join(" ");
  }

  close(): void {
    this.#front.close();
    for (const socket of this.#clients.values()) socket.close();
  }

  #towardsServer(clientPort: number): Socket {
    const known = this.#clients.get(clientPort);
    if (known) return known;
    const socket = createSocket("udp4");
    socket.on("message", (data) => {
      if (!this.blocked) this.#front.send(data, clientPort, "127.0.0.1");
    });
    this.#clients.set(clientPort, socket);
    return socket;
  }
}
