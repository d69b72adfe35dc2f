import { SignJWT } from "jose";
import { type Connection, connect } from "../../../connection/index.ts";
import { AudioSink, AudioSource } from "../../../media/index.ts";
import { livekit } from "../../../transports/livekit/index.ts";
import { sora } from "../../../transports/sora/index.ts";
import { synthesizeVoice } from "../voiceSignal.ts";
import { Arrivals } from "./Arrivals.ts";

/** Of scripts/livekit-server.sh. */
const API_KEY = "devkey";
const API_SECRET = new TextEncoder().encode("secret");

const RATE = 48_000;

/** Where a bot talks. */
export interface Place {
  transport: "sora" | "livekit";
  url: string;
  /** The stage's secret. */
  secret: string;
}

/** A bot that talks all the while, and listens to everybody. */
export class Talker {
  readonly arrivals: Arrivals;
  /** How often the connection was lost. */
  losses = 0;
  readonly #connection: Connection;
  readonly #source = new AudioSource({ sampleRate: RATE, channels: 1 });
  readonly #sinks: AudioSink[] = [];

  private constructor(connection: Connection) {
    this.#connection = connection;
    this.arrivals = new Arrivals(connection);
    connection.on("track", (track) => this.#sinks.push(new AudioSink(track)));
    connection.on("reconnecting", () => {
      this.losses += 1;
    });
    connection.publish(this.#source, { dtx: false } as object);
    void this.#talk();
  }

  /** @param onState called with each state on the way. */
  static async join(
    place: Place,
    identity: string,
    onState: (state: string) => void = () => {},
  ): Promise<Talker> {
    const connection = await connectionTo(place, identity);
    onState(connection.state);
    connection.on("state", onState);
    const talker = new Talker(connection);
    await connection.connected();
    return talker;
  }

  async leave(): Promise<void> {
    this.arrivals.close();
    await this.#connection.disconnect();
    for (const sink of this.#sinks) sink.close();
    this.#source.close();
  }

  async #talk(): Promise<void> {
    const voice = synthesizeVoice(RATE, 10);
    const piece = RATE / 50;
    for (let at = 0; ; at = (at + piece) % (voice.length - piece)) {
      try {
        await this.#source.write(voice.subarray(at, at + piece));
      } catch {
        return;
      }
    }
  }
}

async function connectionTo({ transport, url, secret }: Place, identity: string): Promise<Connection> {
  if (transport === "sora") {
    const metadata = { access_token: secret };
    return connect(sora({ signalingUrls: [url], channelId: "network", role: "sendrecv", metadata }));
  }
  const token = await new SignJWT({ video: { roomJoin: true, room: "network" } })
    .setProtectedHeader({ alg: "HS256" })
    .setIssuer(API_KEY)
    .setSubject(identity)
    .setExpirationTime("1h")
    .sign(API_SECRET);
  return connect(livekit({ url, token }));
}
