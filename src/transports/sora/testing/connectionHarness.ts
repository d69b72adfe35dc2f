// A Sora connection against a scripted server and a fake transport, for the tests beside it.
import { afterEach } from "vitest";
import { FakeChannel } from "../../../../test/fixtures/FakeChannel.ts";
import { FakeSora } from "../../../../test/fixtures/FakeSora.ts";
import { audio, bundle, offer, track } from "../../../../test/fixtures/sdp.ts";
import { FakeEngine, FakeTransport, ManualClock } from "../../../../test/fixtures/webrtc.ts";
import { type Logger, TypedEvents } from "../../../core/index.ts";
import type { AudioProducer, EngineProducer, ProducerEvents } from "../../../media/index.ts";
import { Session } from "../../../webrtc/index.ts";
import { parseSoraOptions } from "../options.ts";
import { SoraConnection } from "../SoraConnection.ts";

export const BOB = "B0B1C2D3E4F5G6H7J8K9M0N1P2";
export const WITH_BOB = offer({
  session: bundle("0", "1"),
  media: [audio("0", "recvonly"), audio("1", "sendonly", ...track(BOB, 1111))],
});
export const OFFER = { type: "offer", sdp: WITH_BOB, connection_id: "ME", config: { iceServers: [] } };
export const CREATED = {
  type: "notify",
  event_type: "connection.created",
  connection_id: "ME",
  data: [{ connection_id: BOB }],
};

export class FakeSource implements AudioProducer {
  readonly producerEvents = new TypedEvents<ProducerEvents>();
  readonly producer = { handle: 77 } as EngineProducer;
  readonly producerEnded = false;
}

export const servers: FakeSora[] = [];
const connections: SoraConnection[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
  await Promise.all(connections.splice(0).map((connection) => connection.disconnect()));
});

export async function createServer(): Promise<FakeSora> {
  const server = await FakeSora.start();
  servers.push(server);
  return server;
}

export async function start({ timeouts, ...options }: { timeouts?: object; [option: string]: unknown } = {}) {
  const server = await createServer();
  const engine = new FakeEngine();
  const clock = new ManualClock();
  const transports: FakeTransport[] = [];
  const warnings: string[] = [];
  const log: Logger = {
    debug: () => {},
    info: () => {},
    warn: (_, fields) => warnings.push(String(fields?.what ?? fields?.error)),
    error: () => {},
  };
  const settings = parseSoraOptions({
    signalingUrls: [server.url],
    channelId: "lobby",
    role: "sendrecv",
    timeouts: { webSocketLeaveMs: 1000, dataChannelLeaveMs: 1000, ...timeouts },
    ...options,
  });
  const connection = new SoraConnection(settings, {
    log,
    createSession: () => {
      const transport = new FakeTransport();
      transports.push(transport);
      return new Session({ transport, peer: engine.createPeer(), role: "answerer", clock });
    },
  });
  const events: string[] = [];
  connection.on("wsClose", (code, reason) => events.push(`wsClose ${code} ${reason}`));
  connection.on("disconnected", (code, reason) =>
    events.push(`disconnected ${code} ${reason} ${connection.errorCode}`),
  );
  connection.on("track", ({ key }) => events.push(`track ${key}`));
  connection.on("trackRemoved", ({ key }) => events.push(`trackRemoved ${key}`));
  connection.on("dataChannel", (label) => events.push(`dataChannel ${label}`));
  connection.on("message", (label, data) => events.push(`message ${label} ${Buffer.from(data)}`));
  connection.start();
  connections.push(connection);
  return { server, connection, engine, clock, transports, warnings, events };
}

export type Started = Awaited<ReturnType<typeof start>>;

/** The server's side of a join. */
export async function join(
  { server, transports }: Pick<Started, "server" | "transports">,
  offered: object = OFFER,
) {
  const peer = await server.peer();
  await peer.next("connect");
  peer.send(offered);
  await peer.next("answer");
  transports.at(-1)!.events.emit("state", "connected", "");
  peer.send(CREATED);
  return peer;
}

/** Joined, with signalling on data channels; `ignore` is ignore_disconnect_websocket. */
export async function joinSwitched(started: Started, ignore: boolean, compress = false) {
  const data_channels = ["signaling", "notify", "stats", "rpc", "#chat"].map((label) => ({
    label,
    direction: "sendrecv",
    compress,
  }));
  const peer = await join(started, { ...OFFER, data_channels });
  const channels = Object.fromEntries(data_channels.map(({ label }) => [label, new FakeChannel(label)]));
  for (const channel of Object.values(channels)) started.transports.at(-1)!.events.emit("channel", channel);
  const switched = new Promise((resolve) => started.connection.on("switched", resolve));
  peer.send({ type: "switched", ignore_disconnect_websocket: ignore });
  await switched;
  await started.connection.connected();
  return { peer, channels };
}

export function untilState(connection: SoraConnection, wanted: RegExp): Promise<string> {
  if (wanted.test(connection.state)) return Promise.resolve(connection.state);
  return new Promise((resolve) => connection.on("state", (state) => wanted.test(state) && resolve(state)));
}
