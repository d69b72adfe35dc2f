import { X509Certificate } from "node:crypto";
import { inspect } from "node:util";
import { configureLogger, connect } from "troupe";
import { type LiveKitOptions, livekit } from "troupe/livekit";
import { type SoraOptions, sora } from "troupe/sora";
import { Stage } from "troupe/stage";
import { afterEach, describe, expect, it } from "vitest";
import { makeEcdsaCertificate } from "../../test/fixtures/certificate.ts";
import { FakeLiveKit } from "../../test/fixtures/FakeLiveKit.ts";
import { type NetworkOptions, transportOptionsOf } from "./network.ts";

const [own, other] = [makeEcdsaCertificate(), makeEcdsaCertificate()];
const fingerprint = `a=fingerprint:sha-256 ${new X509Certificate(own.certificate).fingerprint256}`;

const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Joins a Sora channel; gives the candidates that the server is told and the pair that was found. */
async function joinSora(
  network: NetworkOptions,
): Promise<{ told: string[]; local: Record<string, unknown> }> {
  const stage = await Stage.start();
  closers.push(() => stage.close());
  const options: SoraOptions = {
    signalingUrls: [stage.signalingUrl],
    channelId: "lobby",
    role: "recvonly",
    network,
  };
  const connection = connect(sora(options));
  closers.push(() => connection.disconnect());
  const told: string[] = [];
  connection.on("signalingMessage", (_path, direction, text) => {
    if (direction === "sent") told.push(...candidatesIn(JSON.parse(text)));
  });
  await connection.connected();
  const local = (await connection.getStats()).find(({ type }) => type === "local-candidate");
  return { told, local: { ...local } };
}

function candidatesIn(message: { sdp?: string; candidate?: string }): string[] {
  const lines = (message.sdp ?? "").split("\r\n").filter((line) => line.startsWith("a=candidate:"));
  return [...lines, ...(message.candidate ? [message.candidate] : [])].map((line) => line.replace("a=", ""));
}

const addressOf = (candidate: string) => candidate.split(" ")[4];
const portOf = (candidate: string) => Number(candidate.split(" ")[5]);

describe("the network option", () => {
  it("keeps to a range of ports", async () => {
    const { told, local } = await joinSora({ portRange: { minimum: 42_100, maximum: 42_163 } });
    expect(told.length).toBeGreaterThan(0);
    for (const port of [...told.map(portOf), Number(local.port)]) {
      expect(port).toBeGreaterThanOrEqual(42_100);
      expect(port).toBeLessThanOrEqual(42_163);
    }
  });

  it.each<[string, NetworkOptions]>([
    ["an interface", { interfaces: ["lo"] }],
    ["a range of addresses", { addressRanges: ["127.0.0.0/8"] }],
  ])("gathers on %s alone", async (_, network) => {
    const { told } = await joinSora(network);
    expect(new Set(told.map(addressOf))).toEqual(new Set(["127.0.0.1"]));
  });

  it("tells the external address in place of the local one", async () => {
    const { told } = await joinSora({
      interfaces: ["lo"],
      externalAddresses: { "127.0.0.1": "192.0.2.7" },
    });
    expect(new Set(told.map(addressOf))).toEqual(new Set(["192.0.2.7"]));
  });

  it.each([true, false])("offers TCP when asked to (%s)", async (iceTcp) => {
    const { told } = await joinSora({ interfaces: ["lo"], iceTcp });
    const transports = new Set(told.map((candidate) => candidate.split(" ")[2]?.toLowerCase()));
    expect(transports).toEqual(new Set(iceTcp ? ["udp", "tcp"] : ["udp"]));
  });

  it("tells no address of the machine when only relays may be used", async () => {
    const server = await FakeLiveKit.start();
    closers.push(() => server.close());
    const options: Pick<LiveKitOptions, "network" | "rtcConfiguration"> = {
      network: { relayOnly: true },
      rtcConfiguration: { iceServers: [{ urls: ["turn:127.0.0.1:9"], username: "a", credential: "b" }] },
    };
    const room = connect(livekit({ url: server.url, token: "first", ...options, joinRetries: 0 }));
    closers.push(() => room.disconnect());
    await server.until(() => server.requested("offer").length > 0 && server.requested("trickle").length > 0);
    expect(server.requested("offer").flatMap((offer) => candidatesIn(offer))).toEqual([]);
    // The end of the candidates, and no candidate before it.
    expect(server.requested("trickle").map(({ final }) => final)).toEqual([true]);
  });

  it("says at once that a Sora server names no relay where media may take nothing else", async () => {
    const joining = joinSora({ relayOnly: true });
    await expect(joining).rejects.toMatchObject({
      code: "TRANSPORT_FAILED",
      message: "Media may go by TURN servers alone (network.relayOnly), but the server named none",
    });
  });

  it.each<Partial<LiveKitOptions>>([
    { network: { relayOnly: true } },
    { rtcConfiguration: { iceTransportType: "relay" } },
  ])("says at once that a room's server names no relay with %j", async (options) => {
    const server = await FakeLiveKit.start();
    closers.push(() => server.close());
    const room = connect(livekit({ url: server.url, token: "first", ...options }));
    await expect(room.connected()).rejects.toMatchObject({
      code: "TRANSPORT_FAILED",
      reason: "noRelay",
      message: "Media may go by TURN servers alone, but the server named none",
    });
    expect(server.joins.length).toBe(1);
  });

  it.each<NetworkOptions>([{ interfaces: ["no-such-one"] }, { addressRanges: ["203.0.113.0/24"] }])(
    "takes no other address where none passes %j",
    async (network) => {
      await expect(joinSora(network)).rejects.toThrow(
        "No address of this machine is on the interfaces and in the ranges given",
      );
    },
  );

  it.each([
    ["texts", own],
    ["bytes", { certificate: Buffer.from(own.certificate), key: Buffer.from(own.key) }],
  ])("takes a certificate, as %s, whose key nobody is told", async (_, certificate) => {
    const stage = await Stage.start();
    closers.push(() => stage.close());
    const told: string[] = [];
    configureLogger({ level: "debug", write: (...line) => void told.push(inspect(line)) });
    closers.push(() => configureLogger({ level: "warn" }));
    const channel = { signalingUrls: [stage.signalingUrl], channelId: "lobby", role: "recvonly" as const };
    const connection = connect(sora({ ...channel, network: { certificate } }));
    closers.push(() => connection.disconnect());
    connection.on("signalingMessage", (_path, _direction, text) => told.push(text));
    connection.on("state", (state) => told.push(state));
    await connection.connected();
    told.push(inspect([connection, await connection.getStats()], { depth: 10, showHidden: true }));
    expect(told.join()).toContain(fingerprint);
    // The lines after it hold nothing but the public key.
    for (const secret of own.key.split("\n").slice(1, 3)) expect(told.join()).not.toContain(secret);
  });

  it.each<[NetworkOptions["dscp"], object | undefined]>([
    [undefined, undefined],
    [true, undefined],
    [false, { audio: 0, video: 0, data: 0 }],
    [{ data: 10 }, { data: 10 }],
  ])("has the transport mark packets by dscp %j", (dscp, marks) => {
    expect(transportOptionsOf({ dscp }).dscp).toEqual(marks);
  });

  it("means the same in a LiveKit room", async () => {
    const server = await FakeLiveKit.start();
    closers.push(() => server.close());
    const network = {
      interfaces: ["lo"],
      portRange: { minimum: 42_200, maximum: 42_263 },
      certificate: own,
    };
    const room = connect(livekit({ url: server.url, token: "first", network }));
    closers.push(() => room.disconnect());
    await room.connected();
    for (const { sdp } of server.requested("offer")) expect(sdp).toContain(fingerprint);
    const told = server.requested("offer").flatMap((offer) => candidatesIn(offer));
    expect(new Set(told.map(addressOf))).toEqual(new Set(["127.0.0.1"]));
    for (const port of told.map(portOf)) expect(port >= 42_200 && port <= 42_263).toBe(true);
  });

  it.each<[object, string]>([
    [{ portRange: { minimum: 2, maximum: 1 } }, "a maximum that is not below the minimum"],
    [{ portRange: { minimum: 0, maximum: 1 } }, "1 to 65535"],
    [{ addressRanges: ["10.0.0.0/33"] }, "a range such as 10.0.0.0/8"],
    [{ interfaces: [] }, "at least one interface (left out, all are taken)"],
    [{ addressRanges: [] }, "at least one range (left out, all addresses are taken)"],
    [{ addressRanges: ["ten"] }, "a range such as 10.0.0.0/8"],
    [{ externalAddresses: { "10.0.0.1": "host.example" } }, "an IP address"],
    [{ externalAddresses: { "10.0.0.1": "2001:db8::1" } }, "external addresses of the same family"],
    [{ relayonly: true }, "only options that exist (not relayonly)"],
    [{ tls: { caCertificate: 5 } }, "PEM as a string or bytes"],
    [{ tls: { caCertificate: "ca.pem" } }, "certificates in PEM (their text, not a file's name)"],
    [{ dscp: { audio: 64 } }, "0 to 63"],
    [{ dscp: { voice: 46 } }, "a boolean, or an object of audio, video and data, each 0 to 63"],
    [{ dscp: "EF" }, "a boolean, or an object of audio, video and data, each 0 to 63"],
  ])("refuses %j", (network, expected) => {
    const wrong = network as NetworkOptions;
    const channel = { signalingUrls: ["ws://127.0.0.1:1"], channelId: "a", role: "recvonly" as const };
    for (const make of [
      () => sora({ ...channel, network: wrong }),
      () => livekit({ url: "ws://127.0.0.1:1", token: "t", network: wrong }),
    ])
      expect(make).toThrow(
        expect.objectContaining({ code: "INVALID_OPTION", message: expect.stringContaining(expected) }),
      );
  });

  it("refuses servers without a relay where media may take nothing else", () => {
    const rtcConfiguration = { iceServers: [{ urls: ["stun:127.0.0.1"] }] };
    const options = { url: "ws://127.0.0.1:1", token: "t", network: { relayOnly: true }, rtcConfiguration };
    expect(() => livekit(options)).toThrow(
      "Expected a turn: or turns: address, since media may go by TURN servers alone, for livekit.rtcConfiguration.iceServers",
    );
  });

  it.each<[string, unknown, string]>([
    ["a text", own.certificate, "an object for livekit.network.certificate "],
    [
      "no key",
      { certificate: own.certificate },
      "PEM as a string or bytes for livekit.network.certificate.key ",
    ],
    [
      "a file's name",
      { ...own, certificate: "own.pem" },
      "a certificate in PEM for livekit.network.certificate.certificate but received a text of 7 characters",
    ],
    [
      "another's key",
      { ...own, key: other.key },
      `the private key of the certificate for livekit.network.certificate.key but received a text of ${other.key.length} characters`,
    ],
    [
      "a certificate for the key",
      { ...own, key: own.certificate },
      "a private key in PEM that is not encrypted",
    ],
  ])("refuses %s for a certificate", (_, certificate, expected) => {
    const network = { certificate } as NetworkOptions;
    expect(() => livekit({ url: "ws://127.0.0.1:1", token: "t", network })).toThrow(`Expected ${expected}`);
  });
});
