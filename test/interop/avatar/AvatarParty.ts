import { fileURLToPath } from "node:url";
import { type AvatarError, type AvatarOptions, AvatarSession, generateLogId } from "troupe/avatar";
import { Counterpart, ProcessCounterpart } from "../livekit/Counterpart.ts";

/** How a party opens a session, in the words of both SDKs. */
export interface OpenOptions {
  client: { consoleUrl: string; ingressUrl: string; apiKey: string; appId: string };
  avatarId: string;
  useQueryAuth?: boolean;
  sampleRate?: number;
  bitrate?: number;
  audioFormat?: "pcm_s16le" | "ogg_opus";
  /** Length of a packet in ms: PCM is encoded by the SDK. */
  encoder?: 10 | 20 | 40 | 60;
  /** As the Python SDK has it. */
  liveKit?: {
    url: string;
    room_name: string;
    publisher_id: string;
    api_key?: string;
    api_secret?: string;
    api_token?: string;
    extra_attributes?: Record<string, string>;
  };
  agora?: { channel_name: string };
}

export type Opened = { connectionId: string } | { error: { reason: string; phase: string } };

/** The official SDK in a process of its own. */
export function pythonParty(name: string): Counterpart {
  const script = fileURLToPath(new URL("client.py", import.meta.url));
  return ProcessCounterpart.run(name, process.env.AVATAR_PYTHON ?? "python3", ["-u", script]);
}

/** A session of ours, which answers to the same commands. */
export class TroupeAvatarParty extends Counterpart {
  #session: AvatarSession | undefined;

  constructor(name: string) {
    super(name);
  }

  async ask(command: string, args: object = {}): Promise<unknown> {
    if (command === "open") return this.#open(args as OpenOptions);
    if (command === "logId") return generateLogId();
    const session = this.#session!;
    if (command === "interrupt") return session.interrupt();
    if (command === "close") return session.close();
    const { audio, end } = args as { audio: string; end?: boolean };
    return session.sendAudio(Buffer.from(audio, "base64"), { end: end === true });
  }

  async close(): Promise<void> {
    await this.#session?.close();
  }

  async #open(options: OpenOptions): Promise<Opened> {
    try {
      const session = new AvatarSession(ours(options));
      this.#session = session;
      session.on("frame", ({ requestId, last, raw }) =>
        this.push({ event: "frame", requestId, last, bytes: raw.length }),
      );
      session.on("encodedAudio", (requestId, audio) =>
        this.push({ event: "encoded", requestId, bytes: audio.length }),
      );
      session.on("error", (error) => this.push({ event: "error", ...described(error) }));
      session.on("closed", () => this.push({ event: "closed" }));
      return { connectionId: await session.start() };
    } catch (error) {
      return { error: described(error as AvatarError) };
    }
  }
}

function described({ reason, phase, code }: AvatarError): { reason: string; phase: string } {
  return { reason: reason ?? code, phase: phase ?? "" };
}

function ours({ client, encoder, liveKit, agora, ...rest }: OpenOptions): AvatarOptions {
  return {
    ...client,
    ...rest,
    reconnect: false,
    ...(encoder && { oggOpusEncoder: { frameDurationMs: encoder } }),
    ...(liveKit && {
      liveKitEgress: {
        url: liveKit.url,
        roomName: liveKit.room_name,
        publisherId: liveKit.publisher_id,
        apiKey: liveKit.api_key,
        apiSecret: liveKit.api_secret,
        apiToken: liveKit.api_token,
        extraAttributes: liveKit.extra_attributes,
      },
    }),
    ...(agora && { agoraEgress: { channelName: agora.channel_name } }),
  };
}
