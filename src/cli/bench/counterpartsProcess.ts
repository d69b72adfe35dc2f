import { type AudioProducer, AudioSink, type Connection, connect } from "../../index.ts";
import { Engine, EngineReceiver } from "../../native/index.ts";
import { sora } from "../../transports/sora/index.ts";
import { serveBench } from "./childProcess.ts";
import { ClickEar } from "./clicks.ts";
import { encodedVoice } from "./encodedVoice.ts";
import { OPUS } from "./opus.ts";
import { synthesizeVoice } from "./voiceSignal.ts";

/** One counterpart in so many decodes what it hears; the others only receive. */
const DECODE_ONE_IN = 10;

const connections: Connection[] = [];
const ears: ClickEar[] = [];
let voice: AudioProducer | undefined;

serveBench({
  /** Joins `channels`, each as a party that plays packets encoded before and hears. */
  async join({
    signalingUrl,
    channels,
    listen,
  }: {
    signalingUrl: string;
    channels: string[];
    listen: boolean;
  }) {
    voice ??= encodedVoice(synthesizeVoice(48_000, 4));
    for (const [index, channelId] of channels.entries()) {
      const connection = connect(sora({ signalingUrls: [signalingUrl], channelId, role: "sendrecv" }));
      const ear = listen || index % DECODE_ONE_IN === 0 ? new ClickEar() : undefined;
      if (ear && listen) ears.push(ear);
      connection.on("track", (track) => {
        if (ear) new AudioSink(track, { sampleRate: 16_000 }).on("frame", (frame) => ear.hear(frame));
      });
      connection.publish(voice, OPUS);
      await connection.connected();
      connections.push(connection);
    }
  },
  async heardClicks() {
    return ears.map((ear) => ear.heardUs);
  },
  /** The longest gap between two packets of each bot since the last call, in ms. */
  async longestGapsMs(): Promise<number[]> {
    return connections
      .flatMap((connection) => connection.tracks)
      .map(({ producer }) => (producer instanceof EngineReceiver ? producer.takeLongestGapUs() / 1000 : 0));
  },
  async cpu() {
    return process.cpuUsage();
  },
  async stop() {
    await Promise.allSettled(connections.map((connection) => connection.disconnect()));
    Engine.stop();
  },
});
