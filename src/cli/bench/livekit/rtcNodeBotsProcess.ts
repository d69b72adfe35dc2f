// The bots that ours are compared with, on LiveKit's own SDK for Node, which is installed for development alone.
import {
  AudioFrame,
  AudioSource,
  AudioStream,
  dispose,
  LocalAudioTrack,
  type RemoteTrack,
  Room,
  RoomEvent,
  TrackKind,
  TrackPublishOptions,
  TrackSource,
} from "@livekit/rtc-node";
import { PUBLISHED } from "./published.ts";
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

type Hear = Parameters<RoomClient["join"]>[1];

const client: RoomClient = {
  async join({ url, token }: Seat, hear): Promise<RoomBot> {
    const room = new Room();
    room.on(RoomEvent.TrackSubscribed, (track) => {
      if (track.kind === TrackKind.KIND_AUDIO) void listen(track, hear);
    });
    await room.connect(url, token, { autoSubscribe: true, dynacast: false });
    const source = new AudioSource(WRITTEN_RATE, 1, CAPACITY_MS);
    const track = LocalAudioTrack.createAudioTrack(PUBLISHED.name, source);
    const options = new TrackPublishOptions({
      source: TrackSource.SOURCE_MICROPHONE,
      dtx: PUBLISHED.dtx,
      red: PUBLISHED.red,
      audioEncoding: { maxBitrate: BigInt(PUBLISHED.bitRate) },
    });
    await room.localParticipant?.publishTrack(track, options);
    return {
      // It reads the whole buffer under an array, whatever part of it the array shows.
      write: (pcm) => source.captureFrame(new AudioFrame(pcm.slice(), WRITTEN_RATE, 1, pcm.length)),
      packets: () => packetsOf(room),
      async leave() {
        await room.disconnect();
        await source.close();
      },
    };
  },
  stop: dispose,
};

serveRoomBots(client);

async function listen(track: RemoteTrack, hear: Hear): Promise<void> {
  const options = { sampleRate: HEARD_RATE, numChannels: 1, frameSizeMs: HEARD_FRAME_MS };
  for await (const { data } of new AudioStream(track, options)) hear(data, false);
}

async function packetsOf(room: Room): Promise<ReceivedPackets> {
  const { publisherStats, subscriberStats } = await room.getRtcStats();
  // One peer connection carries both directions, and its figures are all the publisher's.
  const inbound = [...publisherStats, ...subscriberStats].flatMap(({ stats }) =>
    stats.case === "inboundRtp" ? [stats.value] : [],
  );
  return sumOf(
    inbound.map(({ received, inbound: heard }) => ({
      received: Number(received?.packetsReceived ?? 0),
      lost: Number(received?.packetsLost ?? 0),
      concealed: Number(heard?.concealedSamples ?? 0),
      samples: Number(heard?.totalSamplesReceived ?? 0),
    })),
  );
}
