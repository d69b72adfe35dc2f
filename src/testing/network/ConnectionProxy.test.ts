import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { afterEach, expect, it } from "vitest";
import { ConnectionProxy } from "./ConnectionProxy.ts";

const opened: { close(): unknown }[] = [];
afterEach(async () => {
  for (const it of opened.splice(0).reverse()) await it.close();
});

/** A server, and a client that reaches it through a proxy. */
async function open(): Promise<{ client: Socket; far: Socket; proxy: ConnectionProxy; dial(): Socket }> {
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  opened.push(server);
  const proxy = await ConnectionProxy.before(
    `ws://127.0.0.1:${(server.address() as AddressInfo).port}/signaling`,
  );
  opened.push(proxy);
  const port = Number(new URL(proxy.through("ws://127.0.0.1:1/")).port);
  const dial = () => connect(port, "127.0.0.1").on("error", () => {});
  const arrived = once(server, "connection");
  const client = dial();
  const [far] = (await arrived) as [Socket];
  far.on("error", () => {});
  return { client, far, proxy, dial };
}

/** An error comes before the close and rejects what waits with `once`. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once("close", () => resolve()));
}

/** Reads until `bytes` have come. */
async function read(socket: Socket, bytes: number): Promise<string> {
  const pieces: Buffer[] = [];
  for (let length = 0; length < bytes; ) {
    const [piece] = (await once(socket, "data")) as [Buffer];
    pieces.push(piece);
    length += piece.length;
  }
  return Buffer.concat(pieces).toString();
}

it("passes bytes on both ways, and cuts", async () => {
  const { client, far, proxy } = await open();
  client.write("hello");
  expect(await read(far, 5)).toBe("hello");
  far.write("you too");
  expect(await read(client, 7)).toBe("you too");
  expect(proxy.connections).toBe(1);
  const ended = Promise.all([closed(client), closed(far)]);
  proxy.cut();
  await ended;
});

it("holds everything while stalled, open connections and new ones, and passes it on afterwards", async () => {
  const { client, far, proxy } = await open();
  const early: Buffer[] = [];
  const note = (piece: Buffer) => early.push(piece);
  far.on("data", note);
  proxy.stall();
  client.write("held");
  // Another connection's bytes went the whole way meanwhile, so these had the time to.
  const other = await open();
  other.client.write("free");
  expect(await read(other.far, 4)).toBe("free");
  expect(early).toEqual([]);
  far.off("data", note);
  proxy.resume();
  expect(await read(far, 4)).toBe("held");
});

it("passes everything on when slow, in small pieces", async () => {
  const { client, far, proxy } = await open();
  proxy.slow(5_000);
  const text = "0123456789".repeat(50);
  let pieces = 0;
  far.on("data", () => pieces++);
  client.write(text);
  expect(await read(far, text.length)).toBe(text);
  expect(pieces).toBeGreaterThan(1);
});

it("refuses connections when told to", async () => {
  const { proxy, dial } = await open();
  proxy.refuse(true);
  await closed(dial());
});
