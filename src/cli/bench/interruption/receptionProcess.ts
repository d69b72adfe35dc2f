import { startReception } from "../../../../agents/reception/index.ts";
import { Engine } from "../../../native/index.ts";
import { Stage } from "../../../stage/index.ts";
import { Resources } from "../../Resources.ts";
import { serveBench } from "../childProcess.ts";

const resources = new Resources();

serveBench({
  /** A stage with the demo's bot in a channel. */
  async start({ channelId }: { channelId: string }) {
    const stage = resources.use(await Stage.start());
    resources.use(await startReception({ signalingUrl: stage.signalingUrl, channelId }));
    return { signalingUrl: stage.signalingUrl };
  },
  async stop() {
    await resources[Symbol.asyncDispose]();
    Engine.stop();
  },
});
