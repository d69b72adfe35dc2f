import { ConnectionProxy, monotonicMs, NetworkLink } from "troupe/testing";
import { LiveKitConnection } from "../../src/transports/livekit/LiveKitConnection.ts";
import { parseLiveKitOptions } from "../../src/transports/livekit/options.ts";
import { Session } from "../../src/webrtc/index.ts";
import { ProxiedTransport } from "../interop/livekit/ProxiedTransport.ts";
import { LiveKitServer, token } from "../interop/livekit/server.ts";
import { ChaosBot } from "./ChaosBot.ts";
import { impairAll } from "./outage.ts";
import type { ChaosSeat, ChaosTarget } from "./target.ts";

const TOPIC = "chaos";

/** Bots on the real livekit-server, each with its signalling behind a relay and its media behind a link. */
export async function startLiveKit(bots: number): Promise<ChaosTarget> {
  const server = await LiveKitServer.start();
  const closers: (() => Promise<unknown>)[] = [];
  const seats: ChaosSeat[] = [];
  for (let index = 0; index < bots; index += 1) seats.push(await seat(index, server, closers));
  return {
    seats,
    keepsAudioWithoutSignalling: true,
    losesDuringOutages: true,
    async restartServer() {
      await server.kill();
      await server.start();
    },
    async close() {
      await Promise.allSettled(seats.map(({ bot }) => bot.close()));
      for (const close of closers.reverse()) await close();
      await server.kill();
    },
  };
}

async function seat(
  index: number,
  server: LiveKitServer,
  closers: (() => Promise<unknown>)[],
): Promise<ChaosSeat> {
  const link = await NetworkLink.open({ target: { address: "127.0.0.1", port: server.udpPort } });
  const proxy = await ConnectionProxy.before(server.url);
  closers.push(
    () => link.close(),
    () => proxy.close(),
  );
  const settings = parseLiveKitOptions({
    url: proxy.through(server.url),
    token: await token(`bot-${index}`, `chaos-${Math.floor(index / 2)}`, {}, 3_600),
  });
  const detour = { redirect: (candidate: string) => throughLink(candidate, server.udpPort, link) };
  const createSession = () => new Session({ transport: new ProxiedTransport(detour), role: "offerer" });
  const connection = new LiveKitConnection(settings, { createSession });
  connection.start();
  const bot = new ChaosBot(`bot ${index}`, connection, {
    send: (text) => connection.data.publishData(text, { reliable: true, topic: TOPIC }),
    resumes: true,
  });
  connection.on("dataReceived", ({ data, topic }) => {
    if (topic === TOPIC) bot.take(Buffer.from(data).toString());
  });
  followSessions(connection, bot);
  return {
    bot,
    network: {
      cutSignalling: () => proxy.cut(),
      stallSignalling: () => proxy.stall(),
      slowSignalling: (bytesPerSecond) => proxy.slow(bytesPerSecond),
      resumeSignalling: () => proxy.resume(),
      setOutage: (on) => impairAll(link, on),
    },
  };
}

/** A resume keeps who we are in the room, and all messages with it; after a full reconnect we are somebody new. */
function followSessions(connection: LiveKitConnection, bot: ChaosBot): void {
  let sid = "";
  let lostMs: number | undefined;
  const look = () => {
    if (connection.localParticipant.sid === sid) return;
    sid = connection.localParticipant.sid;
    bot.opened(lostMs);
  };
  connection.on("reconnecting", () => {
    lostMs = monotonicMs();
  });
  connection.on("connected", look);
  connection.on("reconnected", look);
}

function throughLink(candidate: string, udpPort: number, link: NetworkLink): string | undefined {
  const fields = candidate.split(" ");
  if (fields[2]?.toLowerCase() !== "udp" || fields[5] !== String(udpPort)) return undefined;
  fields[4] = link.address.address;
  fields[5] = String(link.address.port);
  return fields.join(" ");
}
