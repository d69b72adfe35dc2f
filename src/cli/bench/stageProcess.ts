import { Stage } from "../../stage/index.ts";
import { serveBench } from "./childProcess.ts";

let stage: Stage | undefined;

serveBench({
  async start() {
    stage = await Stage.start({ limits: { connections: 1000, channels: 1000, connectionsPerChannel: 100 } });
    return { signalingUrl: stage.signalingUrl };
  },
  async stop() {
    await stage?.close();
  },
  async usage() {
    const { user, system } = process.cpuUsage();
    return { cpuMs: (user + system) / 1000, rssBytes: process.memoryUsage.rss() };
  },
  async cpu() {
    return process.cpuUsage();
  },
});
