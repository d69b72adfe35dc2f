import { AudioSource, connect } from "../../../index.ts";
import { Engine } from "../../../native/index.ts";
import { type SoraConnection, sora } from "../../../transports/sora/index.ts";
import { serveBench } from "../childProcess.ts";
import { EXPECTED_LOSS_PERCENT, OPUS } from "./opus.ts";
import { makeSpeech, SAMPLE_RATE } from "./speech.ts";

const CAPACITY_MS = 2_000;

let source: AudioSource | undefined;
let connection: SoraConnection | undefined;

serveBench({
  async join({ signalingUrl, channelId }: { signalingUrl: string; channelId: string }) {
    source = new AudioSource({ sampleRate: SAMPLE_RATE, channels: 1, capacityMs: CAPACITY_MS });
    connection = connect(sora({ signalingUrls: [signalingUrl], channelId, role: "sendonly" }));
    connection.publish(source, { ...OPUS, expectedLossPercent: EXPECTED_LOSS_PERCENT });
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
