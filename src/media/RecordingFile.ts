import { type FileHandle, open } from "node:fs/promises";
import { loadBinding, type NativeObject } from "../native/index.ts";
import { RECORDING_HEADER_BYTES, recordingHeader } from "./wav.ts";

/** Silence is encoded in pieces of this many samples per channel. */
const SILENT_PIECE = 8_000;

/** What a file of a recording is made with. */
export interface RecordingFormat {
  path: string;
  /** Hz */
  sampleRate: number;
  channels: number;
}

/** Where a recorder's samples go. Calls come one after the other; none of them blocks the event loop. */
export interface RecordingFile {
  open(): Promise<void>;
  /** Interleaved samples, behind what is there. */
  append(pcm: Int16Array): Promise<void>;
  /** So many samples per channel of silence. */
  appendSilence(samplesPerChannel: number): Promise<void>;
  /** Completes and closes it. */
  finish(): Promise<void>;
  /** Lets go of it as it is. */
  abandon(): Promise<void>;
}

/** 16-bit PCM. Silence is a hole, which takes no room on most disks. */
export class WavFile implements RecordingFile {
  readonly #format: RecordingFormat;
  #file: FileHandle | undefined;
  #dataBytes = 0;

  constructor(format: RecordingFormat) {
    this.#format = format;
  }

  async open(): Promise<void> {
    this.#file = await open(this.#format.path, "w");
    await this.#writeHeader();
  }

  async append(pcm: Int16Array): Promise<void> {
    const bytes = new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength);
    await this.#file?.write(bytes, 0, bytes.length, RECORDING_HEADER_BYTES + this.#dataBytes);
    this.#dataBytes += bytes.length;
  }

  async appendSilence(samplesPerChannel: number): Promise<void> {
    this.#dataBytes += samplesPerChannel * this.#format.channels * Int16Array.BYTES_PER_ELEMENT;
  }

  async finish(): Promise<void> {
    await this.#writeHeader();
    await this.#file?.truncate(RECORDING_HEADER_BYTES + this.#dataBytes);
    await this.abandon();
  }

  async abandon(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  async #writeHeader(): Promise<void> {
    const { sampleRate, channels } = this.#format;
    const header = recordingHeader({ sampleRate, channels, dataBytes: this.#dataBytes });
    await this.#file?.write(header, 0, header.length, 0);
  }
}

/** Ogg Opus, each channel encoded apart on the thread pool. */
export class OggOpusFile implements RecordingFile {
  readonly #format: RecordingFormat;
  readonly #encoder: NativeObject;
  #file: FileHandle | undefined;

  /** `bitRate` is that of each channel, in bit/s. */
  constructor(format: RecordingFormat, options: { bitRate: number; complexity: number }) {
    this.#format = format;
    const { sampleRate, channels } = format;
    this.#encoder = loadBinding().oggOpusCreate({ sampleRate, channels, ...options });
  }

  async open(): Promise<void> {
    this.#file = await open(this.#format.path, "w");
  }

  async append(pcm: Int16Array): Promise<void> {
    await this.#write(await loadBinding().oggOpusWrite(this.#encoder, pcm));
  }

  async appendSilence(samplesPerChannel: number): Promise<void> {
    const silence = new Int16Array(SILENT_PIECE * this.#format.channels);
    for (let left = samplesPerChannel; left > 0; left -= SILENT_PIECE) {
      const length = Math.min(left, SILENT_PIECE) * this.#format.channels;
      await this.append(silence.subarray(0, length));
    }
  }

  async finish(): Promise<void> {
    await this.#write(await loadBinding().oggOpusFinish(this.#encoder));
    await this.abandon();
  }

  async abandon(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    if (bytes.length > 0) await this.#file?.writeFile(bytes);
  }
}
