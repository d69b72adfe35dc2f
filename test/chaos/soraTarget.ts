import { connect } from "troupe";
import { type SoraOptions, sora } from "troupe/sora";
import { soraThrough } from "troupe/testing";
import { type StageProcess, startStage } from "../interop/sora/StageProcess.ts";
import { ChaosBot } from "./ChaosBot.ts";
import { type ChaosSeat, type ChaosTarget, seatPairs } from "./target.ts";
import { openWay } from "./way.ts";

const LABEL = "#chaos";

/**
 * Bots on a stage. Half of them signal by WebSocket alone, with their media through a link that can fail; the other
 * half move their signalling to data channels, where no proxy can lead media through a link.
 */
export async function startSora(bots: number): Promise<ChaosTarget> {
  let stage: StageProcess = await startStage({ pingIntervalMs: 1000 });
  const port = Number(new URL(stage.signalingUrl).port);
  // Pairs alternate, so that both of a pair are of one kind.
  const seated = await seatPairs(bots, (index, channel) =>
    seat(index, channel, Math.floor(index / 2) % 2 === 0, stage.signalingUrl),
  );
  return {
    seats: seated.seats,
    keepsAudioWithoutSignalling: false,
    losesDuringOutages: false,
    async restartServer() {
      await stage.kill();
      stage = await startStage({ port, pingIntervalMs: 1000 });
    },
    async close() {
      await seated.close();
      await stage.close();
    },
  };
}

async function seat(index: number, channelId: string, linked: boolean, url: string): Promise<ChaosSeat> {
  const way = await openWay(url, linked ? { through: soraThrough } : undefined);
  const options: SoraOptions = {
    signalingUrls: [way.url],
    channelId,
    role: "sendrecv",
    dataChannelSignaling: !linked,
    ignoreDisconnectWebsocket: !linked && index % 2 === 0,
    dataChannels: [{ label: LABEL, direction: "sendrecv" }],
  };
  const connection = connect(sora(options));
  const bot = new ChaosBot(`bot ${index}`, connection, {
    send: (text) => connection.send(LABEL, text),
    resumes: false,
  });
  connection.on("dataChannel", () => bot.opened());
  connection.on("message", (_label, data) => bot.take(Buffer.from(data).toString()));
  return { bot, way };
}
