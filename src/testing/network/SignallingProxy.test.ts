import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { NetworkLink } from "./NetworkLink.ts";
import { type RewriteMessage, SignallingProxy, soraThrough } from "./SignallingProxy.ts";

const opened: { close(): unknown }[] = [];
afterEach(async () => {
  for (const it of opened.splice(0).reverse()) await it.close();
});

/** A server that sends back what it gets, and a client that reaches it through a proxy. */
async function open(rewrite: RewriteMessage = (message) => message) {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  await once(server, "listening");
  opened.push(server);
  server.on("connection", (socket) => socket.on("message", (data, binary) => socket.send(data, { binary })));
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/signaling?room=1`;
  const proxy = await SignallingProxy.before(url, rewrite);
  opened.push(proxy);
  const arrived = once(server, "connection");
  const client = new WebSocket(proxy.through(url));
  await once(client, "open");
  const [far, request] = (await arrived) as [WebSocket, { url: string }];
  return { client, far, request, proxy };
}

async function next(socket: WebSocket): Promise<string | Buffer> {
  const [data, isBinary] = (await once(socket, "message")) as [Buffer, boolean];
  return isBinary ? data : data.toString();
}

it("passes texts and binary messages on, each way, to the path that was asked for", async () => {
  const { client, request } = await open();
  expect(request.url).toBe("/signaling?room=1");
  client.send("hello");
  expect(await next(client)).toBe("hello");
  client.send(Buffer.from([1, 2]));
  expect(await next(client)).toEqual(Buffer.from([1, 2]));
});

it("changes messages and leaves some out", async () => {
  const { client } = await open((message, direction) =>
    message === "secret" ? undefined : direction === "toServer" ? `${message}!` : `${message}?`,
  );
  client.send("secret");
  client.send("hello");
  expect(await next(client)).toBe("hello!?");
});

it("tells each end how the other one closed", async () => {
  const first = await open();
  first.far.close(4_001, "enough");
  const [code, reason] = (await once(first.client, "close")) as [number, Buffer];
  expect([code, reason.toString()]).toEqual([4_001, "enough"]);
  const second = await open();
  const closed = once(second.far, "close");
  second.client.close(1_000);
  expect((await closed)[0]).toBe(1_000);
  const third = await open();
  const cut = once(third.client, "close");
  await third.proxy.close();
  await cut;
});

it("leads Sora's signalling through a link", async () => {
  const link = await NetworkLink.open();
  opened.push(link);
  const line = (port: number) => `a=candidate:1 1 udp 2130706431 127.0.0.1 ${port} typ host\r\n`;
  const message = (type: string, sdp: string) => JSON.stringify({ type, sdp });
  const rewrite = soraThrough(link);
  expect(rewrite(message("offer", line(9)), "toClient")).toBe(message("offer", line(link.address.port)));
  expect(rewrite(message("answer", line(9)), "toServer")).toBe(message("answer", ""));
  expect(rewrite(JSON.stringify({ type: "candidate", candidate: line(9) }), "toServer")).toBeUndefined();
  for (const other of ['{"type":"ping"}', '{"type":', "", "null"])
    expect(rewrite(other, "toClient")).toBe(other);
});

it("passes plain requests on with their token, and says when there is no server", async () => {
  const server = createServer(({ url, headers }, response) =>
    response.writeHead(401).end(`${url} ${headers.authorization}`),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const proxy = await SignallingProxy.before(url, (message) => message);
  opened.push(proxy);
  const asked = `${proxy.through(url).replace("ws", "http")}rtc/validate?v=1`;
  const answer = await fetch(asked, { headers: { authorization: "Bearer t", connection: "close" } });
  expect([answer.status, await answer.text()]).toEqual([401, "/rtc/validate?v=1 Bearer t"]);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  expect((await fetch(asked)).status).toBe(502);
});
