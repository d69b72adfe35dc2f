import { SignJWT } from "jose";
import { connect } from "../../index.ts";
import { type CallerLine, nextTrack, type OpenLine } from "../../testing/index.ts";
import { type LiveKitConnection, livekit } from "../../transports/livekit/index.ts";
import { LiveKitServer } from "../bench/livekit/LiveKitServer.ts";
import { Resources } from "../Resources.ts";
import type { OpenPlace } from "./place.ts";

const ROOM = "reception";
const TOPIC = "troupe";
const AVATAR_TOPIC = "avatar";
/** Of a livekit-server for development. */
const DEVELOPMENT = { key: "devkey", secret: "secret" };
const TOKEN_TIME = "1h";

/** A room of the livekit-server that LIVEKIT_URL names, else of one that is built and started here. */
export const openLiveKitPlace: OpenPlace = async (startBot) => {
  await using resources = new Resources();
  const {
    LIVEKIT_URL,
    LIVEKIT_API_KEY = DEVELOPMENT.key,
    LIVEKIT_API_SECRET = DEVELOPMENT.secret,
  } = process.env;
  const url = LIVEKIT_URL ?? (await startServer(resources));
  const join = async (identity: string, signal?: AbortSignal) => {
    const token = await tokenFor(identity, LIVEKIT_API_KEY, LIVEKIT_API_SECRET);
    return connect(livekit({ url, token }), signal ? { signal } : {});
  };
  const bot = await join("reception");
  const sendFrame = (frame: Uint8Array) =>
    bot.data.publishData(frame, { topic: AVATAR_TOPIC, reliable: false });
  const messages = { ...messagesOf(bot), sendFrame };
  resources.use(await startBot({ connection: bot, channelId: ROOM, messages }));
  const open = resources.move();
  return {
    description: `The reception bot is in room "${ROOM}" of ${url}`,
    caller: { line: liveKitLine((signal) => join("caller", signal)) },
    invitation: undefined,
    [Symbol.asyncDispose]: () => open[Symbol.asyncDispose](),
  };
};

async function startServer(resources: Resources): Promise<string> {
  const server = await LiveKitServer.start();
  resources.defer(() => server.kill());
  return server.url;
}

function liveKitLine(join: (signal: AbortSignal) => Promise<LiveKitConnection>): OpenLine {
  return async (source, signal): Promise<CallerLine> => {
    const connection = await join(signal);
    connection.publish(source);
    const [track] = await Promise.all([nextTrack(connection), connection.connected()]);
    return {
      track,
      ...messagesOf(connection),
      disconnected: () => connection.disconnected(),
      disconnect: () => connection.disconnect(),
    };
  };
}

/** Reliable data packets of one topic. */
function messagesOf(connection: LiveKitConnection): Pick<CallerLine, "send" | "onMessage"> {
  return {
    send: (text) => connection.data.publishData(text, { topic: TOPIC }),
    onMessage: (listener) =>
      void connection.on("dataReceived", ({ data, topic }) => {
        if (topic === TOPIC) listener(data);
      }),
  };
}

function tokenFor(identity: string, key: string, secret: string): Promise<string> {
  return new SignJWT({ video: { roomJoin: true, room: ROOM } })
    .setProtectedHeader({ alg: "HS256" })
    .setIssuer(key)
    .setSubject(identity)
    .setExpirationTime(TOKEN_TIME)
    .sign(new TextEncoder().encode(secret));
}
