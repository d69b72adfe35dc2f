import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { afterEach, expect, it } from "vitest";
import { NetworkLink, type NetworkLinkOptions } from "./NetworkLink.ts";

const opened: { close(): unknown }[] = [];
afterEach(async () => {
  for (const it of opened.splice(0)) await it.close();
});

async function openSocket(): Promise<Socket> {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  opened.push(socket);
  return socket;
}

async function open(options: NetworkLinkOptions = {}): Promise<NetworkLink> {
  const link = await NetworkLink.open(options);
  opened.push(link);
  return link;
}

/** The next datagram's text. */
async function next(socket: Socket): Promise<string> {
  const [data] = (await once(socket, "message")) as [Buffer];
  return data.toString();
}

it("relays between clients and a server, and keeps clients apart", async () => {
  const server = await openSocket();
  const link = await open({ target: server.address(), toClient: { delayMs: 5 } });
  server.on("message", (data, from) => server.send(`${data}!`, from.port, from.address));
  const clients = await Promise.all([openSocket(), openSocket()]);
  const heard = clients.map(next);
  for (const [index, client] of clients.entries())
    client.send(`from ${index}`, link.address.port, "127.0.0.1");
  expect(await Promise.all(heard)).toEqual(["from 0!", "from 1!"]);
  expect(await link.stats()).toMatchObject({
    clients: 2,
    toServer: { packets: 2 },
    toClient: { delivered: 2 },
  });
});

it("finds the server in an offer", async () => {
  const server = await openSocket();
  const link = await open();
  const line = (port: number) => `a=candidate:1 1 udp 2130706431 127.0.0.1 ${port} typ host`;
  const offer = `v=0\r\nm=audio 9 RTP 0\r\n${line(server.address().port)}\r\n`;
  expect(link.throughSdp(offer)).toBe(`v=0\r\nm=audio 9 RTP 0\r\n${line(link.address.port)}\r\n`);
  const heard = next(server);
  (await openSocket()).send("hello", link.address.port, "127.0.0.1");
  expect(await heard).toBe("hello");
});

it("changes how it treats packets, and counts anew", async () => {
  const server = await openSocket();
  const link = await open({ target: server.address(), toServer: { loss: 1 } });
  const client = await openSocket();
  client.send("lost", link.address.port, "127.0.0.1");
  while ((await link.stats()).toServer.lost < 1);
  await link.impair({});
  expect((await link.stats()).toServer).toMatchObject({ packets: 0, lost: 0 });
  const heard = next(server);
  client.send("kept", link.address.port, "127.0.0.1");
  expect(await heard).toBe("kept");
  await expect(link.impair({ toServer: { loss: 2 } })).rejects.toThrow(/toServer.loss/);
});

it("counts what has nowhere to go", async () => {
  const link = await open();
  (await openSocket()).send("where?", link.address.port, "127.0.0.1");
  while ((await link.stats()).unroutable < 1);
});

it("says why it cannot be had, and is closed once closed", async () => {
  const taken = await openSocket();
  await expect(open({ port: taken.address().port })).rejects.toThrow(/EADDRINUSE/);
  const link = await open();
  await link.close();
  await link.close();
  await expect(link.stats()).rejects.toMatchObject({ code: "CLOSED" });
});
