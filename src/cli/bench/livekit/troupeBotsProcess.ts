import { AudioSink, AudioSource, connect } from "../../../index.ts";
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
      async packets() {
        const packets: ReceivedPackets = { received: 0, lost: 0, concealed: 0, samples: 0 };
        for (const entry of connection.getStats()) {
          if (entry.type !== "inbound-rtp") continue;
          packets.received += Number(entry.packetsReceived);
          packets.lost += Number(entry.packetsLost);
          packets.concealed += Number(entry.concealedSamples);
          packets.samples += Number(entry.totalSamplesReceived);
        }
        return packets;
      },
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
