import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { type Duplex, Transform } from "node:stream";

/** Between two pieces of a slowed stream. */
const PIECE_MS = 20;

/** A TCP relay on loopback in front of a server: a test can cut, stall and slow what runs through it. */
export class ConnectionProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #throttles = new Set<Throttle>();
  #bytesPerSecond = Number.POSITIVE_INFINITY;
  #refusing = false;

  private constructor(host: string, port: number) {
    this.#server = createServer((near) => {
      if (this.#refusing) near.resetAndDestroy();
      else this.#join(near, connect(port, host));
    });
  }

  /** A relay in front of the host and port that `url` names. */
  static async before(url: string): Promise<ConnectionProxy> {
    const { hostname, port, protocol } = new URL(url);
    const standard = protocol === "wss:" || protocol === "https:" ? 443 : 80;
    const proxy = new ConnectionProxy(hostname, Number(port) || standard);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  /** `url` with the way through this relay. */
  through(url: string): string {
    const changed = new URL(url);
    changed.hostname = "127.0.0.1";
    changed.port = String((this.#server.address() as AddressInfo).port);
    return changed.href;
  }

  /** Connections that are open through it. */
  get connections(): number {
    return this.#sockets.size / 2;
  }

  /** Cuts everything that runs through it now: both ends see it at once. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /**
   * Passes nothing on any more, of open connections and new ones, and lets nobody know: what a dead network looks like
   * to both ends. TCP's own flow control holds what they send.
   */
  stall(): void {
    this.slow(0);
  }

  /** Passes on at most so many bytes a second, each way of each connection. */
  slow(bytesPerSecond: number): void {
    this.#bytesPerSecond = bytesPerSecond;
    for (const throttle of this.#throttles) throttle.setRate(bytesPerSecond);
  }

  /** Passes everything on again, at once. */
  resume(): void {
    this.slow(Number.POSITIVE_INFINITY);
  }

  /** Whether new connections are reset at once. */
  refuse(refusing: boolean): void {
    this.#refusing = refusing;
  }

  close(): Promise<void> {
    this.cut();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #join(near: Socket, far: Socket): void {
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      const throttle = new Throttle(this.#bytesPerSecond);
      this.#sockets.add(from);
      this.#throttles.add(throttle);
      from.on("error", () => {});
      from.on("close", () => {
        this.#sockets.delete(from);
        this.#throttles.delete(throttle);
        throttle.destroy();
        to.destroy();
      });
      (from.pipe(throttle) as Duplex).pipe(to);
    }
  }
}

/** Passes bytes on at a rate; what it does not take waits with the sender. */
class Throttle extends Transform {
  #bytesPerSecond: number;
  #held: { chunk: Buffer; done: () => void } | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(bytesPerSecond: number) {
    super();
    this.#bytesPerSecond = bytesPerSecond;
  }

  setRate(bytesPerSecond: number): void {
    this.#bytesPerSecond = bytesPerSecond;
    clearTimeout(this.#timer);
    this.#passOn();
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#held = { chunk, done };
    this.#passOn();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    clearTimeout(this.#timer);
    callback(error);
  }

  #passOn(): void {
    const held = this.#held;
    if (!held || this.#bytesPerSecond === 0) return;
    const piece = Math.max(1, Math.floor((this.#bytesPerSecond * PIECE_MS) / 1000));
    this.push(held.chunk.subarray(0, piece));
    held.chunk = held.chunk.subarray(piece);
    if (held.chunk.length > 0) this.#timer = setTimeout(() => this.#passOn(), PIECE_MS);
    else {
      this.#held = undefined;
      // The last piece has its time too.
      if (Number.isFinite(this.#bytesPerSecond)) this.#timer = setTimeout(held.done, PIECE_MS);
      else held.done();
    }
  }
}
