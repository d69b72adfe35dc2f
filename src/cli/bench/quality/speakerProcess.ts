import { AudioSource, connect } from "../../../index.ts";
import { Engine } from "../../../native/index.ts";
import { type SoraConnection, sora } from "../../../transports/sora/index.ts";
import { serveBench } from "../childProcess.ts";
import { makeSpeech, SAMPLE_RATE } from "./speech.ts";

/** What the speaker sends: Opus VOIP with in-band FEC for the loss that it is told to expect. */
const OPUS = {
  bitRate: 32_000,
  complexity: 5,
  application: "voip",
  fec: true,
  dtx: false,
  channels: 1,
  frameMs: 20,
};
const CAPACITY_MS = 2_000;

let source: AudioSource | undefined;
let connection: SoraConnection | undefined;

serveBench({
  async join(request: { signalingUrl: string; channelId: string; expectedLossPercent: number }) {
    source = new AudioSource({ sampleRate: SAMPLE_RATE, channels: 1, capacityMs: CAPACITY_MS });
    const { signalingUrl, channelId, expectedLossPercent } = request;
    connection = connect(sora({ signalingUrls: [signalingUrl], channelId, role: "sendonly" }));
    connection.publish(source, { ...OPUS, application: "voip", channels: 1, expectedLossPercent });
    await connection.connected();
  },
  /** Says everything, and answers when it is said. Its first sample is the first of a packet. */
  async speak({ seconds }: { seconds: number }) {
    await source!.write(await makeSpeech(seconds));
    await source!.waitForPlayout();
  },
  async stop() {
    await connection?.disconnect();
    source?.close();
    Engine.stop();
  },
});
