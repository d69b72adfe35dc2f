import { AudioSink, AudioSource, connect, type StatsEntry } from "../../../index.ts";
import { Engine } from "../../../native/index.ts";
import { livekit } from "../../../transports/livekit/index.ts";
import { EXPECTED_LOSS_PERCENT, PUBLISHED } from "./published.ts";
import {
  CAPACITY_MS,
  HEARD_FRAME_MS,
  HEARD_RATE,
  type ReceivedPackets,
  type RoomBot,
  type RoomClient,
  type Seat,
  serveRoomBots,
  sumOf,
  WRITTEN_RATE,
} from "./roomBots.ts";

const client: RoomClient = {
  async join({ url, token, complexity }: Seat, hear): Promise<RoomBot> {
    const source = new AudioSource({ sampleRate: WRITTEN_RATE, channels: 1, capacityMs: CAPACITY_MS });
    const connection = connect(livekit({ url, token }));
    connection.on("trackSubscribed", (track) => {
      const sink = new AudioSink(track, { sampleRate: HEARD_RATE, channels: 1, frameMs: HEARD_FRAME_MS });
      sink.on("frame", ({ pcm, concealed }) => hear(pcm, concealed));
    });
    connection.publish(source, { ...PUBLISHED, complexity, expectedLossPercent: EXPECTED_LOSS_PERCENT });
    await connection.connected();
    return {
      write: (pcm) => source.write(pcm),
      packets: async () => packetsOf(connection.getStats()),
      async leave() {
        await connection.disconnect();
        source.close();
      },
    };
  },
  async stop() {
    Engine.stop();
  },
};

serveRoomBots(client);

function packetsOf(stats: StatsEntry[]): ReceivedPackets {
  const inbound = stats.filter(({ type }) => type === "inbound-rtp");
  return sumOf(
    inbound.map(({ packetsReceived, packetsLost, concealedSamples, totalSamplesReceived }) => ({
      received: Number(packetsReceived),
      lost: Number(packetsLost),
      concealed: Number(concealedSamples),
      samples: Number(totalSamplesReceived),
    })),
  );
}
