import { connect } from "troupe";
import { type SoraOptions, sora } from "troupe/sora";
import { ConnectionProxy, NetworkLink, SignallingProxy, soraThrough } from "troupe/testing";
import { type StageProcess, startStage } from "../interop/sora/StageProcess.ts";
import { ChaosBot } from "./ChaosBot.ts";
import { impairAll } from "./outage.ts";
import type { ChaosSeat, ChaosTarget } from "./target.ts";

const LABEL = "#chaos";

/**
 * Bots on a stage. Half of them signal by WebSocket alone, with their media through a link that can fail; the other
 * half move their signalling to data channels, where no proxy can lead media through a link.
 */
export async function startSora(bots: number): Promise<ChaosTarget> {
  let stage: StageProcess = await startStage({ pingIntervalMs: 1000 });
  const port = Number(new URL(stage.signalingUrl).port);
  const closers: (() => Promise<unknown>)[] = [];
  const seats: ChaosSeat[] = [];
  for (let index = 0; index < bots; index += 1) {
    // Pairs alternate, so that both of a pair are of one kind.
    const linked = Math.floor(index / 2) % 2 === 0;
    seats.push(await seat(index, linked, stage.signalingUrl, closers));
  }
  return {
    seats,
    keepsAudioWithoutSignalling: false,
    losesDuringOutages: false,
    async restartServer() {
      await stage.kill();
      stage = await startStage({ port, pingIntervalMs: 1000 });
    },
    async close() {
      await Promise.allSettled(seats.map(({ bot }) => bot.close()));
      for (const close of closers.reverse()) await close();
      await stage.close();
    },
  };
}

async function seat(
  index: number,
  linked: boolean,
  url: string,
  closers: (() => Promise<unknown>)[],
): Promise<ChaosSeat> {
  let through = url;
  let link: NetworkLink | undefined;
  if (linked) {
    const opened = await NetworkLink.open();
    link = opened;
    const signalling = await SignallingProxy.before(url, soraThrough(opened));
    closers.push(
      () => opened.close(),
      () => signalling.close(),
    );
    through = signalling.through(url);
  }
  const proxy = await ConnectionProxy.before(through);
  closers.push(() => proxy.close());
  const options: SoraOptions = {
    signalingUrls: [proxy.through(through)],
    channelId: `chaos-${Math.floor(index / 2)}`,
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
  return {
    bot,
    network: {
      cutSignalling: () => proxy.cut(),
      stallSignalling: () => proxy.stall(),
      slowSignalling: (bytesPerSecond) => proxy.slow(bytesPerSecond),
      resumeSignalling: () => proxy.resume(),
      setOutage: link && ((on) => impairAll(link, on)),
    },
  };
}
