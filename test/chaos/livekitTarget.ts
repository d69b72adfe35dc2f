import { connect } from "troupe";
import { type LiveKitConnection, livekit } from "troupe/livekit";
import { monotonicMs } from "troupe/testing";
import { liveKitThrough } from "../interop/livekit/liveKitThrough.ts";
import { LiveKitServer, token } from "../interop/livekit/server.ts";
import { ChaosBot } from "./ChaosBot.ts";
import { type ChaosSeat, type ChaosTarget, seatPairs } from "./target.ts";
import { openWay } from "./way.ts";

const TOPIC = "chaos";

/** Bots on the real livekit-server, each with its signalling behind a relay and its media behind a link. */
export async function startLiveKit(bots: number): Promise<ChaosTarget> {
  const server = await LiveKitServer.start();
  const seated = await seatPairs(bots, (index, room) => seat(index, room, server));
  return {
    seats: seated.seats,
    keepsAudioWithoutSignalling: true,
    losesDuringOutages: true,
    async restartServer() {
      await server.kill();
      await server.start();
    },
    async close() {
      await seated.close();
      await server.kill();
    },
  };
}

async function seat(index: number, room: string, server: LiveKitServer): Promise<ChaosSeat> {
  const way = await openWay(server.url, { through: liveKitThrough, udpPort: server.udpPort });
  const connection = connect(livekit({ url: way.url, token: await token(`bot-${index}`, room, {}, 3_600) }));
  const bot = new ChaosBot(`bot ${index}`, connection, {
    send: (text) => connection.data.publishData(text, { reliable: true, topic: TOPIC }),
    resumes: true,
  });
  connection.on("dataReceived", ({ data, topic }) => {
    if (topic === TOPIC) bot.take(Buffer.from(data).toString());
  });
  followSessions(connection, bot);
  return { bot, way };
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
