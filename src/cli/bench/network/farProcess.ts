// The far end of the network bench: the servers, and the bot that is there already.
import { Engine } from "../../../native/index.ts";
import { Stage } from "../../../stage/index.ts";
import { serveBench } from "../childProcess.ts";
import { LiveKitServer } from "../livekit/LiveKitServer.ts";
import { untilAddress } from "./Arrivals.ts";
import { type Place, Talker } from "./talk.ts";

let stage: Stage | undefined;
let server: LiveKitServer | undefined;
let talker: Talker | undefined;

// Also where the near process was killed.
process.on("exit", () => void server?.kill());

serveBench({
  async open({ transport, address, secret }: Omit<Place, "url"> & { address: string }) {
    await untilAddress(address);
    if (transport === "sora") {
      // Those whose network went away are members until the stage has missed them.
      stage = await Stage.start({ host: address, secret, limits: { connectionsPerChannel: 200 } });
    } else server = await LiveKitServer.start({ address });
    const place: Place = { transport, url: stage?.signalingUrl ?? server!.url, secret };
    talker = await Talker.join(place, "far");
    return place;
  },
  async firstAfter({ ms }: { ms: number }) {
    return talker!.arrivals.firstAfter(ms);
  },
  async close() {
    await talker?.leave();
    await stage?.close();
    await server?.kill();
    [talker, stage, server] = [undefined, undefined, undefined];
  },
  async stop() {
    Engine.stop();
  },
});
