import { logger } from "../../core/index.ts";
import { AudioConnectorCaller } from "../../stage/index.ts";
import { audioConnectorLine } from "../../testing/index.ts";
import {
  type AudioConnectorConnection,
  AudioConnectorServer,
} from "../../transports/audio-connector/index.ts";
import type { OpenPlace, StartBot } from "./place.ts";

const CHANNEL = "reception";
/** Beginnings are busy, and here bot, caller and far side share one event loop: what delays one delays all. */
const DELAYS = { leadMs: 240, receiveDelayMs: 120, heardDelayMs: 120 };

/** A server for calls of the Audio Connector, with a bot for each. */
export const openAudioConnectorPlace: OpenPlace = async (startBot, { port }) => {
  const server = await AudioConnectorServer.start({
    port,
    call: { leadMs: DELAYS.leadMs, receiveDelayMs: DELAYS.receiveDelayMs },
    onConnect: (call) => {
      answer(call, startBot).catch((error) => logger.error("a call was not answered", { error }));
    },
  });
  return {
    description: `The reception bot takes calls of the Audio Connector at ${server.address}`,
    // It says nothing before it hears, as whoever picks up.
    caller: {
      line: audioConnectorLine((signal) =>
        AudioConnectorCaller.dial({
          signal,
          url: server.address,
          quiet: true,
          heardDelayMs: DELAYS.heardDelayMs,
        }),
      ),
    },
    invitation: undefined,
    [Symbol.asyncDispose]: () => server.stop({ drainMs: 0 }),
  };
};

async function answer(call: AudioConnectorConnection, startBot: StartBot): Promise<void> {
  await using _bot = await startBot({
    connection: call,
    channelId: CHANNEL,
    flush: () => call.flush(),
    messages: {
      send: (text) => call.sendJson(text),
      onMessage: (listener) => void call.on("message", (_, data) => listener(data)),
    },
  });
  await call.disconnected();
}
