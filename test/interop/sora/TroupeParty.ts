import { AudioSink, AudioSource, connect } from "troupe";
import { type SoraConnection, type SoraOptions, sora } from "troupe/sora";
import { type Party, type PartyEvent, PartyEvents } from "./Party.ts";
import { join16, mix16, SAMPLE_RATE } from "./sound.ts";

const FRAME = SAMPLE_RATE / 50;
const MAXIMUM_HEARD_FRAMES = 60 * 100;

/** A client of ours. */
export class TroupeParty implements Party {
  readonly name: string;
  readonly connection: SoraConnection;
  readonly #events: PartyEvents;
  readonly #source: AudioSource | undefined;
  readonly #ears: { sink: AudioSink; heard: Int16Array[] }[] = [];
  #playing = new AbortController();

  private constructor(name: string, options: SoraOptions) {
    this.name = name;
    this.#events = new PartyEvents(name);
    if (options.role !== "recvonly") {
      this.#source = new AudioSource({ sampleRate: SAMPLE_RATE, channels: 1, capacityMs: 200 });
    }
    this.connection = connect(sora({ ...options, audioSource: this.#source }));
    this.#listen();
  }

  /** Starts to join; how that goes is in its events. */
  static start(name: string, options: SoraOptions): TroupeParty {
    return new TroupeParty(name, options);
  }

  static async join(name: string, options: SoraOptions): Promise<TroupeParty> {
    const party = TroupeParty.start(name, options);
    await party.connection.connected();
    return party;
  }

  get events(): readonly PartyEvent[] {
    return this.#events.all;
  }

  until(what: string, fits: (event: PartyEvent) => boolean): Promise<PartyEvent> {
    return this.#events.until(what, fits);
  }

  async play(pcm: Int16Array, loop: boolean): Promise<void> {
    this.#playing.abort();
    this.#playing = new AbortController();
    this.#source?.clear();
    void this.#feed(pcm, loop, this.#playing.signal);
  }

  async clear(): Promise<void> {
    for (const { heard } of this.#ears) heard.length = 0;
  }

  async heard(): Promise<Int16Array> {
    return mix16(...this.#ears.map(({ heard }) => join16(...heard)));
  }

  async send(label: string, text: string): Promise<void> {
    await this.connection.send(label, text);
  }

  async stats(): Promise<{ type: string; [member: string]: unknown }[]> {
    return this.connection.getStats();
  }

  async leave(): Promise<void> {
    await this.close();
  }

  async close(): Promise<void> {
    this.#playing.abort();
    await this.connection.disconnect();
    for (const { sink } of this.#ears.splice(0)) sink.close();
    this.#source?.close();
  }

  async #feed(pcm: Int16Array, loop: boolean, signal: AbortSignal): Promise<void> {
    try {
      do {
        for (let at = 0; at < pcm.length && !signal.aborted; at += FRAME) {
          await this.#source?.write(pcm.slice(at, at + FRAME));
        }
      } while (loop && !signal.aborted);
    } catch (error) {
      if (!signal.aborted) this.#events.push({ event: "error", message: String(error) });
    }
  }

  #listen(): void {
    const { connection } = this;
    const push = (event: string, fields: object) => this.#events.push({ event, ...fields });
    connection.on("offer", ({ connection_id }) => push("offer", { connection_id }));
    connection.on("notify", (message) =>
      push("notify", { message, own: message.connection_id === connection.connectionId }),
    );
    connection.on("push", (message) => push("push", { message }));
    connection.on("signalingMessage", (_path, direction, raw) =>
      push("signaling", { direction, message: JSON.parse(raw) }),
    );
    connection.on("switched", (message) => push("switched", { message }));
    connection.on("wsClose", (code, reason) => push("ws_close", { code, reason }));
    connection.on("dataChannel", (label) => push("data_channel", { label }));
    connection.on("channelMessage", ({ label, data, senderConnectionId }) =>
      push("message", { label, data: data.toString("base64"), sender: senderConnectionId }),
    );
    connection.on("disconnected", (code, reason) =>
      push("disconnect", { code: connection.errorCode, message: `${code} ${reason}` }),
    );
    connection.on("track", (track) => {
      push("track", { kind: track.kind, stream_id: track.senderId });
      const sink = new AudioSink(track, { sampleRate: SAMPLE_RATE, channels: 1 });
      const heard: Int16Array[] = [];
      this.#ears.push({ sink, heard });
      sink.on("frame", ({ pcm }) => {
        heard.push(pcm.slice());
        if (heard.length > MAXIMUM_HEARD_FRAMES) heard.shift();
      });
    });
  }
}
