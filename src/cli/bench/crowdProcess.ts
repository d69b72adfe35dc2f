// Many connections to one stage that decode nothing: the load of a bench of the stage itself.
import { setTimeout as pause } from "node:timers/promises";
import { type AudioProducer, type Connection, connect } from "../../index.ts";
import { Engine } from "../../native/index.ts";
import { sora } from "../../transports/sora/index.ts";
import { serveBench } from "./childProcess.ts";
import { encodedVoice } from "./encodedVoice.ts";
import { OPUS } from "./opus.ts";
import { synthesizeVoice } from "./voiceSignal.ts";

const JOINS_AT_ONCE = 8;
/** By then everything that was sent has come, or never will. */
const SETTLE_MS = 1_000;

const connections: Connection[] = [];
let voice: AudioProducer | undefined;

interface CrowdRequest {
  signalingUrl: string;
  channels: number;
  membersPerChannel: number;
  speakersPerChannel: number;
}

serveBench({
  async join({ signalingUrl, channels, membersPerChannel, speakersPerChannel }: CrowdRequest) {
    voice ??= encodedVoice(synthesizeVoice(48_000, 4));
    const seats = Array.from({ length: channels * membersPerChannel }, (_, index) => ({
      channelId: `crowd-${Math.floor(index / membersPerChannel)}`,
      speaks: index % membersPerChannel < speakersPerChannel,
    }));
    const joinNext = async () => {
      for (let seat = seats.shift(); seat; seat = seats.shift()) {
        const role = seat.speaks ? "sendrecv" : "recvonly";
        const connection = connect(
          sora({ signalingUrls: [signalingUrl], channelId: seat.channelId, role, reconnect: false }),
        );
        if (seat.speaks && voice) connection.publish(voice, OPUS).setMuted(true);
        await connection.connected();
        connections.push(connection);
      }
    };
    await Promise.all(Array.from({ length: JOINS_AT_ONCE }, joinNext));
  },
  /** Lets those who speak speak for so long; when it is answered, nothing is under way any more. */
  async speak({ seconds }: { seconds: number }) {
    for (const track of connections.flatMap(({ localTracks }) => localTracks)) track.setMuted(false);
    await pause(seconds * 1000);
    for (const track of connections.flatMap(({ localTracks }) => localTracks)) track.setMuted(true);
    await pause(SETTLE_MS);
  },
  /** What all of them have got and sent by now. */
  async totals() {
    const totals = { connected: 0, received: 0, sent: 0 };
    for (const connection of connections) {
      if (connection.state.startsWith("connected")) totals.connected += 1;
      for (const entry of await connection.getStats()) {
        if (entry.type === "inbound-rtp") {
          totals.received += Number(entry.packetsReceived);
        }
        if (entry.type === "outbound-rtp") totals.sent += Number(entry.packetsSent);
      }
    }
    return totals;
  },
  async stop() {
    await Promise.allSettled(connections.map((connection) => connection.disconnect()));
    Engine.stop();
  },
});
