import { createConnection } from "node:net";
import { afterEach, beforeAll, expect, it } from "vitest";
import { nextCall } from "../../../test/fixtures/audioConnectorCall.ts";
import { makeCertificate } from "../../../test/fixtures/certificate.ts";
import { AudioConnectorCaller } from "../../stage/index.ts";
import { AudioConnectorServer } from "./index.ts";

let tls: { cert: string; key: string };
let server: AudioConnectorServer;

beforeAll(() => {
  const how = ["-newkey", "rsa:2048", "-nodes", "-addext", "subjectAltName=IP:127.0.0.1"];
  const { certificate, key } = makeCertificate(...how);
  tls = { cert: certificate, key };
});

afterEach(() => server?.stop({ drainMs: 0 }));

it("takes a call over TLS, with audio and texts both ways", async () => {
  server = await AudioConnectorServer.start({ tls });
  expect(server.address).toBe(`wss://127.0.0.1:${server.port}`);
  const begun = nextCall(server);
  await using caller = await AudioConnectorCaller.dial({ url: server.address, ca: tls.cert });
  const call = await begun;
  const [digit, text, frame] = [
    new Promise((resolve) => call.on("dtmf", resolve)),
    new Promise((resolve) => caller.on("message", resolve)),
    new Promise<Buffer>((resolve) => caller.on("audio", resolve)),
  ];
  caller.sendDtmf("4");
  await call.sendJson({ hello: 1 });
  await call.sendAudio(new Int16Array(320).fill(900));
  expect([await digit, await text]).toEqual(["4", '{"hello":1}']);
  expect((await frame).readInt16LE(0)).toBe(900);
});

it("is not called by who does not trust its certificate, nor without TLS", async () => {
  server = await AudioConnectorServer.start({ tls });
  const dial = (url: string) => AudioConnectorCaller.dial({ url });
  await expect(dial(server.address)).rejects.toMatchObject({
    code: "SIGNALLING_FAILED",
    message: expect.stringMatching(/certificate/),
  });
  await expect(dial(server.address.replace("wss", "ws"))).rejects.toMatchObject({
    code: "SIGNALLING_FAILED",
  });
});

it("ends a TLS handshake that is not ended, and takes calls beside it", async () => {
  server = await AudioConnectorServer.start({ tls, limits: { handshakeMs: 500 } });
  const silent = createConnection(server.port, "127.0.0.1");
  silent.on("error", () => {});
  const ended = new Promise((resolve) => silent.once("close", resolve));
  silent.resume();
  await using caller = await AudioConnectorCaller.dial({ url: server.address, ca: tls.cert });
  await ended;
  expect(caller.open).toBe(true);
});

it("does not start with what is no certificate, and says so", async () => {
  await expect(AudioConnectorServer.start({ tls: { cert: "none", key: tls.key } })).rejects.toMatchObject({
    code: "INVALID_OPTION",
    field: "AudioConnectorServer.tls",
  });
});
