import { writeFile } from "node:fs/promises";
import { AudioSink, connect, TroupeError } from "../../../index.ts";
import { Engine } from "../../../native/index.ts";
import { monotonicMs } from "../../../testing/index.ts";
import { type SoraConnection, sora } from "../../../transports/sora/index.ts";
import { serveBench } from "../childProcess.ts";
import { SAMPLE_RATE } from "./speech.ts";

const frames: Int16Array[] = [];
const timesMs: number[] = [];
let lost: string | undefined;
let connection: SoraConnection | undefined;

serveBench({
  async join({ signalingUrl, channelId }: { signalingUrl: string; channelId: string }) {
    connection = connect(sora({ signalingUrls: [signalingUrl], channelId, role: "recvonly" }));
    connection.on("track", (track) => {
      new AudioSink(track, { sampleRate: SAMPLE_RATE }).on("frame", ({ pcm }) => {
        timesMs.push(monotonicMs());
        frames.push(pcm.slice());
      });
    });
    // Another connection would be another receiver, with other figures.
    connection.on("reconnecting", (reason) => {
      lost = reason;
    });
    await connection.connected();
  },
  async stats() {
    if (lost !== undefined) throw new TroupeError("CLOSED", `The connection was lost: ${lost}`);
    return connection!.getStats();
  },
  /** Writes what was heard; see {@link readHeard}. */
  async take({ path }: { path: string }) {
    await writeFile(`${path}.pcm`, Buffer.concat(frames.splice(0).map((pcm) => new Uint8Array(pcm.buffer))));
    await writeFile(`${path}.times`, new Uint8Array(Float64Array.from(timesMs.splice(0)).buffer));
  },
  async stop() {
    await connection?.disconnect();
    Engine.stop();
  },
});
