import {
  AudioMixer,
  AudioSource,
  type Connection,
  connect,
  type MixerInput,
  type OpusParameters,
  type RemoteTrack,
} from "troupe";
import { inspectActors, startActor, stateName, watchActor } from "troupe/actors";
import {
  Ears,
  FliteVoice,
  Mouth,
  Pocketsphinx,
  type SpeechOutput,
  type SpeechToText,
  type TextToSpeech,
  TurnTaking,
} from "troupe/agent";
import { type AvatarSession, AvatarSource } from "troupe/avatar";
import { sora } from "troupe/sora";
import { FeedPublisher } from "troupe/stage";
import type { Actor, SnapshotFrom } from "xstate";
import { z } from "zod";
import { RECEPTION_GRAMMAR } from "./dialogue.ts";
import { receptionMachine } from "./reception.machine.ts";
import { playRoomTone } from "./roomTone.ts";

/** A channel of Sora, or of the stage. */
interface SoraPlace {
  /** `ws://127.0.0.1:5000/signaling` */
  signalingUrl: string;
  channelId: string;
  /** Metadata of the connection, such as `{ access_token }` for a stage with a secret. */
  metadata?: unknown;
  connection?: undefined;
}

/** A connection of any transport, begun and with nothing published; the reception ends it. */
interface ConnectedPlace {
  connection: AnyConnection;
  /** How it is named to the stage's page. */
  channelId: string;
  /** What goes back and forth besides audio. */
  messages: ReceptionMessages;
  /** Drops what the far side holds and has not played, where there is such a buffer: it has been interrupted. */
  flush?: () => void;
  /** How what it says is encoded, where the transport takes that. */
  opus?: Partial<OpusParameters>;
}

/** Texts between the reception and those who are there. */
interface ReceptionMessages {
  send(text: string): Promise<void>;
  onMessage(listener: (message: Uint8Array | string) => void): void;
  /** Sends a frame of the avatar's, where there is a way for it. */
  sendFrame?(frame: Uint8Array): Promise<void>;
}

type AnyConnection = Pick<
  Connection,
  "connected" | "disconnect" | "disconnected" | "on" | "publish" | "state" | "tracks"
>;

export type ReceptionOptions = (SoraPlace | ConnectedPlace) & {
  /** Where the stage's page learns of this bot's actors and its transcript; see `Stage.feedUrl`. */
  feedUrl?: string;
  /** Replace the local voice and recogniser. */
  voice?: TextToSpeech;
  recognizer?: SpeechToText;
  /** A face to speak through, started; its owner closes it. Its frames go where the texts go. */
  avatar?: AvatarSession;
};

/** What the bot sends on its data channel. */
type ReceptionMessage =
  | { type: "transcript"; who: "caller" | "bot"; text: string; final: boolean; at: number }
  | { type: "speech"; on: boolean }
  | { type: "state"; value: string };

const LABEL = "#troupe";
const AVATAR_LABEL = "#avatar";
const SAMPLE_RATE = 16_000;
const TONE_GAIN = 0.6;
const TONE_GAIN_DUCKED = 0.15;
const DUCK_MS = 120;
const MUTE_MS = 10;
const MAXIMUM_MESSAGE_BYTES = 16_384;

const commandSchema = z.object({
  type: z.literal("command"),
  name: z.enum(["stop", "repeat", "say"]),
  text: z.string().max(500).optional(),
});

/**
 * Starts the reception and resolves when it is in the channel.
 *
 * @example
 * const reception = await startReception({ signalingUrl: stage.signalingUrl, channelId: "reception" });
 */
export async function startReception(options: ReceptionOptions): Promise<Reception> {
  const reception = new Reception(options);
  try {
    await reception.connection.connected();
    return reception;
  } catch (error) {
    await reception.close();
    throw error;
  }
}

/** A bot at the counter: hears orders, answers aloud over a quiet room tone, yields to whoever speaks. */
class Reception {
  readonly connection: AnyConnection;
  readonly #messages: ReceptionMessages;
  readonly #recognizer: SpeechToText;
  readonly #mouth: Mouth<SpeechOutput>;
  readonly #face: AvatarSource | undefined;
  readonly #turns: TurnTaking;
  readonly #mixer = new AudioMixer({ sampleRate: SAMPLE_RATE });
  readonly #tone = new AudioSource({ sampleRate: SAMPLE_RATE, capacityMs: 2_000 });
  readonly #voiceInput: MixerInput;
  readonly #toneInput: MixerInput;
  readonly #actor: Actor<typeof receptionMachine>;
  readonly #guests = new Map<string, Ears>();
  readonly #channelId: string;
  readonly #feed: FeedPublisher | undefined;
  readonly #offs: (() => void)[] = [];
  #state = "";
  #closing: Promise<void> | undefined;

  constructor(options: ReceptionOptions) {
    const { channelId, feedUrl, avatar, voice = new FliteVoice({ voice: "slt" }) } = options;
    // First what may throw: there is nothing to free then.
    const join = options.connection ? () => options : soraPlace(options);
    this.#channelId = channelId;
    this.#recognizer = options.recognizer ?? new Pocketsphinx({ grammar: RECEPTION_GRAMMAR });
    this.#face = avatar && this.#faceOf(avatar, voice);
    this.#mouth = new Mouth<SpeechOutput>({ voice, ...(this.#face && { source: this.#face }) });
    this.#turns = new TurnTaking({ mouth: this.#mouth });
    this.#voiceInput = this.#mixer.add(this.#mouth.source);
    this.#toneInput = this.#mixer.add(this.#tone, { gain: TONE_GAIN });
    this.#actor = this.#startMachine();
    this.#feed = feedUrl === undefined ? undefined : this.#openFeed(feedUrl);
    const { connection, messages, opus, flush } = join();
    this.connection = connection;
    this.#messages = messages;
    this.connection.publish(this.#mixer, opus);
    if (flush) this.#offs.push(this.#turns.on("bargeIn", flush));
    this.#wire();
    // It ends when the source is closed.
    playRoomTone(this.#tone).catch(() => {});
  }

  /** Leaves and frees everything. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#actor.send({ type: "close" });
    for (const off of this.#offs.splice(0)) off();
    for (const ears of this.#guests.values()) ears.close();
    this.#guests.clear();
    this.#turns.close();
    await this.connection.disconnect();
    this.#mouth.close();
    this.#face?.close();
    this.#tone.close();
    this.#mixer.close();
    this.#feed?.close();
  }

  /** What is said through it is heard as its frames come. */
  #faceOf(session: AvatarSession, { sampleRate }: TextToSpeech): AvatarSource {
    return new AvatarSource({ session, sampleRate, render: ({ raw }) => this.#messages?.sendFrame?.(raw) });
  }

  /** The statechart with the mixer, the mouth and the data channel as its effects. */
  #startMachine(): Actor<typeof receptionMachine> {
    const machine = receptionMachine.provide({
      actions: {
        say: ({ context }) => this.#say(context.reply.text),
        hush: () => this.#mouth.interrupt(),
        duck: () => this.#toneInput.setGain(TONE_GAIN_DUCKED, { rampMs: DUCK_MS }),
        raise: () => this.#toneInput.setGain(TONE_GAIN, { rampMs: DUCK_MS }),
        mute: () => this.#voiceInput.setGain(0, { rampMs: MUTE_MS }),
        unmute: () => this.#voiceInput.setGain(1, { rampMs: MUTE_MS }),
        tellSpeech: () => this.#send({ type: "speech", on: true }),
        tellSilence: () => this.#send({ type: "speech", on: false }),
      },
    });
    const actor = startActor(machine, { id: "reception", input: undefined });
    watchActor<SnapshotFrom<typeof receptionMachine>>(actor, ({ value }) => this.#follow(value));
    return actor;
  }

  #wire(): void {
    const { connection } = this;
    connection.on("track", (track) => this.#welcome(track));
    connection.on("trackRemoved", (track) => this.#dismiss(track.key));
    for (const track of connection.tracks) this.#welcome(track);
    this.#messages.onMessage((message) => this.#obey(message));
    this.#offs.push(
      this.#turns.on("turn", (text) => this.#hear(text)),
      this.#mouth.on("started", ({ text }) => {
        this.#actor.send({ type: "voice.started" });
        this.#transcribe("bot", text, true);
      }),
      this.#mouth.on("state", (state) => {
        if (state === "silent") this.#actor.send({ type: "voice.silent" });
      }),
    );
  }

  #welcome(track: RemoteTrack): void {
    if (track.kind !== "audio" || this.#guests.has(track.key)) return;
    const ears = new Ears(track, { recognizer: this.#recognizer });
    this.#guests.set(track.key, ears);
    this.#turns.listen(ears);
    ears.on("speechSuspected", () => this.#actor.send({ type: "speech.suspected" }));
    ears.on("speechDismissed", () => this.#actor.send({ type: "speech.dismissed" }));
    ears.on("speechStarted", () => this.#actor.send({ type: "speech.started" }));
    ears.on("speechStopped", () => this.#actor.send({ type: "speech.stopped" }));
    ears.on("partial", (text) => this.#transcribe("caller", text, false));
    this.#actor.send({ type: "guest.joined" });
    track.producerEvents.on("flow", (flow) => {
      if (flow === "flowing") this.#actor.send({ type: "guest.sounding" });
    });
  }

  #dismiss(key: string): void {
    const ears = this.#guests.get(key);
    if (!ears) return;
    this.#guests.delete(key);
    ears.close();
    this.#actor.send({ type: "guest.left" });
  }

  #hear(text: string): void {
    this.#transcribe("caller", text, true);
    this.#actor.send({ type: "turn", text });
  }

  #obey(data: Uint8Array | string): void {
    const command = readCommand(data);
    if (command?.name === "say" && command.text) this.#hear(command.text);
    else if (command?.name === "stop" || command?.name === "repeat")
      this.#actor.send({ type: `command.${command.name}` });
  }

  #say(text: string): void {
    this.#mouth.say(text).catch((error) => console.error(`reception: ${error.message}`));
  }

  #transcribe(who: "caller" | "bot", text: string, final: boolean): void {
    const message = { type: "transcript" as const, who, text, final, at: Date.now() };
    this.#send(message);
    this.#feed?.publish({ ...message, channel: this.#channelId });
  }

  #follow(value: SnapshotFrom<typeof receptionMachine>["value"]): void {
    const conversation = typeof value === "string" ? value : value.open.conversation;
    const state = stateName(conversation);
    if (state === this.#state) return;
    this.#state = state;
    this.#send({ type: "state", value: state });
  }

  /** A guest without the data channel misses nothing but the text. */
  #send(message: ReceptionMessage): void {
    this.#messages?.send(JSON.stringify(message)).catch(() => {});
  }

  #openFeed(feedUrl: string): FeedPublisher {
    const feed = new FeedPublisher(feedUrl);
    const report = ({ id, machine, state, at }: Parameters<Parameters<typeof inspectActors>[0]>[0]) =>
      feed.publish({ type: "actor", id, machine, state, at });
    this.#offs.push(inspectActors(report));
    return feed;
  }
}

/** What joins the channel, once the options are known to be right. */
function soraPlace({
  signalingUrl,
  channelId,
  metadata,
  avatar,
}: SoraPlace & Pick<ReceptionOptions, "avatar">): () => Pick<
  ConnectedPlace,
  "connection" | "messages" | "opus" | "flush"
> {
  const transport = sora({
    signalingUrls: [signalingUrl],
    channelId,
    role: "sendrecv",
    metadata,
    dataChannels: [
      { label: LABEL, direction: "sendrecv", ordered: true },
      ...(avatar ? [{ label: AVATAR_LABEL, direction: "sendonly" as const }] : []),
    ],
  });
  return () => {
    const connection = connect(transport);
    const messages: ReceptionMessages = {
      send: (text) => connection.send(LABEL, text),
      onMessage: (listener) =>
        void connection.on("message", (label, data) => {
          if (label === LABEL) listener(data);
        }),
      ...(avatar && { sendFrame: (frame) => connection.send(AVATAR_LABEL, frame) }),
    };
    return { connection, messages, opus: { bitRate: 32_000, fec: true, expectedLossPercent: 5 } };
  };
}

/** A command, or nothing for anything else that somebody sends. */
function readCommand(data: Uint8Array | string): z.output<typeof commandSchema> | undefined {
  if (data.length > MAXIMUM_MESSAGE_BYTES) return undefined;
  try {
    return commandSchema.safeParse(JSON.parse(Buffer.from(data).toString())).data;
  } catch {
    return undefined;
  }
}
