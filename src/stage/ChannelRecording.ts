import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Logger, randomId, systemClock, TroupeError, TypedEvents } from "../core/index.ts";
import { type ProducerEvents, Recorder } from "../media/index.ts";
import type { EngineReceiver } from "../native/index.ts";
import type { Member } from "./Member.ts";

/** What stands in the index of a recording, `recording.json`. */
export interface RecordingIndex {
  recording_id: string;
  channel_id: string;
  /** When the recording began, as ISO 8601. */
  started_at: string;
  files: RecordedFile[];
}

interface RecordedFile {
  /** In the folder of the index. */
  file: string;
  connection_id: string;
  client_id: string;
  bundle_id: string;
  /** From when to when it was recorded, in ms since the start: the first sample of the file is at `from_ms`. */
  from_ms: number;
  to_ms: number;
}

interface Track {
  readonly recorder: Recorder;
  readonly events: TypedEvents<ProducerEvents>;
  readonly entry: RecordedFile;
}

/**
 * Records a channel: what each connection says as an Ogg Opus file of its own, and an index that says when each file
 * begins. Names are made here, of random identifiers; nothing that came over the network gets into one.
 */
export class ChannelRecording {
  readonly id: string;
  readonly folder: string;
  readonly #index: RecordingIndex;
  readonly #startedAtUs = systemClock.nowUs();
  readonly #log: Logger;
  readonly #tracks = new Map<EngineReceiver, Track>();
  readonly #ending = new Set<Promise<void>>();
  #error: TroupeError | undefined;

  /** @throws TroupeError INTERNAL when there can be no such folder. */
  static async start(parent: string, channelId: string, log: Logger): Promise<ChannelRecording> {
    const id = randomId();
    const folder = join(parent, id);
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw TroupeError.from("INTERNAL", error, "The folder of a recording can not be made");
    }
    return new ChannelRecording(id, folder, channelId, log);
  }

  private constructor(id: string, folder: string, channelId: string, log: Logger) {
    this.id = id;
    this.folder = folder;
    this.#log = log;
    const started_at = new Date().toISOString();
    this.#index = { recording_id: id, channel_id: channelId, started_at, files: [] };
  }

  /** Sets who is there: newcomers are recorded from now on, and the files of those who left end. */
  follow(members: readonly Member[]): void {
    const speaking = new Map<EngineReceiver, Member>();
    for (const member of members) {
      const sound = member.publications.find(({ kind }) => kind === "audio");
      if (sound && !sound.receiver.closed) speaking.set(sound.receiver, member);
    }
    for (const receiver of this.#tracks.keys()) if (!speaking.has(receiver)) this.#end(receiver);
    for (const [receiver, member] of speaking) if (!this.#tracks.has(receiver)) this.#begin(receiver, member);
  }

  /**
   * Ends every file and writes the index.
   *
   * @throws TroupeError INTERNAL when something could not be written.
   */
  async close(): Promise<RecordingIndex> {
    for (const receiver of this.#tracks.keys()) this.#end(receiver);
    await Promise.all(this.#ending);
    const text = JSON.stringify(this.#index, null, 2);
    await writeFile(join(this.folder, "recording.json"), `${text}\n`).catch((error) => this.#fail(error));
    if (this.#error) throw this.#error;
    return this.#index;
  }

  #begin(receiver: EngineReceiver, { identity }: Member): void {
    const file = `${randomId()}.ogg`;
    const events = new TypedEvents<ProducerEvents>(this.#log);
    const recorder = new Recorder({
      path: join(this.folder, file),
      format: "ogg",
      tracks: [{ producer: receiver, producerEvents: events }],
    });
    recorder.on("failed", (error) => this.#fail(error));
    const entry: RecordedFile = {
      file,
      connection_id: identity.connectionId,
      client_id: identity.clientId,
      bundle_id: identity.bundleId,
      from_ms: this.#msOf(recorder.startedAtUs),
      to_ms: 0,
    };
    this.#index.files.push(entry);
    this.#tracks.set(receiver, { recorder, events, entry });
  }

  #end(receiver: EngineReceiver): void {
    const track = this.#tracks.get(receiver);
    if (!track) return;
    this.#tracks.delete(receiver);
    track.entry.to_ms = this.#msOf(systemClock.nowUs());
    // Its receiver is about to be closed: nothing is to be bound to it then.
    track.events.emit("changed", null);
    const ended = track.recorder
      .close()
      .catch((error) => this.#fail(error))
      .finally(() => this.#ending.delete(ended));
    this.#ending.add(ended);
  }

  #msOf(timeUs: number): number {
    return Math.round((timeUs - this.#startedAtUs) / 1000);
  }

  #fail(cause: unknown): void {
    if (this.#error) return;
    this.#error = TroupeError.from("INTERNAL", cause, "A recording can not be written");
    this.#log.error("a recording can not be written", { recordingId: this.id, error: this.#error });
  }
}
