import { type AddressInfo, createServer, connect as dialTcp, type Server, type Socket } from "node:net";

/** A TCP proxy before a server's WebSockets: what goes through it can be cut, refused or frozen. */
export class SignalProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #refusing = false;
  #frozen = false;

  private constructor(target: number) {
    this.#server = createServer((client) => {
      if (this.#refusing) {
        client.destroy();
        return;
      }
      const upstream = dialTcp(target, "127.0.0.1");
      this.#join(client, upstream);
      this.#join(upstream, client);
    });
  }

  static async start(target: number): Promise<SignalProxy> {
    const proxy = new SignalProxy(target);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Ends every connection at once. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Whether new connections are refused. */
  refuse(refusing: boolean): void {
    this.#refusing = refusing;
  }

  /** Half-open: nothing passes any more and nobody is told; what came meanwhile goes on when it thaws. */
  freeze(frozen: boolean): void {
    this.#frozen = frozen;
    for (const socket of this.#sockets) frozen ? socket.pause() : socket.resume();
  }

  close(): void {
    this.cut();
    this.#server.close();
  }

  #join(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.on("data", (data) => to.write(data));
    from.on("error", () => {});
    from.on("close", () => {
      this.#sockets.delete(from);
      to.destroy();
    });
    if (this.#frozen) from.pause();
  }
}
