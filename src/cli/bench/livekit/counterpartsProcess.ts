import { type AudioProducer, type Connection, connect } from "../../../index.ts";
import { Engine } from "../../../native/index.ts";
import { livekit } from "../../../transports/livekit/index.ts";
import { serveBench } from "../childProcess.ts";
import { encodedVoice } from "../encodedVoice.ts";
import { OPUS } from "../opus.ts";
import { synthesizeVoice } from "../voiceSignal.ts";
import { EXPECTED_LOSS_PERCENT, PUBLISHED } from "./published.ts";
import type { Seat } from "./roomBots.ts";

const SAMPLE_RATE = 48_000;
const VOICE_SECONDS = 4;

const connections: Connection[] = [];
const voice = synthesizeVoice(SAMPLE_RATE, VOICE_SECONDS);
let producer: AudioProducer | undefined;

serveBench({
  /** Takes each seat, as a party that plays packets encoded before, and receives without decoding. */
  async join({ seats }: { seats: Seat[] }) {
    producer ??= encodedVoice(voice);
    for (const { url, token } of seats) {
      const connection = connect(livekit({ url, token }));
      connection.publish(producer, PUBLISHED);
      await connection.connected();
      connections.push(connection);
    }
  },
  /** How many packets of bots came so far. */
  async packetsReceived(): Promise<number> {
    return connections
      .flatMap((connection) => connection.getStats())
      .reduce((sum, entry) => sum + (entry.type === "inbound-rtp" ? Number(entry.packetsReceived) : 0), 0);
  },
  /** What libopus takes by itself for one such voice, in percent of a core, on this machine in this minute. */
  async encoderAlone({ complexity }: { complexity: number }): Promise<number> {
    const encoding = { ...OPUS, expectedLossPercent: EXPECTED_LOSS_PERCENT };
    const before = process.threadCpuUsage();
    Engine.shared().encodeOpus(voice, { sampleRate: SAMPLE_RATE, ...encoding, complexity });
    const { user, system } = process.threadCpuUsage(before);
    return (user + system) / 1e4 / VOICE_SECONDS;
  },
  async cpu() {
    return process.cpuUsage();
  },
  async stop() {
    await Promise.allSettled(connections.map((connection) => connection.disconnect()));
    Engine.stop();
  },
});
