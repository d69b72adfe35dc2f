import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it } from "vitest";
import { AudioConnectorCaller } from "./AudioConnectorCaller.ts";

/** Of RFC 6455, section 1.3. */
const ACCEPT_SUFFIX = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

it("hears what a server says in the same segment that takes the call", async () => {
  const server = createServer();
  server.on("upgrade", ({ headers }, socket) => {
    const accept = createHash("sha1")
      .update(`${headers["sec-websocket-key"]}${ACCEPT_SUFFIX}`)
      .digest("base64");
    const answer = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`;
    const text = Buffer.from('{"hello":1}');
    socket.write(Buffer.concat([Buffer.from(answer), Buffer.from([0x81, text.length]), text]));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const caller = await AudioConnectorCaller.dial({
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
  });
  const heard = await new Promise<string>((resolve) => caller.on("message", resolve));
  expect(heard).toBe('{"hello":1}');
  caller.drop();
  await caller.closed();
  server.close();
});
