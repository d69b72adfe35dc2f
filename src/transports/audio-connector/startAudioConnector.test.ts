import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { decodeJwt, importSPKI, jwtVerify } from "jose";
import { expect, it } from "vitest";
import { startAudioConnector } from "./index.ts";

const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();

/** Vonage, as far as one request goes. */
async function startVonage(status: number, answer: object) {
  const requests: { method: string; url: string; jwt: string; body: unknown }[] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const piece of request) body += piece;
    const jwt = request.headers.authorization?.replace(/^Bearer /, "") ?? "";
    requests.push({ method: request.method!, url: request.url!, jwt, body: JSON.parse(body) });
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answer));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    requests,
    videoHost: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.dispose]: () => void server.close(),
  };
}

const options = {
  applicationId: "app-1",
  privateKey: pem,
  sessionId: "session-1",
  token: "token-1",
  uri: "wss://bots.example/calls/secret",
};

it("asks Vonage to connect, with the application's JWT", async () => {
  using vonage = await startVonage(200, { id: "call-1", connectionId: "connection-1" });
  const asked = {
    ...options,
    streams: ["stream-1"],
    headers: { "x-secret": "4d0e6f1b9c2a8e7d" },
    sampleRate: 24_000,
    audioTransport: "json",
    videoHost: vonage.videoHost,
  } as const;
  expect(await startAudioConnector(asked)).toEqual({ id: "call-1", connectionId: "connection-1" });
  const { method, url, jwt, body } = vonage.requests[0]!;
  expect([method, url]).toEqual(["POST", "/v2/project/app-1/connect"]);
  expect(body).toEqual({
    sessionId: "session-1",
    token: "token-1",
    websocket: {
      uri: "wss://bots.example/calls/secret",
      streams: ["stream-1"],
      headers: { "x-secret": "4d0e6f1b9c2a8e7d" },
      audioRate: 24_000,
      bidirectional: true,
      audioTransport: { transport: "json", encoding: "base64" },
    },
  });
  expect(decodeJwt(jwt)).toMatchObject({ application_id: "app-1" });
  const key = await importSPKI(publicKey.export({ type: "spki", format: "pem" }).toString(), "RS256");
  await expect(jwtVerify(jwt, key)).resolves.toBeDefined();
});

it("says with which status Vonage refused, and none of the secrets", async () => {
  using vonage = await startVonage(403, { title: "Forbidden" });
  const refused = await startAudioConnector({ ...options, videoHost: vonage.videoHost }).catch(
    (error) => error,
  );
  expect(refused).toMatchObject({ code: "REMOTE_ERROR", message: expect.stringContaining("403") });
  expect(refused.cause).toBeUndefined();
});

it("says that Vonage was not reached", async () => {
  let videoHost = "";
  {
    using vonage = await startVonage(200, {});
    videoHost = vonage.videoHost;
  }
  await expect(startAudioConnector({ ...options, videoHost })).rejects.toMatchObject({
    code: "TRANSPORT_FAILED",
  });
});

it("checks what it is given", async () => {
  await expect(startAudioConnector({ ...options, uri: "https://bots.example" })).rejects.toMatchObject({
    code: "INVALID_OPTION",
    field: "startAudioConnector.uri",
  });
  const other = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  for (const wrong of ["private.key", pem.slice(0, 400), other.export({ type: "pkcs8", format: "pem" })]) {
    const refused = startAudioConnector({ ...options, privateKey: String(wrong) });
    await expect(refused).rejects.toMatchObject({
      code: "INVALID_OPTION",
      field: "startAudioConnector.privateKey",
      message: expect.not.stringContaining(String(wrong)),
    });
  }
});
