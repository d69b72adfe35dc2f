import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer as createHttpServer, type Server } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { WebSocketServer } from "ws";
import { SignallingSocket, type SocketOptions } from "./SignallingSocket.ts";

const OPTIONS: SocketOptions = { timeoutMs: 5_000, closeMs: 500, userAgent: "tests" };

let folder: string;
const pem: Record<string, string> = {};
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "troupe-tls-"));
  for (const name of ["server", "client"]) {
    const [key, certificate] = [join(folder, `${name}.key`), join(folder, `${name}.pem`)];
    execFileSync(
      "openssl",
      [
        ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2".split(" "),
        ...[
          "-keyout",
          key,
          "-out",
          certificate,
          "-subj",
          `/CN=${name}`,
          "-addext",
          "subjectAltName=IP:127.0.0.1,DNS:localhost",
        ],
      ],
      { stdio: "pipe" },
    );
    pem[`${name}Key`] = readFileSync(key, "utf8");
    pem[`${name}Certificate`] = readFileSync(certificate, "utf8");
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** A WebSocket server over TLS that asks for the client's certificate when `clientAuthority` is given. */
async function startTls(clientAuthority?: string) {
  const server = createHttpsServer({
    key: pem.serverKey,
    cert: pem.serverCertificate,
    ca: clientAuthority,
    requestCert: clientAuthority !== undefined,
    rejectUnauthorized: clientAuthority !== undefined,
  });
  const sockets = new WebSocketServer({ server });
  closers.push(() => sockets.close());
  return `wss://127.0.0.1:${await listen(server)}/signaling`;
}

/** How dialling comes out: "open", or the error's message. */
function outcomeOf(url: string, options: Partial<SocketOptions>): Promise<string> {
  const socket = new SignallingSocket(url, { ...OPTIONS, ...options });
  const { promise, resolve } = Promise.withResolvers<string>();
  socket.events.once("open", () => resolve("open"));
  socket.events.once("closed", (code, reason, error) =>
    resolve(error?.message ?? `closed ${code} ${reason}`),
  );
  closers.push(() => socket.terminate());
  return promise;
}

describe("TLS", () => {
  it("refuses a certificate that nobody trusted signed", async () => {
    expect(await outcomeOf(await startTls(), {})).toMatch(/self-signed/);
  });

  it("takes one of the authority given, as text or bytes", async () => {
    const url = await startTls();
    expect(await outcomeOf(url, { tls: { caCertificate: pem.serverCertificate } })).toBe("open");
    const bytes = Buffer.from(pem.serverCertificate ?? "");
    expect(await outcomeOf(url, { tls: { caCertificate: bytes } })).toBe("open");
    expect(await outcomeOf(url, { tls: { caCertificate: pem.clientCertificate } })).toMatch(/self-signed/);
  });

  it("takes any when told to be insecure", async () => {
    expect(await outcomeOf(await startTls(), { tls: { insecure: true } })).toBe("open");
  });

  it("shows the client's certificate where the server asks", async () => {
    const url = await startTls(pem.clientCertificate);
    const tls = { caCertificate: pem.serverCertificate };
    expect(await outcomeOf(url, { tls })).not.toBe("open");
    const { clientCertificate, clientKey } = pem;
    expect(await outcomeOf(url, { tls: { ...tls, clientCertificate, clientKey } })).toBe("open");
  });
});

describe("an HTTP proxy", () => {
  async function startProxy() {
    const seen: {
      target: string | undefined;
      authorization: string | undefined;
      agent: string | undefined;
    }[] = [];
    const server = createHttpServer();
    server.on("connect", (request, client) => {
      const { "proxy-authorization": authorization, "user-agent": agent } = request.headers;
      seen.push({ target: request.url, authorization, agent });
      if (authorization !== `Basic ${Buffer.from("me:p@ss:word").toString("base64")}`) {
        client.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
        return;
      }
      const { port } = new URL(`http://${request.url}`);
      const upstream = connect(Number(port), "127.0.0.1", () => {
        client.write("HTTP/1.1 200 Connection Established\r\n\r\n");
        upstream.pipe(client).pipe(upstream);
      });
      upstream.on("error", () => client.destroy());
      client.on("error", () => upstream.destroy());
      closers.push(() => upstream.destroy());
    });
    return { seen, url: `http://127.0.0.1:${await listen(server)}` };
  }

  it("carries the socket, and is told its own credentials and user agent", async () => {
    const proxy = await startProxy();
    const url = (await startTls()).replace("127.0.0.1", "localhost");
    const tls = { caCertificate: pem.serverCertificate };
    const options = { url: proxy.url, username: "me", password: "p@ss:word", userAgent: "through" };
    expect(await outcomeOf(url, { tls, proxy: options })).toBe("open");
    expect(proxy.seen).toEqual([
      { target: new URL(url).host, authorization: expect.stringMatching(/^Basic /), agent: "through" },
    ]);
  });

  it("that refuses is a dial that failed", async () => {
    const proxy = await startProxy();
    const outcome = await outcomeOf("ws://127.0.0.1:9/none", { proxy: { url: proxy.url, username: "me" } });
    expect(outcome).toMatch(/407|Unexpected server response/);
  });
});
