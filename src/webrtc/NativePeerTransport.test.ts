import { Worker } from "node:worker_threads";
import nodeDataChannel from "node-datachannel";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { Engine, loadBinding, type TransportParameters } from "../native/index.ts";
import { NativePeerTransport } from "./NativePeerTransport.ts";
import type { TransportChannel } from "./PeerTransport.ts";

const closers: (() => void)[] = [];

afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
  expect(loadBinding().transportHandles()).toEqual({ transports: 0, threads: 0 });
});

afterAll(() => {
  Engine.stop();
});

function create(controlling: boolean): NativePeerTransport {
  const transport = new NativePeerTransport({ controlling });
  closers.push(() => transport.close());
  return transport;
}

/** Resolves with the reason when the transport comes to `wanted`. */
function reaches(transport: NativePeerTransport, wanted: string): Promise<string> {
  if (transport.state === wanted) return Promise.resolve("");
  return new Promise((resolve) => {
    transport.events.on("state", (state, reason) => state === wanted && resolve(reason));
  });
}

function once<Value>(listen: (done: (value: Value) => void) => void): Promise<Value> {
  return new Promise((resolve) => listen(resolve));
}

function negotiate(offerer: NativePeerTransport, answerer: NativePeerTransport): void {
  answerer.setRemoteParameters(offerer.localParameters());
  offerer.setRemoteParameters(answerer.localParameters());
}

async function connectPair(): Promise<[offerer: NativePeerTransport, answerer: NativePeerTransport]> {
  const offerer = create(true);
  const answerer = create(false);
  negotiate(offerer, answerer);
  await Promise.all([reaches(offerer, "connected"), reaches(answerer, "connected")]);
  return [offerer, answerer];
}

async function openChannel(
  offerer: NativePeerTransport,
  answerer: NativePeerTransport,
): Promise<[near: TransportChannel, far: TransportChannel]> {
  const arriving = once<TransportChannel>((done) => answerer.events.once("channel", done));
  const near = offerer.openChannel("test", { protocol: "chat" });
  await once<void>((done) => near.events.once("open", done));
  return [near, await arriving];
}

describe("two native transports", () => {
  it("connect, and say with what", async () => {
    const [offerer, answerer] = await connectPair();
    expect(offerer.stats()).toMatchObject({
      iceState: "connected",
      dtlsState: "connected",
      dtlsRole: "server",
    });
    expect(answerer.stats()).toMatchObject({ dtlsRole: "client", tlsVersion: "FEFD", drops: {} });
  });

  it("carry text, bytes, empty and large messages over a channel", async () => {
    const [near, far] = await openChannel(...(await connectPair()));
    expect([far.label, far.protocol, far.ordered, far.state]).toEqual(["test", "chat", true, "open"]);
    const received: [data: Buffer, binary: boolean][] = [];
    const all = once<void>((done) => {
      far.events.on("message", (data, binary) => received.push([data, binary]) === 4 && done());
    });
    const large = new Uint8Array(262_144).fill(7);
    for (const message of ["grüße", "", new Uint8Array([1, 2]), large]) expect(near.send(message)).toBe(true);
    await all;
    expect(received.map(([data, binary]) => [data.length, binary])).toEqual([
      [7, false],
      [0, false],
      [2, true],
      [262_144, true],
    ]);
    expect(received[0]?.[0].toString()).toBe("grüße");
    expect(received[3]?.[0].equals(large)).toBe(true);
  });

  it("refuse a message when the buffer is full, and say when there is room", async () => {
    const [near, far] = await openChannel(...(await connectPair()));
    let arrived = 0;
    far.events.on("message", (data) => {
      arrived += data.length;
    });
    near.setBufferedAmountLowThreshold(100_000);
    const message = new Uint8Array(200_000);
    let sent = 0;
    while (near.send(message)) sent += message.length;
    // The buffer drains all the while, so what it holds now says less than what it took.
    expect(sent).toBeGreaterThan(800_000);
    expect(near.bufferedAmount).toBeLessThanOrEqual(1 << 20);
    // An event may be older than the last send, as in browsers.
    while (near.bufferedAmount > 100_000) await once<void>((done) => near.events.once("low", done));
    await expect.poll(() => arrived, { timeout: 10_000 }).toBe(sent);
  });

  it("refuse what cannot be sent, with a code", async () => {
    const [offerer, answerer] = await connectPair();
    const early = offerer.openChannel("early");
    expect(() => early.send("x")).toThrow(expect.objectContaining({ code: "INVALID_STATE" }));
    const [near] = await openChannel(offerer, answerer);
    expect(() => near.send(new Uint8Array(262_145))).toThrow(
      expect.objectContaining({ code: "INVALID_MESSAGE" }),
    );
    offerer.close();
    expect(() => near.send("x")).toThrow(expect.objectContaining({ code: "CLOSED" }));
    expect(() => offerer.openChannel("late")).toThrow(expect.objectContaining({ code: "CLOSED" }));
  });

  it("close a channel on both sides", async () => {
    const [near, far] = await openChannel(...(await connectPair()));
    const closed = Promise.all(
      [near, far].map((end) => once<string>((done) => end.events.once("closed", done))),
    );
    near.close();
    await closed;
    expect([near.state, far.state]).toEqual(["closed", "closed"]);
  });

  it("end with the far side, and close the channels first", async () => {
    const [offerer, answerer] = await connectPair();
    const [near, far] = await openChannel(offerer, answerer);
    const order: string[] = [];
    far.events.on("closed", () => order.push("channel"));
    answerer.events.on("state", (state) => order.push(state));
    const ended = reaches(answerer, "closed");
    offerer.close();
    expect([offerer.state, near.state]).toEqual(["closed", "closed"]);
    expect(await ended).toBe("the far side closed the connection");
    expect(order).toEqual(["channel", "closed"]);
  });

  it("fail when the certificate is not the one that was announced", async () => {
    const offerer = create(true);
    const answerer = create(false);
    answerer.setRemoteParameters(offerer.localParameters());
    const answer = answerer.localParameters();
    const value = answer.fingerprint.value.split(":").reverse().join(":");
    offerer.setRemoteParameters({ ...answer, fingerprint: { algorithm: "sha-256", value } });
    expect(await reaches(offerer, "failed")).toContain("does not match the fingerprint");
  });

  it("answer a probe", async () => {
    const [offerer, answerer] = await connectPair();
    await openChannel(offerer, answerer);
    const before = offerer.stats().packetsReceived;
    await vi.waitFor(() => {
      offerer.probe();
      // More than what may still have been on its way from the channel's opening.
      expect(offerer.stats().packetsReceived).toBeGreaterThan(before + 5);
    });
  });

  it("restart ICE without a new DTLS association", async () => {
    const [offerer, answerer] = await connectPair();
    const [near, far] = await openChannel(offerer, answerer);
    const before = offerer.localParameters().iceUfrag;
    offerer.restartIce();
    expect(offerer.localParameters().iceUfrag).not.toBe(before);
    negotiate(offerer, answerer);
    const message = once<Buffer>((done) => far.events.once("message", done));
    near.send("still here");
    expect((await message).toString()).toBe("still here");
    expect([offerer.state, answerer.state]).toEqual(["connected", "connected"]);
  });

  it("refuse parameters that are of no use, and connect all the same", async () => {
    const offerer = create(true);
    const answerer = create(false);
    const offer = offerer.localParameters();
    const broken: Partial<TransportParameters>[] = [
      { iceUfrag: "" },
      { icePwd: "with\nline" },
      { fingerprint: { algorithm: "md5", value: "AA" } },
      { fingerprint: { algorithm: "sha-256", value: "nonsense" } },
      { setup: "holdconn" as "active" },
    ];
    for (const change of broken) {
      expect(() => answerer.setRemoteParameters({ ...offer, ...change })).toThrow(
        expect.objectContaining({ code: "INVALID_SDP" }),
      );
    }
    expect(answerer.addRemoteCandidate("candidate:nonsense")).toBe(true);
    negotiate(offerer, answerer);
    await reaches(answerer, "connected");
    expect(answerer.stats().drops).toEqual({ candidate: 1 });
  });

  it("ignore and count mDNS candidates", async () => {
    const [offerer, answerer] = await connectPair();
    const name = "candidate:1 1 udp 2122260223 3f2b1c9e-7c5d-4a5e-9d0a-1b2c3d4e5f60.local 50000 typ host";
    expect(offerer.addRemoteCandidate(name)).toBe(false);
    expect([offerer.stats().drops, answerer.stats().drops]).toEqual([{ mdnsCandidate: 1 }, {}]);
  });

  it("leave nothing behind after fifty rounds", async () => {
    for (let round = 0; round < 50; round += 1) {
      const [offerer, answerer] = await connectPair();
      await openChannel(offerer, answerer);
      if (round % 2 === 0) offerer.close();
      answerer.close();
      offerer.close();
      expect(loadBinding().transportHandles()).toEqual({ transports: 0, threads: 0 });
    }
  });

  it("let an engine peer come and go", async () => {
    const [offerer] = await connectPair();
    const peer = Engine.shared().createPeer();
    offerer.attach(peer);
    peer.close();
    const other = Engine.shared().createPeer();
    offerer.attach(other);
    offerer.close();
    other.close();
    await expect.poll(() => Engine.shared().stats().handles.peers).toBe(0);
  });
});

describe("a worker", () => {
  /** Connects two transports with an open channel between them and floods it. */
  const body = `
    const { parentPort, workerData } = require("node:worker_threads");
    const addon = require(workerData);
    const options = (controlling) => ({ controlling, iceServers: [], addresses: [], portRange: [0, 0] });
    const near = addon.transportCreate(options(true), (type, channel) => {
      if (type === "channelOpen") while (addon.transportSend(near, channel, new Uint8Array(60000)));
    });
    const far = addon.transportCreate(options(false), (type) => {
      if (type === "message") parentPort.postMessage("flooded");
    });
    addon.transportOpenChannel(near, "flood", { ordered: true, protocol: "" });
    addon.transportSetRemoteParameters(far, addon.transportLocalParameters(near));
    addon.transportSetRemoteParameters(near, addon.transportLocalParameters(far));
  `;

  it("may be terminated with open transports, while others live on", async () => {
    const [offerer, answerer] = await connectPair();
    const path = new URL("../../build/Release/troupe.node", import.meta.url).pathname;
    for (let round = 0; round < 5; round += 1) {
      const worker = new Worker(body, { eval: true, workerData: path });
      await once<void>((done) => worker.once("message", () => done()));
      expect(loadBinding().transportHandles()).toEqual({ transports: 4, threads: 2 });
      await worker.terminate();
      expect(loadBinding().transportHandles()).toEqual({ transports: 2, threads: 1 });
    }
    await openChannel(offerer, answerer);
  });
});

describe("a native transport and libdatachannel", () => {
  function foreign(): nodeDataChannel.PeerConnection {
    const connection = new nodeDataChannel.PeerConnection("foreign", {
      iceServers: [],
      disableAutoNegotiation: true,
    });
    closers.push(() => connection.close());
    return connection;
  }

  /** A description with nothing but data channels. */
  function describeApplication(parameters: TransportParameters): string {
    const lines = [
      "v=0",
      "o=- 1 1 IN IP4 127.0.0.1",
      "s=-",
      "t=0 0",
      "a=group:BUNDLE 0",
      "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
      "c=IN IP4 0.0.0.0",
      "a=mid:0",
      `a=ice-ufrag:${parameters.iceUfrag}`,
      `a=ice-pwd:${parameters.icePwd}`,
      `a=fingerprint:${parameters.fingerprint.algorithm} ${parameters.fingerprint.value}`,
      `a=setup:${parameters.setup}`,
      `a=sctp-port:${parameters.sctpPort}`,
      `a=max-message-size:${parameters.maxMessageSize}`,
      ...parameters.candidates.map((candidate) => `a=${candidate}`),
    ];
    return `${lines.join("\r\n")}\r\n`;
  }

  function readApplication(sdp: string): TransportParameters {
    const attribute = (name: string) => sdp.match(new RegExp(`^a=${name}:(.*)$`, "m"))?.[1]?.trim() ?? "";
    const [algorithm = "", value = ""] = attribute("fingerprint").split(" ");
    return {
      iceUfrag: attribute("ice-ufrag"),
      icePwd: attribute("ice-pwd"),
      setup: attribute("setup") as TransportParameters["setup"],
      fingerprint: { algorithm, value },
      candidates: [...sdp.matchAll(/^a=(candidate:.*)$/gm)].map((match) => match[1]!.trim()),
      maxMessageSize: Number(attribute("max-message-size")),
      sctpPort: Number(attribute("sctp-port")),
    };
  }

  function localDescription(connection: nodeDataChannel.PeerConnection): Promise<string> {
    return once((done) => {
      connection.onGatheringStateChange((state) => {
        if (state === "complete") done(connection.localDescription()?.sdp ?? "");
      });
    });
  }

  it("connect with us as offerer; channels from both sides, a large message, an end from their side", async () => {
    const ours = create(true);
    const theirs = foreign();
    const ourChannel = ours.openChannel("ours");
    const theirEnd = once<nodeDataChannel.DataChannel>((done) => theirs.onDataChannel(done));
    const answer = localDescription(theirs);
    theirs.setRemoteDescription(describeApplication(ours.localParameters()), "offer" as never);
    theirs.setLocalDescription("answer" as never);
    ours.setRemoteParameters(readApplication(await answer));
    await once<void>((done) => ourChannel.events.once("open", done));

    const channel = await theirEnd;
    expect(channel.getLabel()).toBe("ours");
    channel.onMessage((message) => {
      if (typeof message === "string") channel.sendMessage(`${message} back`);
      else channel.sendMessageBinary(new Uint8Array(message as Buffer));
    });
    const replies: Buffer[] = [];
    const bothReplies = once<void>((done) => {
      ourChannel.events.on("message", (data) => replies.push(data) === 2 && done());
    });
    const large = Buffer.alloc(200_000, "troupe");
    ourChannel.send("there and");
    ourChannel.send(large);
    await bothReplies;
    expect(replies[0]?.toString()).toBe("there and back");
    expect(replies[1]?.equals(large)).toBe(true);

    const arriving = once<TransportChannel>((done) => ours.events.once("channel", done));
    const second = theirs.createDataChannel("theirs", { unordered: true });
    const arrived = await arriving;
    expect([arrived.label, arrived.ordered]).toEqual(["theirs", false]);
    const closed = once<string>((done) => arrived.events.once("closed", done));
    second.close();
    await closed;

    // Their DTLS closes too late at times to say so; their SCTP always tells.
    const ended = once<string>((done) => ourChannel.events.once("closed", done));
    theirs.close();
    await ended;
  });

  it("connect with us as answerer, and an end from our side", async () => {
    const ours = create(false);
    const theirs = foreign();
    const theirChannel = theirs.createDataChannel("theirs");
    const offer = localDescription(theirs);
    theirs.setLocalDescription("offer" as never);
    const arriving = once<TransportChannel>((done) => ours.events.once("channel", done));
    ours.setRemoteParameters(readApplication(await offer));
    theirs.setRemoteDescription(describeApplication(ours.localParameters()), "answer" as never);
    const arrived = await arriving;
    const heard = once<string>((done) => theirChannel.onMessage((message) => done(String(message))));
    arrived.send("hello");
    expect(await heard).toBe("hello");
    const closed = once<void>((done) => theirChannel.onClosed(done));
    ours.close();
    await closed;
  });
});
