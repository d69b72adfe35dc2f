// Speaks into a channel and listens to itself over a network that loses one packet in ten; says what was heard.
// npm run example impairment ws://127.0.0.1:5000/signaling lobby
import { AudioSink, AudioSource, connect, type RemoteTrack, TroupeError } from "troupe";
import { type SoraConnection, sora } from "troupe/sora";
import {
  alignSegments,
  findGaps,
  generateTone,
  NetworkLink,
  SignallingProxy,
  soraThrough,
} from "troupe/testing";

const [signalingUrl = "ws://127.0.0.1:5000/signaling", channelId = "lobby"] = process.argv.slice(2);
const sampleRate = 16_000;

// The listener's signalling runs through a proxy that leads its media through the link.
await using link = await NetworkLink.open({ toClient: { delayMs: 20 }, toServer: { delayMs: 20 } });
await using proxy = await SignallingProxy.before(signalingUrl, soraThrough(link));
const source = new AudioSource({ sampleRate, capacityMs: 8_000 });
const speaker = connect(
  sora({ signalingUrls: [signalingUrl], channelId, role: "sendonly", audioSource: source }),
);
const listener = connect(sora({ signalingUrls: [proxy.through(signalingUrl)], channelId, role: "recvonly" }));
await Promise.all([listener.connected(), speaker.connected()]);
const heard = record(await trackFrom(speaker.connectionId, listener));

// No media flows yet: from the first packet on, what is lost depends on the seed alone.
await link.impair({ toClient: { delayMs: 20, loss: 0.1, seed: 1 }, toServer: { delayMs: 20 } });
const said = sweep(6);
await source.write(said);
await source.waitForPlayout();

const { rtpPackets, rtpDropped } = (await link.stats()).toClient;
// Of what nobody listens to, such as other bots of the channel, no samples are made.
const stats = (await listener.getStats()).find(
  ({ totalSamplesReceived }) => Number(totalSamplesReceived) > 0,
);
const share = Number(stats?.concealedSamples) / Number(stats?.totalSamplesReceived);
const pcm = heard();
const gaps = findGaps(said, pcm, alignSegments(said, pcm));
console.log(`the network lost ${rtpDropped} of ${rtpPackets} packets`);
console.log(`${(100 * share).toFixed(1)} % of the audio was made up, ${gaps.length} gaps of more than 20 ms`);
await Promise.all([listener.disconnect(), speaker.disconnect()]);
source.close();

/** What one sender sends; others may be in the channel. */
function trackFrom(senderId: string, connection: SoraConnection): Promise<RemoteTrack> {
  const isFrom = (track: RemoteTrack) => track.senderId === senderId;
  const present = connection.tracks.find(isFrom);
  if (present) return Promise.resolve(present);
  return new Promise((resolve, reject) => {
    connection.on("track", (track) => isFrom(track) && resolve(track));
    connection.on("disconnected", (_code, reason) => reject(new TroupeError("CLOSED", reason)));
  });
}

/** A tone that rises every 100 ms, so that every moment of it is like no other. */
function sweep(seconds: number): Int16Array {
  const tones = Array.from({ length: seconds * 10 }, (_, at) =>
    generateTone({ frequency: 200 + 40 * at, sampleRate, durationMs: 100 }),
  );
  return Int16Array.from(tones.flatMap((tone) => [...tone]));
}

/** Keeps what a track plays; the function gives all of it. */
function record(from: RemoteTrack): () => Int16Array {
  const frames: Int16Array[] = [];
  new AudioSink(from, { sampleRate }).on("frame", (frame) => frames.push(frame.pcm.slice()));
  return () => Int16Array.from(frames.flatMap((frame) => [...frame]));
}
