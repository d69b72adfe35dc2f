import { createServer, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { nextCall } from "../../test/fixtures/audioConnectorCall.ts";
import { AudioSource } from "../index.ts";
import { AudioConnectorCaller } from "../stage/index.ts";
import { AudioConnectorServer } from "../transports/audio-connector/index.ts";
import { audioConnectorLine } from "./index.ts";

const source = new AudioSource({ sampleRate: 16_000 });
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

describe("the abort of a line of the Audio Connector", () => {
  it("before it is opened lets nothing be dialled", async () => {
    const line = audioConnectorLine((signal) =>
      AudioConnectorCaller.dial({ url: "ws://127.0.0.1:9", signal }),
    );
    await expect(line(source, AbortSignal.abort())).rejects.toMatchObject({ code: "CANCELLED" });
  });

  it("while it is dialled cuts the connection", async () => {
    const came = Promise.withResolvers<Socket>();
    const silent = createServer((socket) => came.resolve(socket)).listen(0, "127.0.0.1");
    cleanups.push(() => silent.close());
    await new Promise((resolve) => silent.once("listening", resolve));
    const { port } = silent.address() as { port: number };
    const giveUp = new AbortController();
    const line = audioConnectorLine((signal) =>
      AudioConnectorCaller.dial({ url: `ws://127.0.0.1:${port}`, signal }),
    );
    const opening = expect(line(source, giveUp.signal)).rejects.toMatchObject({ code: "CANCELLED" });
    const socket = await came.promise;
    const cut = new Promise((resolve) => socket.once("close", resolve));
    socket.on("error", () => {});
    socket.resume();
    giveUp.abort();
    await opening;
    await cut;
  });

  it.each([
    ["that was dialled with it", true],
    ["that was dialled without it", false],
  ])("ends a call %s", async (_, isTold) => {
    const server = await AudioConnectorServer.start({ call: { graceMs: 0 } });
    cleanups.push(() => server.stop({ drainMs: 0 }));
    const begun = nextCall(server);
    const giveUp = new AbortController();
    const line = audioConnectorLine((signal) =>
      AudioConnectorCaller.dial({ url: server.address, ...(isTold && { signal }) }),
    );
    const { disconnected } = await line(source, giveUp.signal);
    const call = await begun;
    giveUp.abort();
    await Promise.all([disconnected(), call.disconnected()]);
    expect(call.state).toBe("disconnected");
  });
});
