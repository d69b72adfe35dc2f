import { type AudioProducer, type AudioSource, connect, type RemoteTrack, TroupeError } from "../index.ts";
import type { AudioConnectorCaller } from "../stage/index.ts";
import { sora } from "../transports/sora/index.ts";
import { nextTrack } from "./mouthToEar.ts";

/** How a scripted caller is connected: whom it hears, and what goes back and forth besides audio. */
export interface CallerLine {
  /** The bot's voice. */
  readonly track: AudioProducer;
  onMessage(listener: (message: Uint8Array | string) => void): void;
  send(message: Uint8Array | string): Promise<void>;
  /** Resolves once the call is over, however. */
  disconnected(): Promise<void>;
  disconnect(): Promise<void>;
}

/**
 * Calls, sending what the source plays; resolves once somebody is there to be heard, and gives up for good when the
 * signal aborts.
 */
export type OpenLine = (source: AudioSource, signal: AbortSignal) => Promise<CallerLine>;

const LABEL = "#troupe";

/** A line into a Sora channel. */
export function soraLine(options: { signalingUrl: string; channelId: string; metadata?: unknown }): OpenLine {
  const { signalingUrl, channelId, metadata } = options;
  return async (source, signal) => {
    const connection = connect(
      sora({
        signalingUrls: [signalingUrl],
        channelId,
        metadata,
        role: "sendrecv",
        audioSource: source,
        dataChannels: [{ label: LABEL, direction: "sendrecv", ordered: true }],
      }),
      { signal },
    );
    let track: RemoteTrack;
    try {
      [track] = await Promise.all([nextTrack(connection), connection.connected()]);
    } catch (error) {
      await connection.disconnect();
      throw error;
    }
    return {
      track,
      onMessage: (listener) =>
        void connection.on("message", (label, data) => {
          if (label === LABEL) listener(data);
        }),
      send: (message) => connection.send(LABEL, message),
      disconnected: () => connection.disconnected(),
      disconnect: () => connection.disconnect(),
    };
  };
}

/**
 * A line of Vonage's Audio Connector: `dial` calls a server as Vonage does, and gives up with the signal.
 *
 * @example
 * const line = audioConnectorLine((signal) => AudioConnectorCaller.dial({ url, signal }));
 */
export function audioConnectorLine(dial: (signal: AbortSignal) => Promise<AudioConnectorCaller>): OpenLine {
  return async (source, signal) => {
    const caller = await dial(signal);
    if (signal.aborted) {
      await caller.close();
      throw new TroupeError("CANCELLED", "The call was given up", { cause: signal.reason });
    }
    // Whoever dialled without it does not hear of it.
    const cut = () => caller.drop();
    signal.addEventListener("abort", cut, { once: true });
    void caller.closed().then(() => signal.removeEventListener("abort", cut));
    caller.speak(source);
    return {
      track: caller.heard,
      onMessage: (listener) => void caller.on("message", listener),
      send: async (message) => caller.sendText(Buffer.from(message).toString()),
      disconnected: async () => void (await caller.closed()),
      disconnect: () => caller.hangUp(),
    };
  };
}
